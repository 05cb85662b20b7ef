-- Messages that must be lost (the broker holds fewer than there are jobs): the oldest are published again.
WITH lost AS (
    SELECT id FROM core_job
    WHERE queue = %(queue)s AND published_at <= {now} - make_interval(secs => %(older)s)
      AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
    ORDER BY published_at, id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE core_job j SET published_at = NULL, publish_at = {now} FROM lost WHERE j.id = lost.id
RETURNING j.id
