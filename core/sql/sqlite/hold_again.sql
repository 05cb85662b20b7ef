-- What was let go and nobody has begun is held again. What was handed back, or woken by its parts, has begun.
UPDATE core_job SET is_held = 1, published_at = NULL
WHERE pipeline = %(pipeline)s AND NOT is_held AND state IN ('scheduled', 'queued', 'retrying') AND task = ''
  AND (lane <> '' OR %(everything)s) AND NOT (state = 'queued' AND fence > 0)
RETURNING owner_id, lane
