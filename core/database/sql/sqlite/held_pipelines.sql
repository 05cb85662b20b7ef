-- The pipelines with held jobs, each found by one probe of the index.
WITH RECURSIVE found (pipeline) AS (
    SELECT min(pipeline) FROM core_job WHERE is_held = 1 AND state IN ('scheduled', 'queued', 'retrying')
    UNION ALL
    SELECT (SELECT min(j.pipeline) FROM core_job j WHERE j.is_held = 1 AND j.state IN ('scheduled', 'queued', 'retrying') AND j.pipeline > f.pipeline)
    FROM found f WHERE f.pipeline IS NOT NULL
)
SELECT pipeline FROM found WHERE pipeline IS NOT NULL
