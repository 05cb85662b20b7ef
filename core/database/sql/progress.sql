-- Progress of many attempts at once, each under its fence: the lock holds the fence still until commit. All ids are
-- locked in their order, also those that only the end in the same transaction is about: no deadlocks.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
WITH locked AS (
    SELECT j.id, j.fence, j.cancel_requested_at IS NOT NULL AS is_cancelling FROM core_job j
    WHERE j.id {in:ids} AND (j.state = 'running') IS TRUE
    ORDER BY j.id {lock}
)
SELECT w.*, l.is_cancelling
FROM {rows:rows AS w (
    id bigint, fence bigint, stages jsonb, done bigint, total bigint, unit text, note text, rate double precision,
    step jsonb, is_whole boolean
)} JOIN locked l ON l.id = w.id AND l.fence = w.fence
SET core_jobprogress.job_id:
    stages = p.stages, done = p.done, total = p.total, unit = p.unit, note = p.note, rate = p.rate, step = p.step,
    is_whole = p.is_whole,
    version = j.version + 1, updated_at = {now}
RETURN p.id, p.fence, p.is_cancelling
