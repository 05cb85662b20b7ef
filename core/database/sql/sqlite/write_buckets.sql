-- How far each key has used its rate by now.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
SELECT %(pipeline)s, w.value ->> 'limit', w.value ->> 'value', w.value ->> 'tat', 0
FROM json_each(%(rows)s) AS w
WHERE true
ON CONFLICT (pipeline, "limit", value) DO UPDATE SET tat = excluded.tat
