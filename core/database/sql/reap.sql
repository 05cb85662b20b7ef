-- Leases that ran out: the worker is gone, or so slow that it lost the job. One pass is bounded. A server that has
-- just started gives those who could not reach it a moment to renew.
SELECT j.id, j.worker,
    {random} * {least}(%(base)s * (1 << {least}(j.crashes, 20)), %(cap)s) AS delay,
    CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
        WHEN j.crashes + 1 >= j.max_crashes OR j.attempt >= j.max_attempts THEN 'failed' ELSE 'retrying' END AS state,
    CASE WHEN j.cancel_requested_at IS NOT NULL THEN ''
        WHEN j.crashes + 1 >= j.max_crashes
            THEN 'The worker was lost ' || (j.crashes + 1) || ' times while it ran this job.'
        WHEN j.attempt >= j.max_attempts
            THEN 'The worker was lost, and all ' || j.max_attempts || ' attempts are used up.'
        ELSE 'The worker was lost; the job goes on from the last step it had completed.' END AS error
FROM core_job j
WHERE j.state = 'running' AND j.lease_until < {now} AND (%(worker)s = '' OR j.worker = %(worker)s)
    {postgresql:AND pg_postmaster_start_time() + make_interval(secs => %(settle)s) < clock_timestamp()}
ORDER BY j.lease_until LIMIT %(limit)s {lock_free}
SET
    state = p.state, error = p.error, crashes = j.crashes + 1, is_held = p.state = 'retrying' AND {passes_gate},
    run_at = {later:p.delay}, publish_at = {later:p.delay}, published_at = NULL, lease_until = NULL, worker = '',
    finished_at = CASE WHEN p.state IN {terminal} THEN {now} END
EVENT kind = 'crashed', worker = p.worker
EVENT kind = p.state, worker = p.worker, text = p.error
ALSO {end_signal}
RETURN j.id, j.fence, j.state, j.parent_id
