-- SQLite 3.40 answers `IS NOT NULL` wrongly in the RETURNING of an UPDATE … FROM: the column itself is returned.
-- One update for all that a process holds. A row that does not come back is lost to its attempt.
UPDATE core_job AS j SET lease_until = STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', {now}, %(lease)s || ' seconds')
FROM (
    SELECT i.value AS id, f.value AS fence
    FROM json_each(%(ids)s) i JOIN json_each(%(fences)s) f ON f.key = i.key
) AS w
WHERE j.id = w.id AND j.fence = w.fence AND j.state = 'running'
RETURNING id, fence, cancel_requested_at
