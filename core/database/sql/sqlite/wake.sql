-- Parents whose children have all ended go on, once.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT p.id, {now}, 'resumed', p.attempt, '', '', ''
FROM core_job p
WHERE p.id IN (SELECT value FROM json_each(%(ids)s)) AND p.state = 'waiting'
  AND NOT EXISTS (
    SELECT 1 FROM core_job c WHERE c.parent_id = p.id AND c.parent_id IS NOT NULL
      AND c.state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting')
  );

UPDATE core_job SET state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL
WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND state = 'waiting'
  AND NOT EXISTS (
    SELECT 1 FROM core_job c WHERE c.parent_id = core_job.id AND c.parent_id IS NOT NULL
      AND c.state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting')
  )
RETURNING id;
