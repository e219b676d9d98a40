-- The list of runs, narrowed: by state, workflow, version, tag, who started it, when, and words of its input. Filters that
-- somebody has given a name.

-- What a run is found by: the values of its input in lower case, a line each, as far as there is room. Written with the
-- run; of runs of earlier releases null until it has been worked out.
ALTER TABLE runs ADD COLUMN search TEXT;
-- Used by `index_runs`.
CREATE INDEX runs_unsearched ON runs (id) WHERE search IS NULL;

-- Lists go by the moment at which a run was created, and by its id where several were created at once, so that the same
-- index also serves from when until when. Used by `find_runs`, `list_runs` and `workflows_that_ran`.
CREATE INDEX runs_by_age ON runs (created_at, id);
-- Used by `find_runs` with one state, and by `stats`.
DROP INDEX runs_by_status;
CREATE INDEX runs_by_status ON runs (status, created_at, id);
-- Used by `find_runs` and `list_runs` of one workflow, by `last_runs` and `last_ends`.
DROP INDEX runs_by_workflow;
CREATE INDEX runs_by_workflow ON runs (workflow_id, created_at, id);
-- Used by `find_runs` of whoever has started them.
CREATE INDEX runs_by_starter ON runs (started_by, created_at, id);
-- Used by `open_runs` at start and by Home.
DROP INDEX runs_open;
CREATE INDEX runs_open ON runs (created_at, id) WHERE finished_at IS NULL;

CREATE TABLE saved_filters (
    name       TEXT             NOT NULL PRIMARY KEY,
    query      TEXT             NOT NULL, -- of the address of the list, without a `?`
    changed_at INTEGER          NOT NULL,
    changed_by TEXT             NOT NULL
) STRICT;
