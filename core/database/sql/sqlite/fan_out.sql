-- Inserts the children of one fan-out with their progress and first event. They inherit owner and priority. The caller
-- holds the parent's fence: nobody else inserts them.
INSERT INTO core_job (
    pipeline, queue, priority, owner_id, idempotency_key, label, params, parent_id, fan_key, fan_index, weight,
    depth, task, lane, is_held, state, run_at, publish_at, max_attempts, max_crashes, created_at
)
SELECT
    %(pipeline)s, %(queue)s, p.priority, p.owner_id, w.value ->> 'idempotency_key', w.value ->> 'label',
    w.value -> 'params', p.id, %(key)s, w.value ->> 'idx', w.value ->> 'weight', p.depth + 1, %(task)s,
    w.value ->> 'lane', w.value ->> 'lane' <> '', 'queued',
    {now}, {now}, %(max_attempts)s, %(max_crashes)s, {now}
FROM core_job p, json_each(%(children)s) AS w WHERE p.id = %(parent)s;

INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
SELECT id, %(stages)s, 0, '', '', 0 FROM core_job WHERE parent_id = %(parent)s AND fan_key = %(key)s;

INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'submitted', 0, '', '', '' FROM core_job WHERE parent_id = %(parent)s AND fan_key = %(key)s;
