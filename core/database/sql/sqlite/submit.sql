-- Inserts jobs with their progress row, input files and first event; a key that is there already is passed over.
INSERT INTO core_job (
    pipeline, queue, priority, owner_id, idempotency_key, label, params, origin_id, lane, is_held, state,
    run_at, publish_at, max_attempts, max_crashes, created_at
)
SELECT
    %(pipeline)s, %(queue)s, %(priority)s, %(owner)s,
    w.value ->> 'idempotency_key', w.value ->> 'label', w.value -> 'params', %(origin)s,
    w.value ->> 'lane',
    w.value ->> 'lane' <> '' OR EXISTS (SELECT 1 FROM core_gate g WHERE g.pipeline = %(pipeline)s AND g.paused_at IS NOT NULL),
    CASE WHEN w.value ->> 'delay' > 0 THEN 'scheduled' ELSE 'queued' END,
    STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, (w.value ->> 'delay') || ' seconds'),
    STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, (w.value ->> 'delay') || ' seconds'),
    %(max_attempts)s, %(max_crashes)s, {now}
FROM json_each(%(jobs)s) AS w
WHERE true
ON CONFLICT (owner_id, idempotency_key) DO NOTHING
RETURNING id, idempotency_key;

INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
SELECT DISTINCT j.id, %(stages)s, 0, '', '', 0
FROM json_each(%(jobs)s) AS w
JOIN core_job j ON j.owner_id = %(owner)s AND j.idempotency_key = w.value ->> 'idempotency_key'
WHERE NOT EXISTS (SELECT 1 FROM core_jobprogress p WHERE p.job_id = j.id);

-- A job without an event is one that was inserted just now.
INSERT INTO core_artifact (job_id, kind, field, name, title, path, size, sha256, content_type, created_at)
SELECT DISTINCT j.id, 'input', f.value ->> 'field', f.value ->> 'name', '', f.value ->> 'path', f.value ->> 'size',
    f.value ->> 'sha256', f.value ->> 'content_type', {now}
FROM json_each(%(jobs)s) AS w
JOIN core_job j ON j.owner_id = %(owner)s AND j.idempotency_key = w.value ->> 'idempotency_key'
JOIN json_each(%(files)s) AS f
WHERE NOT EXISTS (SELECT 1 FROM core_jobevent e WHERE e.job_id = j.id);

INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT DISTINCT j.id, {now}, 'submitted', 0, '', '', ''
FROM json_each(%(jobs)s) AS w
JOIN core_job j ON j.owner_id = %(owner)s AND j.idempotency_key = w.value ->> 'idempotency_key'
WHERE NOT EXISTS (SELECT 1 FROM core_jobevent e WHERE e.job_id = j.id);
