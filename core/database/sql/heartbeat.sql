-- A worker says that it is there.
INSERT INTO core_worker (name, queues, threads, started_at, seen_at, is_stopping)
VALUES (%(name)s, %(queues)s, %(threads)s, {now}, {now}, %(is_stopping)s)
ON CONFLICT (name) DO UPDATE SET
    queues = excluded.queues, threads = excluded.threads, seen_at = excluded.seen_at,
    is_stopping = excluded.is_stopping
