-- Progress of many attempts at once, each under its fence.
UPDATE core_jobprogress AS p SET
    stages = h.stages, done = h.done, total = h.total, unit = h.unit, note = h.note, rate = h.rate, step = h.step,
    version = p.version + 1, updated_at = {now}
FROM (
    SELECT j.id, w.value -> 'stages' AS stages, w.value ->> 'done' AS done, w.value ->> 'total' AS total,
        w.value ->> 'unit' AS unit, w.value ->> 'note' AS note, w.value ->> 'rate' AS rate,
        w.value -> 'step' AS step
    FROM json_each(%(rows)s) AS w
    JOIN core_job j ON j.id = w.value ->> 'id' AND j.fence = w.value ->> 'fence' AND j.state = 'running'
) AS h
WHERE p.job_id = h.id;

SELECT j.id, j.fence, j.cancel_requested_at IS NOT NULL
FROM json_each(%(rows)s) AS w
JOIN core_job j ON j.id = w.value ->> 'id' AND j.fence = w.value ->> 'fence' AND j.state = 'running';
