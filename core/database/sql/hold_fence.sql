-- Locks the job's row until the commit that follows: no other attempt can claim it in between.
SELECT j.cancel_requested_at IS NOT NULL FROM core_job j
WHERE j.id = %(id)s AND j.fence = %(fence)s AND j.state = 'running'
{lock}
