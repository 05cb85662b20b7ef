-- Takes one from a rate, if there is one to take: a row says that there was. GCRA, as the gate's buckets.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
VALUES (%(what)s, %(limit)s, %(value)s, {epoch:{now}} + %(interval)s, 0)
ON CONFLICT (pipeline, "limit", value) DO UPDATE
    SET tat = {greatest}(core_limitbucket.tat, {epoch:{now}}) + %(interval)s
    WHERE core_limitbucket.tat <= {epoch:{now}} + %(slack)s
RETURNING tat
