-- Asks for the end of all that these jobs have fanned out. Run it when their own rows are locked or ended: what they
-- fan out later ends with them. A family that two of them have in common is asked once.
WITH RECURSIVE family (id) AS (
    SELECT id FROM core_job WHERE parent_id {in:ids} AND parent_id IS NOT NULL
    UNION
    SELECT c.id FROM core_job c JOIN family f ON c.parent_id = f.id WHERE c.parent_id IS NOT NULL
)
SELECT j.id FROM core_job j JOIN family f ON f.id = j.id WHERE {can_be_cancelled} ORDER BY j.id {lock}
SET {cancelled}
EVENT {cancel_event}
RETURN j.id, j.state
