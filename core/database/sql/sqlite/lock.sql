-- The transaction holds the database's write lock already.
SELECT id FROM core_job WHERE id IN (SELECT value FROM json_each(%(ids)s))
