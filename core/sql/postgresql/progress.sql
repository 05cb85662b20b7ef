-- Progress of many attempts at once, each under its fence: the share lock holds the fence still until commit.
WITH held AS (
    SELECT w.*, j.cancel_requested_at IS NOT NULL AS cancelling
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
        id bigint, fence bigint, stages jsonb, done bigint, total bigint, unit text, note text,
        rate double precision
    )
    JOIN core_job j ON j.id = w.id AND j.fence = w.fence AND j.state = 'running'
    ORDER BY j.id FOR SHARE OF j
)
UPDATE core_jobprogress p SET
    stages = h.stages, done = h.done, total = h.total, unit = h.unit, note = h.note, rate = h.rate,
    version = p.version + 1, updated_at = {now}
FROM held h WHERE p.job_id = h.id
RETURNING h.id, h.fence, h.cancelling
