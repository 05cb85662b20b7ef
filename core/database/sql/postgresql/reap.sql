-- Leases that ran out: the worker is gone, or so slow that it lost the job. One pass is bounded. A server that has
-- just started gives those who could not reach it a moment to renew.
WITH expired AS (
    SELECT id, attempt, worker,
        random() * LEAST(%(base)s * power(2, LEAST(crashes, 20)), %(cap)s) AS delay
    FROM core_job
    WHERE state = 'running' AND lease_until < {now}
      AND pg_postmaster_start_time() + make_interval(secs => %(settle)s) < clock_timestamp()
      AND (%(worker)s = '' OR worker = %(worker)s)
    ORDER BY lease_until
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), reaped AS (
    UPDATE core_job j SET
        state = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
            WHEN crashes + 1 >= max_crashes OR j.attempt >= max_attempts THEN 'failed' ELSE 'retrying' END,
        error = CASE WHEN cancel_requested_at IS NOT NULL THEN ''
            WHEN crashes + 1 >= max_crashes
                THEN 'The worker was lost ' || (crashes + 1) || ' times while it ran this job.'
            WHEN j.attempt >= max_attempts
                THEN 'The worker was lost, and all ' || max_attempts || ' attempts are used up.'
            ELSE 'The worker was lost; the job goes on from the last step it had completed.' END,
        crashes = crashes + 1,
        is_held = cancel_requested_at IS NULL AND crashes + 1 < max_crashes AND j.attempt < max_attempts
            AND (lane <> '' OR task = '' AND EXISTS (
            SELECT 1 FROM core_gate g WHERE g.pipeline = j.pipeline AND g.paused_at IS NOT NULL)),
        run_at = {now} + make_interval(secs => e.delay), publish_at = {now} + make_interval(secs => e.delay),
        published_at = NULL, lease_until = NULL, worker = '',
        finished_at = CASE WHEN cancel_requested_at IS NOT NULL OR crashes + 1 >= max_crashes
            OR j.attempt >= max_attempts THEN {now} END
    FROM expired e WHERE j.id = e.id
    RETURNING j.id, j.state, j.fence, j.parent_id, j.error, e.attempt, e.worker
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'crashed', attempt, worker, '', '' FROM reaped
    UNION ALL
    SELECT id, {now}, state, attempt, worker, error, '' FROM reaped
)
SELECT id, state, fence, parent_id FROM reaped
