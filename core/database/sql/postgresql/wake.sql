-- Parents whose children have all ended go on, once. Their rows must be locked (lock.sql) by a statement before this one:
-- of two last children that end at the same time, the second then sees the first.
WITH woken AS (
    UPDATE core_job p SET state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL
    WHERE p.id = ANY(%(ids)s) AND p.state = 'waiting'
      AND NOT EXISTS (
        SELECT 1 FROM core_job c WHERE c.parent_id = p.id AND c.parent_id IS NOT NULL
          AND c.state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting')
      )
    RETURNING p.id, p.attempt
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'resumed', attempt, '', '', '' FROM woken
)
SELECT id FROM woken
