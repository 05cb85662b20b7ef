-- What was let go and nobody has begun is held again. What was handed back, or woken by its parts, has begun; what a
-- person tries again has not, until it is claimed.
UPDATE core_job SET is_held = 1, published_at = NULL
WHERE pipeline = %(pipeline)s AND is_held = 0 AND state IN ('scheduled', 'queued', 'retrying') AND task = ''
  AND (lane <> '' OR %(everything)s) AND NOT (state = 'queued' AND fence > 0 AND EXISTS (
    SELECT 1 FROM core_jobevent e
    WHERE e.job_id = core_job.id AND e.kind = 'claimed' AND e.id > COALESCE((
        SELECT max(r.id) FROM core_jobevent r WHERE r.job_id = core_job.id AND r.kind = 'requeued'), 0)))
RETURNING owner_id, lane
