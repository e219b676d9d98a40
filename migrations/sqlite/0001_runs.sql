-- The log is the truth: a run is its events. `runs` and `gates` are projections of it, written in the same
-- transaction, so that lists never load payloads.

CREATE TABLE run_events (
    run_id  TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- microseconds since 1970, UTC
    kind    TEXT    NOT NULL,
    payload TEXT    NOT NULL, -- the event as JSON
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id                 TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: the order of ids is the order of creation
    workflow_id        TEXT    NOT NULL,
    version_id         TEXT    NOT NULL,
    workflow_slug      TEXT    NOT NULL,
    workflow_name      TEXT    NOT NULL,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    seq                INTEGER NOT NULL, -- of the last event
    prior_seq          INTEGER NOT NULL, -- of the last event before the latest commit: what that commit expected
    status             TEXT    NOT NULL,
    reason             TEXT,
    message            TEXT,
    percent            INTEGER NOT NULL,
    steps_total        INTEGER NOT NULL,
    steps_done         INTEGER NOT NULL,
    steps_failed       INTEGER NOT NULL,
    waiting_for_people INTEGER NOT NULL,
    current            TEXT,
    started_by         TEXT    NOT NULL,
    started_at         INTEGER,
    finished_at        INTEGER
) STRICT;

-- Used by `list_runs` with a status, and by `stats`.
CREATE INDEX runs_by_status ON runs (status, id);
-- Used by `open_runs` at start and by Home.
CREATE INDEX runs_open ON runs (id) WHERE finished_at IS NULL;
-- Used by `list_runs` of one workflow.
CREATE INDEX runs_by_workflow ON runs (workflow_id, id);

CREATE TABLE gates (
    id         TEXT    NOT NULL PRIMARY KEY,
    run_id     TEXT    NOT NULL,
    step_id    TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'closed')),
    opened_seq INTEGER NOT NULL, -- the event that holds the question
    opened_at  INTEGER NOT NULL,
    deadline   INTEGER
) STRICT;

-- Used by `open_gates`, the inbox.
CREATE INDEX gates_open ON gates (opened_at, id) WHERE state = 'open';

-- `Idempotency-Key` of starts: the same key gives the same run.
CREATE TABLE start_keys (
    key         TEXT    NOT NULL PRIMARY KEY,
    run_id      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL, -- of the request, so that a key used for something else is noticed
    created_at  INTEGER NOT NULL
) STRICT;
