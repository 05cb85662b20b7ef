-- A relay takes due jobs of a queue for a while: another relay passes them over, and a dead one's come back by
-- themselves. The urgent first; of the same priority owners in turn, those with less in hand before the others.
-- Each subquery is one probe of the index job_turn. `IS TRUE` keeps the planner at the primary key where ids are known.
WITH RECURSIVE turns (priority, owner_id) AS (
    SELECT p.priority, (
        SELECT j.owner_id FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
        ORDER BY j.owner_id LIMIT 1
    ) FROM (VALUES (2::smallint), (1::smallint), (0::smallint)) AS p (priority)
    WHERE p.priority >= %(lowest)s
    UNION ALL
    SELECT t.priority, (
        SELECT j.owner_id FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = t.priority AND j.owner_id > t.owner_id AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
        ORDER BY j.owner_id LIMIT 1
    ) FROM turns t WHERE t.owner_id IS NOT NULL
), people AS MATERIALIZED (
    SELECT priority, owner_id FROM turns WHERE owner_id IS NOT NULL
), in_hand AS (
    SELECT owner_id, count(*) AS jobs FROM (
        SELECT owner_id FROM core_job WHERE queue = %(queue)s AND published_at IS NOT NULL AND state IN ('scheduled', 'queued', 'retrying')
        UNION ALL
        SELECT owner_id FROM core_job WHERE queue = %(queue)s AND state = 'running'
    ) AS busy
    -- One owner alone waits for nobody: nothing is counted.
    WHERE (SELECT count(DISTINCT owner_id) FROM people) > 1
    GROUP BY owner_id
), picked AS MATERIALIZED (
    SELECT d.id, row_number() OVER (
        ORDER BY p.priority DESC, COALESCE(h.jobs, 0) + d.turn, d.publish_at, d.id
    ) AS place
    FROM people p
    CROSS JOIN LATERAL (
        SELECT j.id, j.publish_at, row_number() OVER (ORDER BY j.publish_at, j.id) AS turn FROM core_job j
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id AND j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
          AND j.publish_at <= (SELECT {now})
        ORDER BY j.publish_at, j.id
        LIMIT (SELECT GREATEST(8, 2 * %(limit)s / count(*)) FROM people)
    ) d
    LEFT JOIN in_hand h ON h.owner_id = p.owner_id
    ORDER BY place LIMIT %(limit)s
), due AS (
    SELECT j.id FROM core_job j
    WHERE j.id = ANY(ARRAY(SELECT id FROM picked))
      AND (j.published_at IS NULL AND NOT j.is_held AND j.state IN ('scheduled', 'queued', 'retrying') AND j.publish_at <= {now}) IS TRUE
    ORDER BY j.id FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE core_job j SET publish_at = {now} + make_interval(secs => %(hold)s)
FROM due WHERE j.id = due.id
RETURNING j.id, j.queue, j.priority, j.pipeline, j.owner_id, j.attempt + 1
