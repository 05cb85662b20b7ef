-- These may start at their times. One that was cancelled in between stays as it is.
SELECT j.id, w.slot FROM core_job j JOIN {rows:rows AS w (id bigint, slot double precision)} ON w.id = j.id
WHERE {held}
ORDER BY j.id {lock}
SET is_held = {no}, run_at = {time:p.slot}, publish_at = {time:p.slot}, published_at = NULL
RETURN j.id
