-- Lets the page of a job see that its log has grown, under the attempt's fence.
SELECT j.id FROM core_job j JOIN {rows:rows AS w (id bigint, fence bigint)} ON w.id = j.id AND w.fence = j.fence
WHERE {postgresql:j.id {in:ids} AND} (j.state = 'running') IS TRUE
ORDER BY j.id {lock}
SET core_jobprogress.job_id: version = j.version + 1, updated_at = {now}
RETURN p.id
