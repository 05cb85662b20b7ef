-- What one owner, and the site, have in hand. A limit of 0 is not counted; no count goes further than its limit.
-- Each subquery names the condition of the partial index that answers it. Mails to a person are not of their making.
SELECT
    EXISTS (SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND idempotency_key = %(key)s) AS is_known,
    (julianday({now}) - 2440587.5) * 86400.0 AS now,
    CASE WHEN %(running)s > 0 THEN (SELECT count(*) FROM (
        SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline <> 'mail'
          AND state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting') AND state IN ('running', 'waiting')
        LIMIT %(running)s) r) ELSE 0 END AS running,
    CASE WHEN %(queued)s > 0 THEN (SELECT count(*) FROM (
        SELECT 1 FROM core_job WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline <> 'mail'
          AND state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting')
          AND state IN ('scheduled', 'queued', 'retrying')
        LIMIT %(queued)s) q) ELSE 0 END AS queued,
    CASE WHEN %(submits)s > 0 THEN (
        SELECT (julianday(created_at) - 2440587.5) * 86400.0 FROM core_job
        WHERE owner_id = %(owner)s AND parent_id IS NULL AND pipeline <> 'mail'
        ORDER BY id DESC LIMIT 1 OFFSET %(earlier)s) END AS oldest,
    CASE WHEN %(stored)s > 0 THEN (SELECT COALESCE(sum(size), 0) FROM (
        SELECT DISTINCT a.path, a.size FROM core_job j JOIN core_artifact a ON a.job_id = j.id
        WHERE j.owner_id = %(owner)s AND j.parent_id IS NULL) f) ELSE 0 END AS stored,
    CASE WHEN %(all)s > 0 THEN
        (SELECT count(*) FROM (SELECT 1 FROM core_job WHERE published_at IS NOT NULL
            AND state IN ('scheduled', 'queued', 'retrying') LIMIT %(all)s) p)
        + (SELECT count(*) FROM (SELECT 1 FROM core_job WHERE published_at IS NULL AND is_held = 0
            AND state IN ('scheduled', 'queued', 'retrying') LIMIT %(all)s) u)
        + (SELECT count(*) FROM (SELECT 1 FROM core_job WHERE is_held = 1
            AND state IN ('scheduled', 'queued', 'retrying') LIMIT %(all)s) h)
    ELSE -1 END AS everybody
