-- Whether a relay has anything to take.
SELECT EXISTS (
    SELECT 1 FROM core_job
    WHERE published_at IS NULL AND publish_at <= {now} AND state IN ('scheduled', 'queued', 'retrying') AND NOT is_held
      AND (%(queue)s = '' OR queue = %(queue)s)
)
