-- Locks these jobs until the commit, in the order of their ids: no deadlocks. Statements after it in the transaction
-- see what others had committed when the locks came free.
SELECT id FROM core_job WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
