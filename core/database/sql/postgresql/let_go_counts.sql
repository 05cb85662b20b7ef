-- What limits count: jobs that were let go and have not ended, and of those the ones that nobody has claimed.
SELECT owner_id, lane, count(*), count(*) FILTER (WHERE state IN ('scheduled', 'queued', 'retrying'))
FROM core_job
WHERE pipeline = %(pipeline)s AND NOT is_held AND state IN ('scheduled', 'queued', 'retrying', 'running', 'waiting') AND lane <> ''
GROUP BY owner_id, lane
