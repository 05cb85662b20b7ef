-- One update for all that a process holds. A row that does not come back is lost to its attempt.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
SELECT j.id FROM core_job j JOIN {rows:held AS w (id bigint, fence bigint)} ON w.id = j.id AND w.fence = j.fence
WHERE {postgresql:j.id {in:ids} AND} (j.state = 'running') IS TRUE
ORDER BY j.id {lock}
SET lease_until = {later:%(lease)s}
RETURN j.id, j.fence, j.cancel_requested_at IS NOT NULL
