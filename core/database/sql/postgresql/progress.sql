-- Progress of many attempts at once, each under its fence: the lock holds the fence still until commit. All ids are
-- locked in their order, also those that only the end in the same transaction is about: no deadlocks.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
WITH locked AS (
    SELECT id, fence, cancel_requested_at IS NOT NULL AS cancelling FROM core_job
    WHERE id = ANY(%(ids)s) AND (state = 'running') IS TRUE
    ORDER BY id FOR NO KEY UPDATE
), held AS (
    SELECT w.*, j.cancelling
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
        id bigint, fence bigint, stages jsonb, done bigint, total bigint, unit text, note text,
        rate double precision, step jsonb
    )
    JOIN locked j ON j.id = w.id AND j.fence = w.fence
)
UPDATE core_jobprogress p SET
    stages = h.stages, done = h.done, total = h.total, unit = h.unit, note = h.note, rate = h.rate, step = h.step,
    version = p.version + 1, updated_at = {now}
FROM held h WHERE p.job_id = h.id
RETURNING h.id, h.fence, h.cancelling
