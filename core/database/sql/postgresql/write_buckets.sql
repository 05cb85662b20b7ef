-- How far each key has used its rate by now.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
SELECT %(pipeline)s, w."limit", w.value, w.tat, 0
FROM jsonb_to_recordset(%(rows)s::jsonb) AS w ("limit" text, value text, tat double precision)
ON CONFLICT (pipeline, "limit", value) DO UPDATE SET tat = excluded.tat
