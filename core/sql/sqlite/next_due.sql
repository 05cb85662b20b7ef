-- Seconds until the next job is to be published; below zero when it is late, none when there is nothing.
SELECT (julianday(min(publish_at)) - julianday({now})) * 86400.0 FROM core_job
WHERE published_at IS NULL AND NOT is_held AND state IN ('scheduled', 'queued', 'retrying')
