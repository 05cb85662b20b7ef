-- These may start at their times. One that was cancelled in between stays as it is.
WITH chosen AS (
    SELECT j.id, c.slot FROM core_job j
    JOIN unnest(%(ids)s::bigint[], %(slots)s::double precision[]) AS c (id, slot) ON c.id = j.id
    WHERE j.is_held AND j.state IN ('scheduled', 'queued', 'retrying')
    ORDER BY j.id FOR NO KEY UPDATE OF j
)
UPDATE core_job j SET is_held = false, run_at = to_timestamp(c.slot), publish_at = to_timestamp(c.slot),
    published_at = NULL
FROM chosen c WHERE j.id = c.id
RETURNING j.id
