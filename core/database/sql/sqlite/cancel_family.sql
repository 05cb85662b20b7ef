-- Asks for the end of all that these jobs have fanned out.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, CASE WHEN state = 'running' THEN 'cancel_requested' ELSE 'cancelled' END, attempt, '', %(by)s, ''
FROM core_job
WHERE cancel_requested_at IS NULL AND state IN ('scheduled', 'queued', 'retrying', 'waiting', 'running') AND id IN (
    WITH RECURSIVE family (id) AS (
        SELECT id FROM core_job WHERE parent_id IN (SELECT value FROM json_each(%(ids)s)) AND parent_id IS NOT NULL
        UNION ALL
        SELECT c.id FROM core_job c JOIN family f ON c.parent_id = f.id WHERE c.parent_id IS NOT NULL
    ) SELECT id FROM family
);

UPDATE core_job SET
    cancel_requested_at = {now},
    state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
    finished_at = CASE WHEN state = 'running' THEN NULL ELSE {now} END,
    published_at = CASE WHEN state = 'running' THEN published_at END,
    is_held = false
WHERE cancel_requested_at IS NULL AND state IN ('scheduled', 'queued', 'retrying', 'waiting', 'running') AND id IN (
    WITH RECURSIVE family (id) AS (
        SELECT id FROM core_job WHERE parent_id IN (SELECT value FROM json_each(%(ids)s)) AND parent_id IS NOT NULL
        UNION ALL
        SELECT c.id FROM core_job c JOIN family f ON c.parent_id = f.id WHERE c.parent_id IS NOT NULL
    ) SELECT id FROM family
)
RETURNING id, state;
