-- Seconds until the queue's next job is to be published; below zero when it is late, none when there is nothing.
WITH RECURSIVE turns (priority, owner_id) AS (
    SELECT p.priority, (
        SELECT j.owner_id FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
        ORDER BY j.owner_id LIMIT 1
    ) FROM (VALUES (2::smallint), (1::smallint), (0::smallint)) AS p (priority)
    UNION ALL
    SELECT t.priority, (
        SELECT j.owner_id FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = t.priority AND j.owner_id > t.owner_id AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
        ORDER BY j.owner_id LIMIT 1
    ) FROM turns t WHERE t.owner_id IS NOT NULL
), people AS MATERIALIZED (
    SELECT priority, owner_id FROM turns WHERE owner_id IS NOT NULL
)
SELECT extract(epoch FROM min(f.publish_at) - {now})::double precision FROM people p CROSS JOIN LATERAL (
    SELECT j.publish_at FROM core_job j
    WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
    ORDER BY j.publish_at LIMIT 1
) f
