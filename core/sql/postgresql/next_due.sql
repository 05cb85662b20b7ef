-- Seconds until the next job is to be published; below zero when it is late, none when there is nothing.
SELECT extract(epoch FROM min(publish_at) - {now})::double precision FROM core_job
WHERE published_at IS NULL AND NOT is_held AND state IN ('scheduled', 'queued', 'retrying')
