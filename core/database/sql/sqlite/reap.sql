-- Leases that ran out: the worker is gone, or so slow that it lost the job. One pass is bounded.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT * FROM (
    SELECT id, {now}, 'crashed', attempt, worker, '', '' FROM core_job
    WHERE state = 'running' AND lease_until < {now} AND (%(worker)s = '' OR worker = %(worker)s)
    ORDER BY lease_until LIMIT %(limit)s
);

INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now},
    CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
        WHEN crashes + 1 >= max_crashes OR attempt >= max_attempts THEN 'failed' ELSE 'retrying' END,
    attempt, worker,
    CASE WHEN cancel_requested_at IS NOT NULL THEN ''
        WHEN crashes + 1 >= max_crashes
            THEN 'The worker was lost ' || (crashes + 1) || ' times while it ran this job.'
        WHEN attempt >= max_attempts
            THEN 'The worker was lost, and all ' || max_attempts || ' attempts are used up.'
        ELSE 'The worker was lost; the job goes on from the last step it had completed.' END,
    ''
FROM core_job
WHERE state = 'running' AND lease_until < {now} AND (%(worker)s = '' OR worker = %(worker)s)
ORDER BY lease_until LIMIT %(limit)s;

UPDATE core_job SET
    state = CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
        WHEN crashes + 1 >= max_crashes OR attempt >= max_attempts THEN 'failed' ELSE 'retrying' END,
    error = CASE WHEN cancel_requested_at IS NOT NULL THEN ''
        WHEN crashes + 1 >= max_crashes
            THEN 'The worker was lost ' || (crashes + 1) || ' times while it ran this job.'
        WHEN attempt >= max_attempts
            THEN 'The worker was lost, and all ' || max_attempts || ' attempts are used up.'
        ELSE 'The worker was lost; the job goes on from the last step it had completed.' END,
    crashes = crashes + 1,
    is_held = cancel_requested_at IS NULL AND crashes + 1 < max_crashes AND attempt < max_attempts
        AND (lane <> '' OR task = '' AND EXISTS (
        SELECT 1 FROM core_gate g WHERE g.pipeline = core_job.pipeline AND g.paused_at IS NOT NULL)),
    run_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now},
        (abs(random() %% 1000) / 1000.0 * MIN(%(base)s * (1 << MIN(crashes, 20)), %(cap)s)) || ' seconds'),
    -- Past, whatever a relay's hold had made of it: the update below sets it.
    publish_at = created_at, published_at = NULL, lease_until = NULL, worker = '',
    finished_at = CASE WHEN cancel_requested_at IS NOT NULL OR crashes + 1 >= max_crashes
        OR attempt >= max_attempts THEN {now} END
WHERE id IN (
    SELECT id FROM core_job
    WHERE state = 'running' AND lease_until < {now} AND (%(worker)s = '' OR worker = %(worker)s)
    ORDER BY lease_until LIMIT %(limit)s
)
RETURNING id, state, fence, parent_id;

-- The delay was drawn at random above; the relay looks again when it is over.
UPDATE core_job SET publish_at = run_at
WHERE state = 'retrying' AND published_at IS NULL AND publish_at < run_at;
