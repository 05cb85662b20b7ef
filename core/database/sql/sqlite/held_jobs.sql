-- The lanes in which jobs of a pipeline are held, each found by one probe of the index, and the first due jobs of each;
-- a lane without a due one is told as well, so that a reader knows how far it came.
WITH RECURSIVE lanes (owner_id, lane) AS (
    SELECT * FROM (
        SELECT owner_id, lane FROM core_job
        WHERE pipeline = %(pipeline)s AND is_held = 1 AND state IN ('scheduled', 'queued', 'retrying')
          AND (owner_id, lane) >= (%(owner)s, %(lane)s) AND (owner_id, lane) < (%(until_owner)s, %(until_lane)s)
        ORDER BY owner_id, lane LIMIT 1
    )
    UNION ALL
    SELECT j.owner_id, j.lane FROM lanes l JOIN core_job j ON j.id = (
        SELECT n.id FROM core_job n
        WHERE n.pipeline = %(pipeline)s AND n.is_held = 1 AND n.state IN ('scheduled', 'queued', 'retrying') AND (n.owner_id, n.lane) > (l.owner_id, l.lane)
          AND (n.owner_id, n.lane) < (%(until_owner)s, %(until_lane)s)
        ORDER BY n.owner_id, n.lane LIMIT 1
    )
    LIMIT %(lanes)s
), found AS (
    SELECT * FROM lanes
)
SELECT h.id, h.priority, l.owner_id, l.lane
FROM found l LEFT JOIN core_job h ON h.id IN (
    SELECT j.id FROM core_job j
    WHERE j.pipeline = %(pipeline)s AND j.is_held = 1 AND j.state IN ('scheduled', 'queued', 'retrying') AND j.owner_id = l.owner_id AND j.lane = l.lane
      AND j.run_at <= {now}
    ORDER BY j.priority DESC, j.id LIMIT (SELECT MAX(2, %(jobs)s / count(*)) FROM found)
)
ORDER BY l.owner_id, l.lane
