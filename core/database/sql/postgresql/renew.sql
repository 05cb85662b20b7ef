-- One update for all that a process holds. A row that does not come back is lost to its attempt.
-- The ids as an array, and `IS TRUE`, keep the planner at the primary key: the index of running jobs is full of
-- dead rows under load.
WITH held AS (
    SELECT j.id FROM core_job j
    JOIN unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS w (id, fence) ON w.id = j.id AND w.fence = j.fence
    WHERE j.id = ANY(%(ids)s) AND (j.state = 'running') IS TRUE
    ORDER BY j.id FOR NO KEY UPDATE OF j
)
UPDATE core_job j SET lease_until = {now} + make_interval(secs => %(lease)s)
FROM held WHERE j.id = held.id
RETURNING j.id, j.fence, j.cancel_requested_at
