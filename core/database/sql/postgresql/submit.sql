-- Inserts jobs with their progress row, input files and first event; a key that is there already is passed over.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(jobs)s::jsonb) AS w (
        idempotency_key text, label text, params jsonb, lane text, delay double precision
    )
), inserted AS (
    INSERT INTO core_job (
        pipeline, queue, priority, owner_id, idempotency_key, label, params, origin_id, lane, is_held, state,
        run_at, publish_at, max_attempts, max_crashes, created_at
    )
    SELECT
        %(pipeline)s, %(queue)s, %(priority)s, %(owner)s, idempotency_key, label, params, %(origin)s,
        lane, lane <> '' OR EXISTS (SELECT 1 FROM core_gate g WHERE g.pipeline = %(pipeline)s AND g.paused_at IS NOT NULL),
        CASE WHEN delay > 0 THEN 'scheduled' ELSE 'queued' END,
        {now} + make_interval(secs => delay), {now} + make_interval(secs => delay),
        %(max_attempts)s, %(max_crashes)s, {now}
    FROM wanted
    ON CONFLICT (owner_id, idempotency_key) DO NOTHING
    RETURNING id, idempotency_key
), shown AS (
    INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
    SELECT id, %(stages)s::jsonb, 0, '', '', 0 FROM inserted
), given AS (
    INSERT INTO core_artifact (job_id, kind, field, name, title, path, size, sha256, content_type, created_at)
    SELECT id, 'input', f.field, f.name, '', f.path, f.size, f.sha256, f.content_type, {now}
    FROM inserted, jsonb_to_recordset(%(files)s::jsonb) AS f (
        field text, name text, path text, size bigint, sha256 text, content_type text
    )
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'submitted', 0, '', '', '' FROM inserted
)
SELECT id, idempotency_key FROM inserted
