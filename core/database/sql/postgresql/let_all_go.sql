-- A pipeline without limits: what a pause has held goes on, the oldest first.
UPDATE core_job SET is_held = false, publish_at = run_at, published_at = NULL
WHERE id IN (
    SELECT id FROM core_job
    WHERE pipeline = %(pipeline)s AND is_held AND state IN ('scheduled', 'queued', 'retrying')
      AND (%(age)s = 0 OR run_at <= {now} - make_interval(secs => %(age)s))
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
)
RETURNING id
