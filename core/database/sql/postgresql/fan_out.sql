-- Inserts the children of one fan-out with their progress and first event. They inherit owner and priority. The caller
-- holds the parent's fence: nobody else inserts them.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(children)s::jsonb) AS w (
        idx int, idempotency_key text, label text, params jsonb, lane text, weight double precision
    )
), inserted AS (
    INSERT INTO core_job (
        pipeline, queue, priority, owner_id, idempotency_key, label, params, parent_id, fan_key, fan_index, weight,
        depth, task, lane, is_held, state, run_at, publish_at, max_attempts, max_crashes, created_at
    )
    SELECT
        %(pipeline)s, %(queue)s, p.priority, p.owner_id, w.idempotency_key, w.label, w.params, p.id, %(key)s, w.idx,
        w.weight, p.depth + 1, %(task)s, w.lane, w.lane <> '', 'queued', {now}, {now}, %(max_attempts)s, %(max_crashes)s, {now}
    FROM core_job p, wanted w WHERE p.id = %(parent)s
    RETURNING id
), shown AS (
    INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
    SELECT id, %(stages)s::jsonb, 0, '', '', 0 FROM inserted
), told AS (
    INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
    SELECT id, {now}, 'submitted', 0, '', '', '' FROM inserted
)
SELECT count(*) FROM inserted
