-- Messages that must be lost (the broker holds fewer than there are jobs): the oldest are published again.
SELECT j.id FROM core_job j
WHERE j.queue = %(queue)s AND j.published_at <= {later:-%(older)s} AND j.state IN {claimable} AND j.is_held = {no}
ORDER BY j.published_at, j.id LIMIT %(limit)s {lock_free}
SET published_at = NULL, publish_at = {now}
RETURN j.id
