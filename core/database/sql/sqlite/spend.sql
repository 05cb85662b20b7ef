-- Takes one from a rate, if there is one to take: a row says that there was. GCRA, as the gate's buckets.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
VALUES (%(what)s, %(limit)s, %(value)s, (julianday({now}) - 2440587.5) * 86400.0 + %(interval)s, 0)
ON CONFLICT (pipeline, "limit", value) DO UPDATE
    SET tat = max(core_limitbucket.tat, (julianday({now}) - 2440587.5) * 86400.0) + %(interval)s
    WHERE core_limitbucket.tat <= (julianday({now}) - 2440587.5) * 86400.0 + %(slack)s
RETURNING tat
