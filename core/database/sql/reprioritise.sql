-- Gives a job and its parts another priority. What nobody runs is published again with it: a message that is on its way
-- has the old one, and a second message does no harm.
SELECT j.id FROM core_job j WHERE j.id {in:ids} AND j.state IN {idle} AND j.priority <> %(priority)s
ORDER BY j.id {lock}
SET
    priority = %(priority)s, published_at = NULL,
    publish_at = CASE WHEN j.state = 'waiting' OR j.is_held THEN j.publish_at ELSE {greatest}(j.run_at, {now}) END
EVENT kind = 'reprioritised', text = %(text)s, only = j.id = %(id)s
RETURN j.id
