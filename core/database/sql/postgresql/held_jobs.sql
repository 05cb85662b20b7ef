-- The lanes in which jobs of a pipeline are held, each found by one probe of the index, and the first due jobs of each;
-- a lane without a due one is told as well, so that a reader knows how far it came.
WITH RECURSIVE lanes (owner_id, lane) AS (
    (
        SELECT owner_id, lane FROM core_job
        WHERE pipeline = %(pipeline)s AND is_held AND state IN ('scheduled', 'queued', 'retrying')
          AND (owner_id, lane) >= (%(owner)s, %(lane)s) AND (owner_id, lane) < (%(until_owner)s, %(until_lane)s)
        ORDER BY owner_id, lane LIMIT 1
    )
    UNION ALL
    SELECT n.owner_id, n.lane FROM lanes l CROSS JOIN LATERAL (
        SELECT j.owner_id, j.lane FROM core_job j
        WHERE j.pipeline = %(pipeline)s AND j.is_held AND j.state IN ('scheduled', 'queued', 'retrying') AND (j.owner_id, j.lane) > (l.owner_id, l.lane)
          AND (j.owner_id, j.lane) < (%(until_owner)s, %(until_lane)s)
        ORDER BY j.owner_id, j.lane LIMIT 1
    ) n
), found AS MATERIALIZED (
    SELECT * FROM lanes LIMIT %(lanes)s
)
SELECT h.id, h.priority, l.owner_id, l.lane
FROM found l LEFT JOIN LATERAL (
    SELECT j.id, j.priority FROM core_job j
    WHERE j.pipeline = %(pipeline)s AND j.is_held AND j.state IN ('scheduled', 'queued', 'retrying') AND j.owner_id = l.owner_id AND j.lane = l.lane
      AND j.run_at <= (SELECT {now})
    ORDER BY j.priority DESC, j.id LIMIT (SELECT GREATEST(2, %(jobs)s / count(*)) FROM found)
) h ON true
ORDER BY l.owner_id, l.lane
