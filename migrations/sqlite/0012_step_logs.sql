-- What tools and programs outside write while an attempt of a step is made. Lines are no events: they are not replayed,
-- and no run depends on them. Each log has a row of its own that says how far it is: whoever adds lines holds that row
-- until they are stored, so that numbers have no gaps and none is given twice.

CREATE TABLE step_logs (
    run_id        TEXT    NOT NULL,
    step_id       TEXT    NOT NULL, -- the way to the step, such as `each.3.fetch`
    attempt       INTEGER NOT NULL, -- from 1
    lines         INTEGER NOT NULL, -- kept: the number of the last one
    bytes         INTEGER NOT NULL, -- of these
    dropped_lines INTEGER NOT NULL, -- that arrived when the log was full
    dropped_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, step_id, attempt)
) STRICT;

-- The key serves `log_lines`, `log_tails` and `forget_run`.
CREATE TABLE step_log_lines (
    run_id  TEXT    NOT NULL,
    step_id TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL, -- from 1, without gaps
    at      INTEGER NOT NULL, -- when it arrived
    stream  TEXT    NOT NULL, -- stdout, stderr or note
    text    TEXT    NOT NULL, -- as it was written, colours included
    PRIMARY KEY (run_id, step_id, attempt, seq)
) STRICT, WITHOUT ROWID;
