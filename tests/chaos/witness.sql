-- The witness: an append-only record of every write of an attempt, made by the database itself in the transaction
-- of the write. A write that was refused leaves nothing here; one that was accepted cannot hide.

CREATE TABLE test_effect (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL,
    step text NOT NULL,
    fence bigint NOT NULL
);

CREATE TABLE chaos_witness (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- effect, step, artifact, note, progress: a write of an attempt. claimed, ended, reaped, asked: a job's state.
    what text NOT NULL,
    job_id bigint NOT NULL,
    key text NOT NULL DEFAULT '',
    -- The fence that wrote, as the write itself says; null when it does not.
    fence bigint,
    -- The job's fence and state at that moment (for a state: before it).
    current_fence bigint,
    state text,
    new_state text,
    -- The process that wrote: each worker is started with a name of its own.
    application text NOT NULL DEFAULT current_setting('application_name')
);
CREATE INDEX ON chaos_witness (job_id, id);

CREATE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON test_effect EXECUTE FUNCTION chaos_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chaos_witness EXECUTE FUNCTION chaos_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core_jobevent EXECUTE FUNCTION chaos_refuse();

-- Looks at the end of the transaction, where the fence is to be held: what was true at the insert may be no more.
CREATE FUNCTION chaos_note_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written jsonb := to_jsonb(NEW);
    what text := TG_ARGV[0];
    writer bigint;
BEGIN
    writer := CASE what
        WHEN 'artifact' THEN split_part(written->>'path', '/', 3)::bigint
        WHEN 'note' THEN substring(written->>'text' FROM '^fence (\d+)')::bigint
        WHEN 'progress' THEN substring(written->>'note' FROM '^fence (\d+)')::bigint
        ELSE (written->>'fence')::bigint
    END;
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state)
    SELECT what, job.id, COALESCE(written->>'step', written->>'key', written->>'field', ''), writer, job.fence, job.state
    FROM core_job job WHERE job.id = (written->>'job_id')::bigint;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON test_effect
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_note_write('effect');
CREATE CONSTRAINT TRIGGER witness AFTER INSERT OR UPDATE ON core_jobstep
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_note_write('step');
CREATE CONSTRAINT TRIGGER witness AFTER INSERT OR UPDATE ON core_artifact
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'output')
    EXECUTE FUNCTION chaos_note_write('artifact');
CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON core_jobevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'note' AND NEW.text LIKE 'fence %')
    EXECUTE FUNCTION chaos_note_write('note');
-- At once: the last progress shares its transaction with the attempt's end, and has to come first.
CREATE TRIGGER witness AFTER UPDATE ON core_jobprogress
    FOR EACH ROW WHEN (NEW.note LIKE 'fence %') EXECUTE FUNCTION chaos_note_write('progress');

CREATE FUNCTION chaos_note_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_witness (what, job_id, key, fence, current_fence, state, new_state)
    VALUES (
        CASE
            WHEN NEW.state = 'running' THEN 'claimed'
            WHEN OLD.state <> 'running' THEN 'asked'
            WHEN NEW.crashes > OLD.crashes AND OLD.lease_until < clock_timestamp() THEN 'reaped'
            ELSE 'ended'
        END,
        NEW.id,
        CASE WHEN NEW.state = 'running' THEN NEW.worker ELSE OLD.worker END,
        CASE
            WHEN NEW.state = 'running' THEN NEW.fence
            -- The result names the attempt that made it.
            WHEN NEW.state = 'succeeded' THEN (NEW.result->>'fence')::bigint
        END,
        OLD.fence, OLD.state, NEW.state
    );
    RETURN NULL;
END $$;

CREATE TRIGGER witness AFTER UPDATE ON core_job
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.fence <> NEW.fence) EXECUTE FUNCTION chaos_note_state();
