-- One conditional update decides who runs a job.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'claimed', attempt + 1, %(worker)s, '', ''
FROM core_job
WHERE id IN (SELECT value FROM json_each(%(ids)s))
  AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held AND run_at <= {now};

UPDATE core_job SET
    state = 'running', fence = fence + 1, attempt = attempt + 1, worker = %(worker)s,
    lease_until = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, %(lease)s || ' seconds'),
    started_at = COALESCE(started_at, {now}), error = ''
WHERE id IN (SELECT value FROM json_each(%(ids)s))
  AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held AND run_at <= {now}
RETURNING id, fence, attempt, pipeline, owner_id, params, max_attempts, crashes, max_crashes, parent_id,
    task, depth, lane;
