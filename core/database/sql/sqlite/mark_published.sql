-- The broker has confirmed these. A job that was claimed, requeued, or given
-- another priority in between keeps its newer state.
UPDATE core_job SET published_at = {now}
WHERE id IN (SELECT value FROM json_each(%(ids)s)) AND published_at IS NULL
  AND state IN ('scheduled', 'queued', 'retrying') AND is_held = 0 AND run_at <= {now} AND publish_at > {now}
RETURNING id
