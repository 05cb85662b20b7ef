-- Adds to the count of what should not happen.
INSERT INTO core_alarmcount (name, place, count, last_at) VALUES (%(name)s, %(place)s, %(count)s, {now})
ON CONFLICT (name, place) DO UPDATE SET count = core_alarmcount.count + excluded.count, last_at = excluded.last_at
