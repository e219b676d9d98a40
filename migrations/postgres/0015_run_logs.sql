-- All logs of a run together have a bound too: a run of ten thousand steps would have room for forty gigabytes otherwise.
-- Whoever adds lines to logs of a run holds its row here first.

CREATE TABLE run_logs (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    bytes  BIGINT           NOT NULL -- kept, of all logs
);
INSERT INTO run_logs (run_id, bytes) SELECT run_id, CAST(sum(bytes) AS BIGINT) FROM step_logs GROUP BY run_id;
