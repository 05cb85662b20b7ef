-- The transaction holds the database's write lock: no other attempt can claim the job in between.
SELECT cancel_requested_at IS NOT NULL FROM core_job
WHERE id = %(id)s AND fence = %(fence)s AND state = 'running'
