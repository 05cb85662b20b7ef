-- Seconds until the queue's next job is to be published; below zero when it is late, none when there is nothing.
WITH RECURSIVE turns (priority, owner_id) AS (
    SELECT p.priority, (
        SELECT min(j.owner_id) FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying')
    ) FROM (SELECT 2 AS priority UNION ALL SELECT 1 UNION ALL SELECT 0) AS p
    UNION ALL
    SELECT t.priority, (
        SELECT min(j.owner_id) FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = t.priority AND j.owner_id > t.owner_id
          AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying')
    ) FROM turns t WHERE t.owner_id IS NOT NULL
), people AS (
    SELECT priority, owner_id FROM turns WHERE owner_id IS NOT NULL
)
SELECT (julianday(min((
    SELECT min(j.publish_at) FROM core_job j
    WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying')
))) - julianday({now})) * 86400.0
FROM people p
