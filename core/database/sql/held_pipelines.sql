-- The pipelines with held jobs, each found by one probe of the index.
WITH RECURSIVE found (pipeline) AS (
    SELECT (SELECT j.pipeline FROM core_job j WHERE {held} ORDER BY j.pipeline LIMIT 1)
    UNION ALL
    SELECT (SELECT j.pipeline FROM core_job j WHERE {held} AND j.pipeline > f.pipeline ORDER BY j.pipeline LIMIT 1)
    FROM found f WHERE f.pipeline IS NOT NULL
)
SELECT pipeline FROM found WHERE pipeline IS NOT NULL
