-- Gives a job and its parts another priority. What nobody runs is published again with it: a message that is on its way
-- has the old one, and a second message does no harm.
WITH wanted AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s) AND state IN ('scheduled', 'queued', 'retrying', 'waiting') AND priority <> %(priority)s
    ORDER BY id FOR NO KEY UPDATE
), changed AS (
    UPDATE core_job j SET
        priority = %(priority)s, published_at = NULL,
        publish_at = CASE WHEN state = 'waiting' OR is_held THEN publish_at ELSE GREATEST(run_at, {now}) END
    FROM wanted w WHERE j.id = w.id
    RETURNING j.id, j.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'reprioritised', attempt, '', %(text)s, '' FROM changed WHERE id = %(id)s
)
SELECT id FROM changed
