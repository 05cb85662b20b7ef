-- Ends attempts, each under its fence. A cancel that was accepted first wins: no result appears after it.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(ends)s::jsonb) AS w (
        id bigint, fence bigint, state text, kind text, result jsonb, error text, detail text,
        delay double precision, crashed int
    )
), held AS (
    SELECT j.id, j.attempt, j.worker, w.result, w.error, w.detail, w.delay, w.crashed,
        CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE w.state END AS state,
        CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE w.kind END AS kind
    FROM core_job j JOIN wanted w ON w.id = j.id AND w.fence = j.fence
    WHERE j.id = ANY(%(ids)s) AND (j.state = 'running') IS TRUE
    ORDER BY j.id FOR NO KEY UPDATE OF j
), ended AS (
    UPDATE core_job j SET
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
            THEN {now} + make_interval(secs => h.delay) ELSE j.run_at END,
        publish_at = CASE WHEN h.state IN ('retrying', 'queued', 'scheduled')
            THEN {now} + make_interval(secs => h.delay) ELSE j.publish_at END,
        published_at = NULL, lease_until = NULL, worker = '',
        finished_at = CASE WHEN h.state IN ('succeeded', 'failed', 'cancelled') THEN {now} END
    FROM held h WHERE j.id = h.id
    RETURNING j.id, j.fence, j.state, h.kind, h.attempt, h.worker, h.error, h.detail
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, kind, attempt, worker, CASE WHEN state = kind AND state IN ('succeeded', 'cancelled')
        THEN '' ELSE error END, detail
    FROM ended
)
SELECT id, fence, state FROM ended
