-- One conditional update decides who runs a job.
-- What kills its process takes the jobs beside it along. So of those that the next lost worker ends, a process has one
-- at a time: the others' messages come again later.
SELECT j.id FROM core_job j
WHERE j.id {in:ids} AND {startable} AND NOT ({at_last_crash} AND (
    EXISTS (
        SELECT 1 FROM core_job o WHERE o.worker = %(worker)s AND o.state = 'running' AND {at_last_crash:o}
    ) OR EXISTS (
        SELECT 1 FROM core_job o WHERE o.id {in:ids} AND o.id < j.id AND {startable:o} AND {at_last_crash:o}
    )))
ORDER BY j.id {lock}
SET
    state = 'running', fence = j.fence + 1, attempt = j.attempt + 1, worker = %(worker)s,
    lease_until = {later:%(lease)s}, started_at = COALESCE(j.started_at, {now}), error = ''
EVENT kind = 'claimed', worker = j.worker
RETURN j.id, j.fence, j.attempt, j.pipeline, j.owner_id, {text:j.params}, j.max_attempts, j.crashes, j.max_crashes,
    j.parent_id, j.task, j.depth, j.lane
