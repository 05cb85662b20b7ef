-- How far each key has used its rate by now.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
SELECT %(pipeline)s, w."limit", w.value, w.tat, 0
FROM {rows:rows AS w ("limit" text, value text, tat double precision)}
WHERE true
ON CONFLICT (pipeline, "limit", value) DO UPDATE SET tat = excluded.tat
