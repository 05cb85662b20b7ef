-- Asks for the end of all that these jobs have fanned out. Run it when their own rows are locked or ended: what they fan
-- out later ends with them.
WITH RECURSIVE family AS (
    SELECT id FROM core_job WHERE parent_id = ANY(%(ids)s) AND parent_id IS NOT NULL
    UNION ALL
    SELECT c.id FROM core_job c JOIN family f ON c.parent_id = f.id WHERE c.parent_id IS NOT NULL
), held AS (
    SELECT j.id FROM core_job j JOIN family f ON f.id = j.id
    WHERE j.cancel_requested_at IS NULL AND j.state IN ('scheduled', 'queued', 'retrying', 'waiting', 'running')
    ORDER BY j.id FOR NO KEY UPDATE OF j
), asked AS (
    UPDATE core_job j SET
        cancel_requested_at = {now},
        state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
        finished_at = CASE WHEN state = 'running' THEN NULL ELSE {now} END,
        published_at = CASE WHEN state = 'running' THEN published_at END,
        is_held = false
    FROM held h WHERE j.id = h.id
    RETURNING j.id, j.state, j.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, CASE WHEN state = 'running' THEN 'cancel_requested' ELSE 'cancelled' END, attempt, '',
        %(by)s, '' FROM asked
)
SELECT id, state FROM asked
