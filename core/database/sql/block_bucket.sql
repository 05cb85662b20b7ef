-- A remote asked to be left alone until then; a longer wait that is known already stays.
INSERT INTO core_limitbucket (pipeline, "limit", value, tat, blocked_until)
VALUES (%(pipeline)s, %(limit)s, %(value)s, 0, %(until)s)
ON CONFLICT (pipeline, "limit", value) DO UPDATE SET
    blocked_until = {greatest}(core_limitbucket.blocked_until, excluded.blocked_until)
