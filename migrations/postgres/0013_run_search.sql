-- What a run is found by lies beside the runs: each turn of a run writes its row anew, and need not write the text of its
-- input with it.

-- The values of the run's input in lower case, a line each, as far as there is room. A run that is found by nothing has no
-- row. The key serves `find_runs` and `forget_run`.
CREATE TABLE run_search (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    words  TEXT COLLATE "C" NOT NULL
);
INSERT INTO run_search (run_id, words) SELECT id, search FROM runs WHERE search <> '';

-- Runs of earlier releases of which it has not been worked out yet. Used by `index_runs`.
CREATE TABLE runs_to_index (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
INSERT INTO runs_to_index (run_id) SELECT id FROM runs WHERE search IS NULL;

DROP INDEX runs_unsearched;
ALTER TABLE runs DROP COLUMN search;
