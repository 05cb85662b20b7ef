-- A person tries failed or cancelled jobs again; each gets the attempts of a fresh one. Of two people one wins.
WITH wanted AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s) AND state IN ('failed', 'cancelled')
    ORDER BY id FOR NO KEY UPDATE
), again AS (
    UPDATE core_job j SET
        state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL, finished_at = NULL,
        cancel_requested_at = NULL, error = '', result = NULL,
        is_held = lane <> '' OR task = '' AND EXISTS (
            SELECT 1 FROM core_gate g WHERE g.pipeline = j.pipeline AND g.paused_at IS NOT NULL),
        max_attempts = attempt + %(max_attempts)s, max_crashes = crashes + %(max_crashes)s
    FROM wanted w WHERE j.id = w.id
    RETURNING j.id, j.state, j.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'requeued', attempt, '', %(text)s, '' FROM again
)
SELECT id, state FROM again
