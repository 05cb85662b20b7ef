-- The transaction holds the database's write lock already.
SELECT 1
