-- Ends attempts, each under its fence. A cancel that was accepted first wins: no result appears after it.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
SELECT j.id, j.attempt, j.worker, w.result, w.error, w.detail, w.error_class, w.delay, w.crashed,
    CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE w.state END AS state,
    CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE w.kind END AS kind
FROM core_job j JOIN {rows:ends AS w (
    id bigint, fence bigint, state text, kind text, result jsonb, error text, detail text, error_class text,
    delay double precision, crashed int
)} ON w.id = j.id AND w.fence = j.fence
WHERE {postgresql:j.id {in:ids} AND} (j.state = 'running') IS TRUE
ORDER BY j.id {lock}
SET
    state = p.state,
    result = CASE WHEN p.state = 'succeeded' THEN p.result END,
    error = CASE WHEN p.state IN ('succeeded', 'cancelled', 'waiting') THEN '' ELSE p.error END,
    -- Handing back, and waiting for children or for a time, is no attempt of the pipeline's: it does not count.
    attempt = CASE WHEN p.state IN {uncounted} THEN j.attempt - 1 ELSE j.attempt END,
    is_held = p.state IN {delayed} AND {passes_gate},
    crashes = j.crashes + p.crashed,
    run_at = CASE WHEN p.state IN {claimable} THEN {later:p.delay} ELSE j.run_at END,
    publish_at = CASE WHEN p.state IN {claimable} THEN {later:p.delay} ELSE j.publish_at END,
    published_at = NULL, lease_until = NULL, worker = '',
    finished_at = CASE WHEN p.state IN {terminal} THEN {now} END
EVENT kind = p.kind, attempt = p.attempt, worker = p.worker, detail = p.detail, error_class = p.error_class,
    text = CASE WHEN p.state = p.kind AND p.state IN ('succeeded', 'cancelled') THEN '' ELSE p.error END
ALSO {end_signal}
RETURN j.id, j.fence, j.state
