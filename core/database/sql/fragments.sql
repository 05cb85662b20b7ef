-- What several statements share; `$` is the row's alias, `j` unless another is named.

-- Not on its way to a worker, and kept back by nothing: the condition of the index job_turn.
unpublished: $.published_at IS NULL AND $.is_held = {no} AND $.state IN {claimable}

held: $.is_held = {yes} AND $.state IN {claimable}

startable: $.state IN {claimable} AND $.is_held = {no} AND $.run_at <= {now}

-- One lost worker more ends it.
at_last_crash: $.crashes > 0 AND $.crashes + 1 >= $.max_crashes

-- What is tried again, or was told to wait, passes its limits anew.
passes_gate: ($.lane <> '' OR $.task = '' AND EXISTS (
        SELECT 1 FROM core_gate g WHERE g.pipeline = $.pipeline AND g.paused_at IS NOT NULL))

can_be_cancelled: $.cancel_requested_at IS NULL AND $.state IN {live}

-- What nobody runs ends at once; a running attempt is told, and can succeed no more.
cancelled:
    cancel_requested_at = {now},
    state = CASE WHEN $.state = 'running' THEN $.state ELSE 'cancelled' END,
    finished_at = CASE WHEN $.state = 'running' THEN NULL ELSE {now} END,
    published_at = CASE WHEN $.state = 'running' THEN $.published_at END,
    is_held = {no}

cancel_event: kind = CASE WHEN $.state = 'running' THEN 'cancel_requested' ELSE 'cancelled' END, text = %(by)s

-- Each gets the attempts of a fresh one.
tried_again:
    state = 'queued', run_at = {now}, publish_at = {now}, published_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, error = '', result = NULL, is_held = {passes_gate:$},
    max_attempts = $.attempt + %(max_attempts)s, max_crashes = $.crashes + %(max_crashes)s

-- An end of a whole job is kept until its signals are sent and its webhooks' calls are ordered, where somebody listens or
-- a running webhook of its owner's hears of it: one probe of webhook_running. What the site orders itself, such as these
-- calls, is nobody's to follow. For an act that returns a job's id, fence and state first.
end_signal:
    INSERT INTO core_endsignal (job_id, fence, state, due_at)
    SELECT d.r0, d.r1, d.r2, {now} FROM done d
    WHERE d.r2 IN {terminal} AND EXISTS (
        SELECT 1 FROM core_job w
        WHERE w.id = d.r0 AND w.parent_id IS NULL AND w.pipeline {not_in:ordered} AND (%(listened)s OR EXISTS (
            SELECT 1 FROM core_webhook h WHERE h.owner_id = w.owner_id AND h.stopped_at IS NULL
                AND CASE d.r2 WHEN 'succeeded' THEN h.on_succeeded WHEN 'failed' THEN h.on_failed
                    ELSE h.on_cancelled END
                AND (h.schedule_id IS NULL OR EXISTS (
                    SELECT 1 FROM core_scheduledrun r WHERE r.job_id = w.id AND r.schedule_id = h.schedule_id
                ))
        ))
    )
    ON CONFLICT DO NOTHING

-- The owners with unpublished jobs on a queue, by priority; each is one probe of the index job_turn.
turns:
    turns (priority, owner_id) AS (
        SELECT p.priority, (
            SELECT j.owner_id FROM core_job j
            WHERE j.queue = %(queue)s AND j.priority = p.priority AND {unpublished}
            ORDER BY j.owner_id LIMIT 1
        ) FROM (
            SELECT CAST(2 AS smallint) AS priority
            UNION ALL SELECT CAST(1 AS smallint)
            UNION ALL SELECT CAST(0 AS smallint)
        ) AS p
        WHERE p.priority >= %(lowest)s
        UNION ALL
        SELECT t.priority, (
            SELECT j.owner_id FROM core_job j
            WHERE j.queue = %(queue)s AND j.priority = t.priority AND j.owner_id > t.owner_id AND {unpublished}
            ORDER BY j.owner_id LIMIT 1
        ) FROM turns t WHERE t.owner_id IS NOT NULL
    ), people AS MATERIALIZED (
        SELECT priority, owner_id FROM turns WHERE owner_id IS NOT NULL
    )
