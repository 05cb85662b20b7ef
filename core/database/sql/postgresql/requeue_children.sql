-- With its parent, what failed of it is tried again: unless a later step or fan-out has used that answer already.
WITH wanted AS (
    SELECT c.id FROM core_job c
    WHERE c.parent_id = %(parent)s AND c.state IN ('failed', 'cancelled')
      AND NOT EXISTS (
        SELECT 1 FROM core_jobstep s
        WHERE s.job_id = %(parent)s AND s.key <> c.fan_key AND s.completed_at > c.finished_at
      )
      AND NOT EXISTS (
        SELECT 1 FROM core_job later
        WHERE later.parent_id = %(parent)s AND later.fan_key <> c.fan_key AND later.created_at > c.finished_at
      )
    ORDER BY c.id FOR NO KEY UPDATE OF c
), again AS (
    UPDATE core_job j SET
        state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL, finished_at = NULL,
        cancel_requested_at = NULL, error = '', result = NULL,
        is_held = lane <> '' OR task = '' AND EXISTS (
            SELECT 1 FROM core_gate g WHERE g.pipeline = j.pipeline AND g.paused_at IS NOT NULL),
        max_attempts = attempt + %(max_attempts)s, max_crashes = crashes + %(max_crashes)s
    FROM wanted w WHERE j.id = w.id
    RETURNING j.id, j.fan_key, j.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'requeued', attempt, '', %(by)s, '' FROM again
)
SELECT id, fan_key FROM again
