-- Values too large for an event are kept beside the log, by the hash of their content. Long logs have a snapshot.

-- What was taken out of the payload: a JSON list of pairs, a JSON pointer into it and the hash of what belongs there.
ALTER TABLE run_events ADD COLUMN large TEXT COLLATE "C";

CREATE TABLE run_values (
    run_id  TEXT COLLATE "C" NOT NULL,
    sha256  TEXT COLLATE "C" NOT NULL, -- of the content, in hex
    content TEXT COLLATE "C" NOT NULL, -- JSON
    PRIMARY KEY (run_id, sha256)
);

-- The state of a run after its event `seq`. May be thrown away at any time.
CREATE TABLE run_snapshots (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq    BIGINT           NOT NULL,
    format TEXT COLLATE "C" NOT NULL, -- of the state: another release may read none but its own
    state  TEXT COLLATE "C" NOT NULL  -- JSON, with all its values
);
