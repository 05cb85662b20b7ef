-- A relay takes due jobs of a queue for a while: another relay passes them over, and a dead one's come back by
-- themselves. The urgent first; of the same priority owners in turn, those with less in hand before the others.
-- `IS TRUE` keeps the planner at the primary key where ids are known.
WITH RECURSIVE {turns}, in_hand AS (
    SELECT owner_id, count(*) AS jobs FROM (
        SELECT owner_id FROM core_job
        WHERE queue = %(queue)s AND published_at IS NOT NULL AND state IN {claimable}
        UNION ALL
        SELECT owner_id FROM core_job WHERE queue = %(queue)s AND state = 'running'
    ) AS busy
    -- One owner alone waits for nobody: nothing is counted.
    WHERE (SELECT count(DISTINCT owner_id) FROM people) > 1
    GROUP BY owner_id
), chosen AS MATERIALIZED (
    SELECT d.id FROM people p {each:d
        WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id AND {unpublished}
          AND j.publish_at <= (SELECT {now})
        ORDER BY j.publish_at, j.id
        LIMIT {postgresql:(SELECT GREATEST(8, 2 * %(limit)s / count(*)) FROM people)} {sqlite:%(limit)s}}
    LEFT JOIN in_hand h ON h.owner_id = p.owner_id
    ORDER BY p.priority DESC,
        COALESCE(h.jobs, 0) + row_number() OVER (PARTITION BY p.priority, p.owner_id ORDER BY d.publish_at, d.id),
        d.publish_at, d.id
    LIMIT %(limit)s
)
SELECT j.id FROM core_job j
WHERE j.id {among:SELECT id FROM chosen} AND ({unpublished} AND j.publish_at <= {now}) IS TRUE
ORDER BY j.id {lock_free}
SET publish_at = {later:%(hold)s}
RETURN j.id, j.queue, j.priority, j.pipeline, j.owner_id, j.attempt + 1
