-- The broker has confirmed these. A job that was claimed, requeued, or given another priority in between keeps its
-- newer state; one that is being claimed just now is not waited for. `IS TRUE` keeps the planner at the primary key.
SELECT j.id FROM core_job j
WHERE j.id {in:ids} AND ({unpublished} AND j.run_at <= {now} AND j.publish_at > {now}) IS TRUE
ORDER BY j.id {lock_free}
SET published_at = {now}
RETURN j.id
