-- Seconds until the queue's next job is to be published; below zero when it is late, none when there is nothing.
WITH RECURSIVE {turns}
SELECT {epoch:min(n.publish_at)} - {epoch:{now}} FROM people p {each:n
    WHERE j.queue = %(queue)s AND j.priority = p.priority AND j.owner_id = p.owner_id AND {unpublished}
    ORDER BY j.publish_at LIMIT 1}
