-- The lanes in which jobs of a pipeline are held, each found by one probe of the index, and the first due jobs of each;
-- a lane without a due one is told as well, so that a reader knows how far it came.
WITH RECURSIVE lanes (owner_id, lane) AS (
    SELECT * FROM (
        SELECT j.owner_id, j.lane FROM core_job j
        WHERE j.pipeline = %(pipeline)s AND {held}
          AND (j.owner_id, j.lane) >= (%(owner)s, %(lane)s)
        ORDER BY j.owner_id, j.lane LIMIT 1
    ) AS start
    UNION ALL
    SELECT n.owner_id, n.lane FROM lanes l {each:n
        WHERE j.pipeline = %(pipeline)s AND {held} AND (j.owner_id, j.lane) > (l.owner_id, l.lane)
        ORDER BY j.owner_id, j.lane LIMIT 1}
    WHERE %(to_the_end)s OR (l.owner_id, l.lane) < (%(until_owner)s, %(until_lane)s)
    {sqlite:LIMIT %(lanes)s}
), found AS MATERIALIZED (
    -- The walk ends with the first lane past its end.
    SELECT * FROM lanes l
    WHERE %(to_the_end)s OR (l.owner_id, l.lane) < (%(until_owner)s, %(until_lane)s)
    {postgresql:LIMIT %(lanes)s}
)
SELECT h.id, h.priority, l.owner_id, l.lane
FROM found l LEFT {each:h
    WHERE j.pipeline = %(pipeline)s AND {held} AND j.owner_id = l.owner_id AND j.lane = l.lane
      AND j.run_at <= (SELECT {now})
    ORDER BY j.priority DESC, j.id LIMIT (SELECT {greatest}(2, %(jobs)s / count(*)) FROM found)}
ORDER BY l.owner_id, l.lane
