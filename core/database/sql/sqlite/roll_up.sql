-- A waiting parent's progress is its children's: those that count in its unit as they count, others by their weight.
UPDATE core_jobprogress SET
    done = CAST(s.done AS INTEGER), total = CAST(s.total AS INTEGER), version = version + 1, updated_at = {now},
    rate = CASE WHEN s.done > 0 THEN s.done * 1.0 / MAX(1, strftime('%%s', {now}) - (step ->> 'started_at')) END
FROM (
    SELECT
        sum(CASE WHEN q.total > 0 AND q.unit = p.unit AND p.unit <> '' THEN q.total ELSE c.weight END) AS total,
        sum(CASE
            WHEN c.state IN ('succeeded', 'failed', 'cancelled')
                THEN CASE WHEN q.total > 0 AND q.unit = p.unit AND p.unit <> '' THEN q.total ELSE c.weight END
            WHEN q.total > 0 AND q.unit = p.unit AND p.unit <> '' THEN q.done
            WHEN q.total > 0 THEN c.weight * q.done / q.total
            ELSE 0 END) AS done
    FROM core_job c
    JOIN core_jobprogress q ON q.job_id = c.id
    JOIN core_jobprogress p ON p.job_id = %(id)s
    WHERE c.parent_id = %(id)s
      AND c.fan_key = (SELECT step ->> 'key' FROM core_jobprogress WHERE job_id = %(id)s)
) AS s
WHERE job_id = %(id)s AND s.total IS NOT NULL
  AND EXISTS (SELECT 1 FROM core_job WHERE id = %(id)s AND state = 'waiting')
RETURNING job_id
