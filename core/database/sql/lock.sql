-- Locks these jobs until the commit, in the order of their ids: no deadlocks. Statements after it in the transaction
-- see what others had committed when the locks came free.
SELECT j.id FROM core_job j WHERE j.id {in:ids} ORDER BY j.id {lock}
