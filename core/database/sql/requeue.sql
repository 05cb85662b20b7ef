-- A person tries failed or cancelled jobs again. Of two people one wins.
SELECT j.id FROM core_job j WHERE j.id {in:ids} AND j.state IN {retriable} ORDER BY j.id {lock}
SET {tried_again}
EVENT kind = 'requeued', text = %(text)s
RETURN j.id, j.state
