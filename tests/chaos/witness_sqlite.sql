-- The witness on SQLite: as witness.sql, with its columns. A transaction holds the one write lock from its beginning: what
-- is true at a write is true at its commit.

CREATE TABLE test_effect (id integer PRIMARY KEY, job_id integer NOT NULL, step text NOT NULL, fence integer NOT NULL);

CREATE TABLE chaos_witness (
    id integer PRIMARY KEY,
    at text NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    what text NOT NULL,
    job_id integer NOT NULL,
    key text NOT NULL DEFAULT '',
    fence integer,
    current_fence integer,
    state text,
    new_state text,
    -- The process that made the claim, as the job names it: SQLite knows no names of connections.
    application text NOT NULL DEFAULT ''
);
CREATE INDEX chaos_witness_job ON chaos_witness (job_id, id);

CREATE TRIGGER effect_kept BEFORE UPDATE ON test_effect BEGIN SELECT RAISE(ABORT, 'test_effect is append-only'); END;
CREATE TRIGGER effect_stays BEFORE DELETE ON test_effect BEGIN SELECT RAISE(ABORT, 'test_effect is append-only'); END;
CREATE TRIGGER event_kept BEFORE UPDATE ON core_jobevent BEGIN SELECT RAISE(ABORT, 'core_jobevent is append-only'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON core_jobevent BEGIN SELECT RAISE(ABORT, 'core_jobevent is append-only'); END;

CREATE TRIGGER witness_effect AFTER INSERT ON test_effect BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state)
    SELECT 'effect', id, NEW.step, NEW.fence, fence, state FROM core_job WHERE id = NEW.job_id;
END;
CREATE TRIGGER witness_step AFTER INSERT ON core_jobstep BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state)
    SELECT 'step', id, NEW.key, NEW.fence, fence, state FROM core_job WHERE id = NEW.job_id;
END;
CREATE TRIGGER witness_artifact AFTER INSERT ON core_artifact WHEN NEW.kind = 'output' BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state)
    SELECT 'artifact', id, NEW.field, CAST(substr(NEW.path, length('jobs/' || NEW.job_id || '/') + 1) AS integer),
        fence, state FROM core_job WHERE id = NEW.job_id;
END;
CREATE TRIGGER witness_artifact_again AFTER UPDATE ON core_artifact WHEN NEW.kind = 'output' BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state)
    SELECT 'artifact', id, NEW.field, CAST(substr(NEW.path, length('jobs/' || NEW.job_id || '/') + 1) AS integer),
        fence, state FROM core_job WHERE id = NEW.job_id;
END;
CREATE TRIGGER witness_progress AFTER UPDATE ON core_jobprogress WHEN NEW.note LIKE 'fence %' BEGIN
    INSERT INTO chaos_witness (what, job_id, fence, current_fence, state)
    SELECT 'progress', id, CAST(substr(NEW.note, 7) AS integer), fence, state FROM core_job WHERE id = NEW.job_id;
END;
CREATE TRIGGER witness_state AFTER UPDATE ON core_job WHEN OLD.state <> NEW.state OR OLD.fence <> NEW.fence BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state, new_state, application)
    VALUES (
        CASE
            WHEN NEW.state = 'running' THEN 'claimed'
            WHEN OLD.state <> 'running' THEN 'asked'
            WHEN NEW.crashes > OLD.crashes AND OLD.lease_until < strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'reaped'
            ELSE 'ended'
        END,
        NEW.id,
        CASE WHEN NEW.state = 'running' THEN NEW.worker ELSE OLD.worker END,
        CASE
            WHEN NEW.state = 'running' THEN NEW.fence
            WHEN NEW.state = 'succeeded' THEN json_extract(NEW.result, '$.fence')
        END,
        OLD.fence, OLD.state, NEW.state,
        CASE WHEN NEW.state = 'running' THEN NEW.worker ELSE OLD.worker END
    );
END;
