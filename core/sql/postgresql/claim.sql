-- One conditional update decides who runs a job. Rows are locked in the order of their ids: no deadlocks.
WITH picked AS (
    SELECT id FROM core_job
    WHERE id = ANY(%(ids)s) AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held AND run_at <= {now}
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
