-- A person changes the parameters of a failed job, and with them its name and what its limits count it by.
INSERT INTO core_jobevent (job_id, at, kind, attempt, worker, text, detail)
SELECT id, {now}, 'edited', attempt, '', %(by)s, '' FROM core_job WHERE id = %(id)s AND state = 'failed';

UPDATE core_job SET params = %(params)s, lane = %(lane)s, label = %(label)s
WHERE id = %(id)s AND state = 'failed'
RETURNING id;
