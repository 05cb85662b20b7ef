-- Asks for a job's end.
SELECT j.id FROM core_job j WHERE j.id = %(id)s AND {can_be_cancelled} ORDER BY j.id {lock}
SET {cancelled}
EVENT {cancel_event}
ALSO {end_signal}
RETURN j.id, j.fence, j.state
