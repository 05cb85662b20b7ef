-- A pipeline without limits: what a pause has held goes on, the oldest first.
UPDATE core_job SET is_held = 0, publish_at = run_at, published_at = NULL
WHERE id IN (
    SELECT id FROM core_job
    WHERE pipeline = %(pipeline)s AND is_held = 1 AND state IN ('scheduled', 'queued', 'retrying')
      AND (%(age)s = 0 OR run_at <= STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, (-%(age)s) || ' seconds'))
    ORDER BY id LIMIT %(limit)s
)
RETURNING id
