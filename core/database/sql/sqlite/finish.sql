-- Ends attempts, each under its fence. A cancel that was accepted first wins: no result appears after it.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT j.id, {now},
    CASE WHEN j.cancel_requested_at IS NOT NULL
        THEN 'cancelled' ELSE w.value ->> 'kind' END,
    j.attempt, j.worker,
    CASE WHEN j.cancel_requested_at IS NOT NULL OR w.value ->> 'state' IN ('succeeded', 'cancelled')
        THEN '' ELSE w.value ->> 'error' END,
    w.value ->> 'detail'
FROM json_each(%(ends)s) AS w
JOIN core_job j ON j.id = w.value ->> 'id' AND j.fence = w.value ->> 'fence' AND j.state = 'running';

UPDATE core_job AS j SET
    state = h.state,
    result = CASE WHEN h.state = 'succeeded' THEN h.result END,
    error = CASE WHEN h.state IN ('succeeded', 'cancelled', 'waiting') THEN '' ELSE h.error END,
    -- Handing back, and waiting for children or for a time, is no attempt of the pipeline's: it does not count.
    attempt = CASE WHEN h.state IN ('queued', 'waiting', 'scheduled') THEN j.attempt - 1 ELSE j.attempt END,
    -- What is tried again, or was told to wait, passes its limits anew.
    is_held = h.state IN ('retrying', 'scheduled') AND (j.lane <> '' OR j.task = '' AND EXISTS (
        SELECT 1 FROM core_gate g WHERE g.pipeline = j.pipeline AND g.paused_at IS NOT NULL)),
    crashes = j.crashes + h.crashed,
    run_at = CASE WHEN h.state IN ('retrying', 'queued', 'scheduled')
        THEN STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, h.delay || ' seconds') ELSE j.run_at END,
    publish_at = CASE WHEN h.state IN ('retrying', 'queued', 'scheduled')
        THEN STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, h.delay || ' seconds') ELSE j.publish_at END,
    published_at = NULL, lease_until = NULL, worker = '',
    finished_at = CASE WHEN h.state IN ('succeeded', 'failed', 'cancelled') THEN {now} END
FROM (
    SELECT w.value ->> 'id' AS id, w.value ->> 'fence' AS fence, w.value -> 'result' AS result,
        w.value ->> 'error' AS error, w.value ->> 'delay' AS delay, w.value ->> 'crashed' AS crashed,
        CASE WHEN o.cancel_requested_at IS NOT NULL
            THEN 'cancelled' ELSE w.value ->> 'state' END AS state
    FROM json_each(%(ends)s) AS w JOIN core_job o ON o.id = w.value ->> 'id'
) AS h
WHERE j.id = h.id AND j.fence = h.fence AND j.state = 'running'
RETURNING id, fence, state;
