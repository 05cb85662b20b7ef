-- A person tries failed or cancelled jobs again; each gets the attempts of a fresh one. Of two people one wins.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'requeued', attempt, '', %(text)s, ''
FROM core_job WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND state IN ('failed', 'cancelled');

UPDATE core_job SET
    state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, error = '', result = NULL,
    is_held = lane <> '' OR task = '' AND EXISTS (
        SELECT 1 FROM core_gate g WHERE g.pipeline = core_job.pipeline AND g.paused_at IS NOT NULL),
    max_attempts = attempt + %(max_attempts)s, max_crashes = crashes + %(max_crashes)s
WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND state IN ('failed', 'cancelled')
RETURNING id, state;
