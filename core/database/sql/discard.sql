-- A person gives failed jobs up. What is tried again at the same moment is not failed any more: one of the two wins.
-- When and why the job failed stays on it.
SELECT j.id FROM core_job j WHERE j.id {in:ids} AND j.state = 'failed' ORDER BY j.id {lock}
SET state = 'cancelled', cancel_requested_at = {now}, is_held = {no}
EVENT kind = 'discarded', text = %(by)s
RETURN j.id, j.fence
