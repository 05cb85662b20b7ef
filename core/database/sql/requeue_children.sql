-- With its parent, what failed of it is tried again: unless a later step or fan-out has used that answer already.
SELECT j.id FROM core_job j
WHERE j.parent_id = %(parent)s AND j.state IN {retriable}
  AND NOT EXISTS (
    SELECT 1 FROM core_jobstep s
    WHERE s.job_id = %(parent)s AND s.key <> j.fan_key AND s.completed_at > j.finished_at
  )
  AND NOT EXISTS (
    SELECT 1 FROM core_job later
    WHERE later.parent_id = %(parent)s AND later.fan_key <> j.fan_key AND later.created_at > j.finished_at
  )
ORDER BY j.id {lock}
SET {tried_again}
EVENT kind = 'requeued', text = %(by)s
RETURN j.id, j.fan_key
