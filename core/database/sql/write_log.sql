-- Lines that attempts have logged, each batch under its fence: the lock holds the fence still until commit. The order
-- of the locks is that of all acts: no deadlocks.
WITH locked AS (
    SELECT j.id, j.fence, j.attempt FROM core_job j
    WHERE j.id {in:ids} AND (j.state = 'running') IS TRUE
    ORDER BY j.id {lock}
)
INSERT INTO core_joblog (job_id, at, attempt, before, bytes_before, dropped, lines, count, bytes)
SELECT l.id, {now}, l.attempt, COALESCE(last.before + last.dropped + last.count, 0),
    COALESCE(last.bytes_before + last.bytes, 0), w.dropped, w.lines, w.count, w.bytes
FROM {rows:rows AS w (id bigint, fence bigint, dropped bigint, count int, bytes int, lines jsonb)}
JOIN locked l ON l.id = w.id AND l.fence = w.fence
LEFT JOIN core_joblog last ON last.id = (SELECT max(o.id) FROM core_joblog o WHERE o.job_id = w.id)
RETURNING job_id, before + dropped + count, bytes_before + bytes
