-- What tools and programs outside write while an attempt of a step is made. Lines are no events: they are not replayed,
-- and no run depends on them. Each log has a row of its own that says how far it is: whoever adds lines holds that row
-- until they are stored, so that numbers have no gaps and none is given twice.

CREATE TABLE step_logs (
    run_id        TEXT COLLATE "C" NOT NULL,
    step_id       TEXT COLLATE "C" NOT NULL, -- the way to the step, such as `each.3.fetch`
    attempt       BIGINT           NOT NULL, -- from 1
    lines         BIGINT           NOT NULL, -- kept: the number of the last one
    bytes         BIGINT           NOT NULL, -- of these
    dropped_lines BIGINT           NOT NULL, -- that arrived when the log was full
    dropped_bytes BIGINT           NOT NULL,
    PRIMARY KEY (run_id, step_id, attempt)
);

-- The key serves `log_lines`, `log_tails` and `forget_run`.
CREATE TABLE step_log_lines (
    run_id  TEXT COLLATE "C" NOT NULL,
    step_id TEXT COLLATE "C" NOT NULL,
    attempt BIGINT           NOT NULL,
    seq     BIGINT           NOT NULL, -- from 1, without gaps
    at      BIGINT           NOT NULL, -- when it arrived
    stream  TEXT COLLATE "C" NOT NULL, -- stdout, stderr or note
    text    TEXT COLLATE "C" NOT NULL, -- as it was written, colours included
    PRIMARY KEY (run_id, step_id, attempt, seq)
);
