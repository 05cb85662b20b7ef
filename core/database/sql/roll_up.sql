-- A waiting parent's progress is its children's: those that count in its unit as they count, others by their weight.
WITH held AS (
    SELECT j.id, r.unit, r.step ->> 'key' AS key, CAST(r.step ->> 'started_at' AS double precision) AS since
    FROM core_job j JOIN core_jobprogress r ON r.job_id = j.id
    WHERE j.id = %(id)s AND j.state = 'waiting'
    {lock_free}
), parts AS (
    SELECT h.id, h.since, c.state, c.weight, q.done, q.total,
        q.total > 0 AND q.unit = h.unit AND h.unit <> '' AS is_alike
    FROM held h JOIN core_job c ON c.parent_id = %(id)s AND c.fan_key = h.key
    JOIN core_jobprogress q ON q.job_id = c.id
)
SELECT id, since, sum(CASE WHEN is_alike THEN total ELSE weight END) AS total,
    sum(CASE
        WHEN state IN {terminal} THEN CASE WHEN is_alike THEN total ELSE weight END
        WHEN is_alike THEN done
        WHEN total > 0 THEN weight * done / total
        ELSE 0 END) AS done
FROM parts GROUP BY id, since
SET core_jobprogress.job_id:
    done = CAST(p.done AS bigint), total = CAST(p.total AS bigint), version = j.version + 1, updated_at = {now},
    rate = CASE WHEN p.done > 0 THEN p.done * 1.0 / {greatest}(1, {epoch:{now}} - p.since) END
RETURN p.id
