-- A relay takes due jobs for a while: another relay passes them over, and a dead one's come back by themselves.
WITH due AS (
    SELECT id FROM core_job
    WHERE published_at IS NULL AND publish_at <= {now} AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
      AND (%(queue)s = '' OR queue = %(queue)s)
    ORDER BY priority DESC, publish_at, id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE core_job j SET publish_at = {now} + make_interval(secs => %(hold)s)
FROM due WHERE j.id = due.id
RETURNING j.id, j.queue, j.priority, j.pipeline, j.owner_id, j.attempt + 1
