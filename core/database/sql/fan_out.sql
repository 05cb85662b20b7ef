-- Inserts the children of one fan-out with their progress and first event. They inherit owner and priority. The caller
-- holds the parent's fence: nobody else inserts them.
INSERT INTO core_job (
    pipeline, queue, priority, owner_id, idempotency_key, label, params, parent_id, fan_key, fan_index, weight,
    depth, task, lane, is_held, state, run_at, publish_at, max_attempts, max_crashes, created_at
)
    SELECT
        %(pipeline)s, %(queue)s, o.priority, o.owner_id, w.idempotency_key, w.label, w.params, o.id, %(key)s, w.idx,
        w.weight, o.depth + 1, %(task)s, w.lane, w.lane <> '', 'queued', {now}, {now}, %(max_attempts)s,
        %(max_crashes)s, {now}
    FROM core_job o CROSS JOIN {rows:children AS w (
        idx int, idempotency_key text, label text, params jsonb, lane text, weight double precision
    )}
    WHERE o.id = %(parent)s
ALSO INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
    SELECT id, {json:%(stages)s}, 0, '', '', 0 FROM done
ALSO INSERT INTO core_artifact (job_id, kind, field, name, title, path, size, sha256, content_type, created_at)
    SELECT id, 'input', f.field, f.name, '', f.path, f.size, f.sha256, f.content_type, {now}
    FROM done CROSS JOIN {rows:files AS f (
        field text, name text, path text, size bigint, sha256 text, content_type text
    )}
EVENT kind = 'submitted'
RETURN id
