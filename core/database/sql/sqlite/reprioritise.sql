-- Gives a job and its parts another priority. What nobody runs is published again with it: a message that is on its way
-- has the old one, and a second message does no harm.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'reprioritised', attempt, '', %(text)s, '' FROM core_job
WHERE id = %(id)s AND state IN ('scheduled', 'queued', 'retrying', 'waiting') AND priority <> %(priority)s;

UPDATE core_job SET
    priority = %(priority)s, published_at = NULL,
    publish_at = CASE WHEN state = 'waiting' OR is_held THEN publish_at ELSE MAX(run_at, {now}) END
WHERE id IN (SELECT value FROM json_each(%(ids)s))
  AND state IN ('scheduled', 'queued', 'retrying', 'waiting') AND priority <> %(priority)s
RETURNING id;
