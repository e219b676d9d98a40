-- What starts runs by itself. `settings` is what somebody has set and `since` belongs to it; the columns behind `keys`
-- are what has become of it, and each firing writes only those.

CREATE TABLE triggers (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workflow_id        TEXT COLLATE "C" NOT NULL REFERENCES workflows (id),
    name               TEXT COLLATE "C" NOT NULL,
    enabled            BIGINT           NOT NULL,
    settings           TEXT COLLATE "C" NOT NULL, -- JSON, with its kind
    source_workflow_id TEXT COLLATE "C",          -- of those that wait for another workflow's runs to end
    since              BIGINT           NOT NULL, -- moments of a schedule up to this one are none of its business
    created_at         BIGINT           NOT NULL,
    keys               TEXT COLLATE "C",          -- of a webhook, JSON: what messages are signed with, as clear text
    done_until         BIGINT,                    -- of a schedule: moments up to this one have been dealt with
    queued             BIGINT,                    -- of a schedule: the moment that waits for the last run to end
    fired_at           BIGINT,
    last_run           TEXT COLLATE "C",
    error              TEXT COLLATE "C",          -- why the last firing started nothing
    error_at           BIGINT
);

-- Used by `triggers_of`.
CREATE INDEX triggers_by_workflow ON triggers (workflow_id, id);
-- Used by `note_run_end`, for every run that ends.
CREATE INDEX triggers_by_source ON triggers (source_workflow_id) WHERE source_workflow_id IS NOT NULL AND enabled = 1;

-- Ends of runs that a trigger has yet to follow. They are noted in the transaction of the end itself, and only where a
-- trigger waits for them: a crash loses none, and a workflow that nobody follows pays nothing.
CREATE TABLE run_ends (
    trigger_id TEXT COLLATE "C" NOT NULL,
    run_id     TEXT COLLATE "C" NOT NULL,
    seq        BIGINT           NOT NULL, -- of the run's last event: a run that is retried ends again
    PRIMARY KEY (trigger_id, run_id, seq)
);

CREATE FUNCTION note_run_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_ends (trigger_id, run_id, seq)
    SELECT id, NEW.id, NEW.seq FROM triggers WHERE source_workflow_id = NEW.workflow_id AND enabled = 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER note_run_end_of_first_turn AFTER INSERT ON runs FOR EACH ROW
WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION note_run_end();

CREATE TRIGGER note_run_end AFTER UPDATE OF finished_at ON runs FOR EACH ROW
WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION note_run_end();
