-- What limits count: jobs that were let go and have not ended, and of those the ones that nobody has claimed. SQLite
-- knows the index by the very words of its condition, and would rather read what is held as well.
SELECT owner_id, lane, count(*), count(*) FILTER (WHERE state IN {claimable})
FROM core_job {sqlite:INDEXED BY job_let_go}
WHERE pipeline = %(pipeline)s AND is_held = {no} AND state IN {live} AND NOT (lane = '')
GROUP BY owner_id, lane
