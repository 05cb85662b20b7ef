-- A person gives failed jobs up. What is tried again at the same moment is not failed any more: one of the two wins.
-- When and why the job failed stays on it.
WITH wanted AS (
    SELECT id FROM core_job WHERE id = ANY(%(ids)s) AND state = 'failed'
    ORDER BY id FOR NO KEY UPDATE
), discarded AS (
    UPDATE core_job j SET state = 'cancelled', cancel_requested_at = {now}, is_held = false
    FROM wanted w WHERE j.id = w.id
    RETURNING j.id, j.fence, j.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'discarded', attempt, '', %(by)s, '' FROM discarded
)
SELECT id, fence FROM discarded
