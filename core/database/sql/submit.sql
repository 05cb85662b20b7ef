-- Inserts jobs with their progress row, input files and first event; a key that is there already is passed over.
INSERT INTO core_job (
    pipeline, queue, priority, owner_id, idempotency_key, label, params, origin_id, subject_type_id,
    subject_key, lane, is_held, state,
    run_at, publish_at, max_attempts, max_crashes, created_at
)
    SELECT
        %(pipeline)s, %(queue)s, %(priority)s, %(owner)s, w.idempotency_key, w.label, w.params, %(origin)s,
        w.subject_type, w.subject_key, w.lane,
        w.lane <> '' OR EXISTS (SELECT 1 FROM core_gate g WHERE g.pipeline = %(pipeline)s AND g.paused_at IS NOT NULL),
        CASE WHEN w.delay > 0 THEN 'scheduled' ELSE 'queued' END, {later:w.delay}, {later:w.delay},
        %(max_attempts)s, %(max_crashes)s, {now}
    FROM {rows:jobs AS w (idempotency_key text, label text, params jsonb, lane text, delay double precision,
        subject_type int, subject_key text)}
    WHERE true
    ON CONFLICT (owner_id, idempotency_key) DO NOTHING
ALSO INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
    SELECT id, {json:%(stages)s}, 0, '', '', 0 FROM done
ALSO INSERT INTO core_artifact (job_id, kind, field, name, title, path, size, sha256, content_type, created_at)
    SELECT id, 'input', f.field, f.name, '', f.path, f.size, f.sha256, f.content_type, {now}
    FROM done JOIN {rows:files AS f (
        idempotency_key text, field text, name text, path text, size bigint, sha256 text, content_type text
    )} ON f.idempotency_key = done.idempotency_key
EVENT kind = 'submitted'
RETURN id, idempotency_key
