-- Parents whose children have all ended go on, once. Their rows must be locked (lock.sql) by a statement before this
-- one: of two last children that end at the same time, the second then sees the first.
SELECT j.id FROM core_job j
WHERE j.id {in:ids} AND j.state = 'waiting' AND NOT EXISTS (
    SELECT 1 FROM core_job c WHERE c.parent_id = j.id AND c.parent_id IS NOT NULL AND c.state IN {live}
)
ORDER BY j.id {lock}
SET state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL
EVENT kind = 'resumed'
RETURN j.id
