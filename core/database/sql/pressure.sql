-- What one owner, and the site, have in hand. A limit of 0 is not counted; no count goes further than its limit.
-- Each subquery names the condition of the partial index that answers it. Some pipelines are not of a person's making.
SELECT
    EXISTS (SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND idempotency_key = %(key)s) AS is_repeat,
    {epoch:{now}} AS now,
    CASE WHEN %(running)s > 0 THEN (SELECT count(*) FROM (
        SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline {not_in:no_load}
          AND state IN {live} AND state IN {begun} LIMIT %(running)s) r) ELSE 0 END AS running,
    CASE WHEN %(queued)s > 0 THEN (SELECT count(*) FROM (
        SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline {not_in:no_load}
          AND state IN {live} AND state IN {claimable} LIMIT %(queued)s) q) ELSE 0 END AS queued,
    CASE WHEN %(submits)s > 0 THEN (
        SELECT {epoch:created_at} FROM core_job
        WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline {not_in:no_load}
        ORDER BY id DESC LIMIT 1 OFFSET %(earlier)s) END AS oldest,
    CASE WHEN %(stored)s > 0 THEN (SELECT CAST(COALESCE(sum(size), 0) AS bigint) FROM (
        SELECT DISTINCT a.path, a.size FROM core_job j JOIN core_artifact a ON a.job_id = j.id
        WHERE j.owner_id = %(owner)s AND j.parent_id IS NULL) f) ELSE 0 END AS stored,
    CASE WHEN %(all)s > 0 THEN
        (SELECT count(*) FROM (SELECT 1 FROM core_job j
            WHERE j.published_at IS NOT NULL AND j.state IN {claimable} LIMIT %(all)s) p)
        + (SELECT count(*) FROM (SELECT 1 FROM core_job j WHERE {unpublished} LIMIT %(all)s) u)
        + (SELECT count(*) FROM (SELECT 1 FROM core_job j WHERE {held} LIMIT %(all)s) w)
    ELSE -1 END AS everybody
