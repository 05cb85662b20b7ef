-- The broker has confirmed these. A job that was claimed, requeued, or given
-- another priority in between keeps its newer state.
WITH confirmed AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s) AND published_at IS NULL AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
      AND run_at <= {now} AND publish_at > {now}
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE core_job j SET published_at = {now} FROM confirmed WHERE j.id = confirmed.id
RETURNING j.id
