-- Locks the job's row until the commit that follows: no other attempt can claim it in between.
SELECT cancel_requested_at IS NOT NULL FROM core_job
WHERE id = %(id)s AND fence = %(fence)s AND state = 'running'
FOR NO KEY UPDATE
