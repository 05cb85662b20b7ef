-- How many jobs of a pipeline wait at its gate, by owner and lane.
SELECT j.owner_id, j.lane, count(*) FROM core_job j
WHERE j.pipeline = %(pipeline)s AND {held} AND j.run_at <= {now}
GROUP BY j.owner_id, j.lane
