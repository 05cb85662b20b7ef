-- A waiting parent's progress is its children's: those that count in its unit as they count, others by their weight.
WITH held AS (
    SELECT j.id, p.step ->> 'key' AS key, (p.step ->> 'started_at')::double precision AS since
    FROM core_job j JOIN core_jobprogress p ON p.job_id = j.id
    WHERE j.id = %(id)s AND j.state = 'waiting'
    FOR NO KEY UPDATE OF j SKIP LOCKED
), sums AS (
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
    WHERE c.parent_id = %(id)s AND c.fan_key = (SELECT key FROM held)
)
UPDATE core_jobprogress r SET
    done = s.done, total = s.total, version = r.version + 1, updated_at = {now},
    rate = CASE WHEN s.done > 0 THEN s.done / GREATEST(1, extract(epoch FROM {now}) - h.since) END
FROM sums s, held h WHERE r.job_id = h.id AND s.total IS NOT NULL
RETURNING r.job_id
