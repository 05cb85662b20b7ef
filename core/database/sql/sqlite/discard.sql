-- A person gives failed jobs up. What is tried again at the same moment is not failed any more: one of the two wins.
-- When and why the job failed stays on it.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'discarded', attempt, '', %(by)s, ''
FROM core_job WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND state = 'failed';

UPDATE core_job SET state = 'cancelled', cancel_requested_at = {now}, is_held = false
WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND state = 'failed'
RETURNING id, fence;
