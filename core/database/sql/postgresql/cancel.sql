-- Asks for a job's end. What nobody runs ends at once; a running attempt is told, and can succeed no more.
WITH asked AS (
    UPDATE core_job SET
        cancel_requested_at = {now},
        state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
        finished_at = CASE WHEN state = 'running' THEN NULL ELSE {now} END,
        published_at = CASE WHEN state = 'running' THEN published_at END,
        is_held = false
    WHERE id = %(id)s AND cancel_requested_at IS NULL
      AND state IN ('scheduled', 'queued', 'retrying', 'waiting', 'running')
    RETURNING id, state, attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, CASE WHEN state = 'running' THEN 'cancel_requested' ELSE 'cancelled' END, attempt, '',
        %(by)s, '' FROM asked
)
SELECT id, state FROM asked
