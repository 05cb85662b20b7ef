-- What was let go and nobody has begun is held again. What was handed back, or woken by its parts, has begun; what a
-- person tries again has not, until it is claimed.
SELECT j.id FROM core_job j
WHERE j.pipeline = %(pipeline)s AND j.is_held = {no} AND j.state IN {claimable} AND j.task = ''
  AND (j.lane <> '' OR %(everything)s) AND NOT (j.state = 'queued' AND j.fence > 0 AND EXISTS (
    SELECT 1 FROM core_jobevent e
    WHERE e.job_id = j.id AND e.kind = 'claimed' AND e.id > COALESCE((
        SELECT max(r.id) FROM core_jobevent r WHERE r.job_id = j.id AND r.kind = 'requeued'), 0)))
ORDER BY j.id {lock}
SET is_held = {yes}, published_at = NULL
RETURN j.owner_id, j.lane
