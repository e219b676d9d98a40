-- Values too large for an event are kept beside the log, by the hash of their content. Long logs have a snapshot.

-- What was taken out of the payload: a JSON list of pairs, a JSON pointer into it and the hash of what belongs there.
ALTER TABLE run_events ADD COLUMN large TEXT;

CREATE TABLE run_values (
    run_id  TEXT NOT NULL,
    sha256  TEXT NOT NULL, -- of the content, in hex
    content TEXT NOT NULL, -- JSON
    PRIMARY KEY (run_id, sha256)
) STRICT;

-- The state of a run after its event `seq`. May be thrown away at any time.
CREATE TABLE run_snapshots (
    run_id TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    format TEXT    NOT NULL, -- of the state: another release may read none but its own
    state  TEXT    NOT NULL  -- JSON, with all its values
) STRICT;
