-- One conditional update decides who runs a job.
-- What kills its process takes the jobs beside it along. So of those that the next lost worker ends, a process has one
-- at a time: the others' messages come again later.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'claimed', attempt + 1, %(worker)s, '', ''
FROM core_job
WHERE id IN (SELECT value FROM json_each(%(ids)s))
  AND state IN ('scheduled', 'queued', 'retrying') AND is_held = 0 AND run_at <= {now}
  AND NOT (crashes > 0 AND crashes + 1 >= max_crashes AND (
    EXISTS (
        SELECT 1 FROM core_job o WHERE o.worker = %(worker)s AND o.state = 'running'
          AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
    ) OR EXISTS (
        SELECT 1 FROM core_job o WHERE o.id IN (SELECT value FROM json_each(%(ids)s)) AND o.id < core_job.id
          AND o.state IN ('scheduled', 'queued', 'retrying') AND o.is_held = 0 AND o.run_at <= {now}
          AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
    )));

UPDATE core_job SET
    state = 'running', fence = fence + 1, attempt = attempt + 1, worker = %(worker)s,
    lease_until = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, %(lease)s || ' seconds'),
    started_at = COALESCE(started_at, {now}), error = ''
WHERE id IN (SELECT value FROM json_each(%(ids)s))
  AND state IN ('scheduled', 'queued', 'retrying') AND is_held = 0 AND run_at <= {now}
  AND NOT (crashes > 0 AND crashes + 1 >= max_crashes AND (
    EXISTS (
        SELECT 1 FROM core_job o WHERE o.worker = %(worker)s AND o.state = 'running'
          AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
    ) OR EXISTS (
        SELECT 1 FROM core_job o WHERE o.id IN (SELECT value FROM json_each(%(ids)s)) AND o.id < core_job.id
          AND o.state IN ('scheduled', 'queued', 'retrying') AND o.is_held = 0 AND o.run_at <= {now}
          AND o.crashes > 0 AND o.crashes + 1 >= o.max_crashes
    )))
RETURNING id, fence, attempt, pipeline, owner_id, params, max_attempts, crashes, max_crashes, parent_id,
    task, depth, lane;
