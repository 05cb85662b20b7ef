-- Messages that must be lost (the broker holds fewer than there are jobs): the oldest are published again.
UPDATE core_job SET published_at = NULL, publish_at = {now}
WHERE id IN (
    SELECT id FROM core_job
    WHERE queue = %(queue)s
      AND published_at <= STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, (-%(older)s) || ' seconds')
      AND state IN ('scheduled', 'queued', 'retrying') AND is_held = 0
    ORDER BY published_at, id
    LIMIT %(limit)s
)
RETURNING id
