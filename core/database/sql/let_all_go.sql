-- A pipeline without limits: what a pause has held goes on, the oldest first.
SELECT j.id FROM core_job j
WHERE j.pipeline = %(pipeline)s AND {held} AND (%(age)s = 0 OR j.run_at <= {later:-%(age)s})
ORDER BY j.id LIMIT %(limit)s {lock}
SET is_held = {no}, publish_at = j.run_at, published_at = NULL
RETURN j.id
