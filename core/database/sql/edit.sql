-- A person changes the parameters of a failed job, and with them its name and what its limits count it by.
SELECT j.id FROM core_job j WHERE j.id = %(id)s AND j.state = 'failed' ORDER BY j.id {lock}
SET params = {json:%(params)s}, lane = %(lane)s, label = %(label)s
EVENT kind = 'edited', text = %(by)s
RETURN j.id
