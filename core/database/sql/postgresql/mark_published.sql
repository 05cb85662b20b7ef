-- The broker has confirmed these. A job that was claimed, requeued, or given
-- another priority in between keeps its newer state; one that is being claimed just now is not waited for.
-- `IS TRUE` keeps the planner at the primary key.
WITH confirmed AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s)
      AND (published_at IS NULL AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
      AND run_at <= {now} AND publish_at > {now}) IS TRUE
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE core_job j SET published_at = {now} FROM confirmed WHERE j.id = confirmed.id
RETURNING j.id
