-- All logs of a run together have a bound too: a run of ten thousand steps would have room for forty gigabytes otherwise.
-- Whoever adds lines to logs of a run holds its row here first.

CREATE TABLE run_logs (
    run_id TEXT    NOT NULL PRIMARY KEY,
    bytes  INTEGER NOT NULL -- kept, of all logs
) STRICT, WITHOUT ROWID;
INSERT INTO run_logs (run_id, bytes) SELECT run_id, sum(bytes) FROM step_logs GROUP BY run_id;
