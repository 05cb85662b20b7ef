-- A relay takes due jobs for a while: another relay passes them over, and a dead one's come back by themselves.
UPDATE core_job
SET publish_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, %(hold)s || ' seconds')
WHERE id IN (
    SELECT id FROM core_job
    WHERE published_at IS NULL AND publish_at <= {now} AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
      AND (%(queue)s = '' OR queue = %(queue)s)
    ORDER BY priority DESC, publish_at, id
    LIMIT %(limit)s
)
RETURNING id, queue, priority, pipeline, owner_id, attempt + 1
