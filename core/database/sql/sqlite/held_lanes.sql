-- How many jobs of a pipeline wait at its gate, by owner and lane.
SELECT owner_id, lane, count(*) FROM core_job
WHERE pipeline = %(pipeline)s AND is_held = 1 AND state IN ('scheduled', 'queued', 'retrying') AND run_at <= {now}
GROUP BY owner_id, lane
