-- What was let go and nobody has begun is held again. What was handed back, or woken by its parts, has begun; what a
-- person tries again has not, until it is claimed.
WITH chosen AS (
    SELECT id FROM core_job
    WHERE pipeline = %(pipeline)s AND NOT is_held AND state IN ('scheduled', 'queued', 'retrying') AND task = ''
      AND (lane <> '' OR %(everything)s) AND NOT (state = 'queued' AND fence > 0 AND EXISTS (
        SELECT 1 FROM core_jobevent e
        WHERE e.job_id = core_job.id AND e.kind = 'claimed' AND e.id > COALESCE((
            SELECT max(r.id) FROM core_jobevent r WHERE r.job_id = core_job.id AND r.kind = 'requeued'), 0)))
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE core_job j SET is_held = true, published_at = NULL FROM chosen c WHERE j.id = c.id
RETURNING j.owner_id, j.lane
