-- Locks the job's row until the commit that follows: no other attempt can claim it in between. Here as elsewhere the
-- lock leaves the key alone: a long step, whose rows refer to the job, does not keep the keeper from renewing it.
SELECT cancel_requested_at IS NOT NULL FROM core_job
WHERE id = %(id)s AND fence = %(fence)s AND state = 'running'
FOR NO KEY UPDATE
