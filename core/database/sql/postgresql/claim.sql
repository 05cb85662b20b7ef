-- One conditional update decides who runs a job. Rows are locked in the order of their ids: no deadlocks.
-- What kills its process takes the jobs beside it along. So of those that the next lost worker ends, a process has one
-- at a time: the others' messages come again later.
WITH picked AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s) AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held AND run_at <= {now}
      AND NOT (crashes > 0 AND crashes + 1 >= max_crashes AND (
        EXISTS (
            SELECT 1 FROM core_job o WHERE o.worker = %(worker)s AND o.state = 'running'
              AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
        ) OR EXISTS (
            SELECT 1 FROM core_job o WHERE o.id = ANY(%(ids)s) AND o.id < core_job.id
              AND o.state IN ('scheduled', 'queued', 'retrying') AND NOT o.is_held AND o.run_at <= {now}
              AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
        )))
    ORDER BY id FOR NO KEY UPDATE
), claimed AS (
    UPDATE core_job j SET
        state = 'running', fence = fence + 1, attempt = attempt + 1, worker = %(worker)s,
        lease_until = {now} + make_interval(secs => %(lease)s),
        started_at = COALESCE(started_at, {now}), error = ''
    FROM picked WHERE j.id = picked.id
    RETURNING j.id, j.fence, j.attempt, j.pipeline, j.owner_id, j.params, j.max_attempts, j.crashes,
        j.max_crashes, j.parent_id, j.task, j.depth, j.lane
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'claimed', attempt, %(worker)s, '', '' FROM claimed
)
SELECT id, fence, attempt, pipeline, owner_id, params::text, max_attempts, crashes, max_crashes,
    parent_id, task, depth, lane
FROM claimed
