-- These may start at their times. One that was cancelled in between stays as it is.
UPDATE core_job AS j SET is_held = 0, published_at = NULL,
    run_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', c.slot, 'unixepoch'),
    publish_at = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', c.slot, 'unixepoch')
FROM (
    SELECT i.value AS id, s.value AS slot FROM json_each(%(ids)s) i JOIN json_each(%(slots)s) s ON s.key = i.key
) AS c
WHERE j.id = c.id AND j.is_held = 1 AND j.state IN ('scheduled', 'queued', 'retrying')
RETURNING id
