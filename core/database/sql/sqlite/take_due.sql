-- A relay takes due jobs of a queue for a while: another relay passes them over, and a dead one's come back by
-- themselves. The urgent first; of the same priority owners in turn, those with less in hand before the others.
UPDATE core_job
SET publish_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, %(hold)s || ' seconds')
WHERE id IN (
    WITH RECURSIVE turns (priority, owner_id) AS (
        SELECT p.priority, (
            SELECT min(j.owner_id) FROM core_job j
            WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying')
        ) FROM (SELECT 2 AS priority UNION ALL SELECT 1 UNION ALL SELECT 0) AS p
        WHERE p.priority >= %(lowest)s
        UNION ALL
        SELECT t.priority, (
            SELECT min(j.owner_id) FROM core_job j
            WHERE j.queue = %(queue)s AND j.priority = t.priority AND j.owner_id > t.owner_id
              AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying')
        ) FROM turns t WHERE t.owner_id IS NOT NULL
    ), people AS (
        SELECT priority, owner_id FROM turns WHERE owner_id IS NOT NULL
    ), in_hand AS (
        SELECT owner_id, count(*) AS jobs FROM (
            SELECT owner_id FROM core_job WHERE queue = %(queue)s AND published_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying')
            UNION ALL
            SELECT owner_id FROM core_job WHERE queue = %(queue)s AND state = 'running'
        ) GROUP BY owner_id
    )
    SELECT d.id
    FROM people p
    JOIN core_job d ON d.id IN (
        SELECT j.id FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id
          AND j.published_at IS NULL AND j.is_held = 0 AND j.state IN ('scheduled', 'queued', 'retrying') AND j.publish_at <= {now}
        ORDER BY j.publish_at, j.id LIMIT %(limit)s
    )
    LEFT JOIN in_hand h ON h.owner_id = p.owner_id
    ORDER BY p.priority DESC,
        COALESCE(h.jobs, 0) + row_number() OVER (PARTITION BY p.priority, p.owner_id ORDER BY d.publish_at, d.id),
        d.publish_at, d.id
    LIMIT %(limit)s
)
RETURNING id, queue, priority, pipeline, owner_id, attempt + 1
