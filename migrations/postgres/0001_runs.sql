-- The log is the truth: a run is its events. `runs` and `gates` are projections of it, written in the same
-- transaction, so that lists never load payloads.

CREATE TABLE run_events (
    run_id  TEXT COLLATE "C" NOT NULL,
    seq     BIGINT           NOT NULL,
    at      BIGINT           NOT NULL, -- microseconds since 1970, UTC
    kind    TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL, -- the event as JSON
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE runs (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7: the order of ids is the order of creation
    workflow_id        TEXT COLLATE "C" NOT NULL,
    version_id         TEXT COLLATE "C" NOT NULL,
    workflow_slug      TEXT COLLATE "C" NOT NULL,
    workflow_name      TEXT COLLATE "C" NOT NULL,
    version            BIGINT           NOT NULL,
    created_at         BIGINT           NOT NULL,
    seq                BIGINT           NOT NULL, -- of the last event
    prior_seq          BIGINT           NOT NULL, -- of the last event before the latest commit: what that commit expected
    status             TEXT COLLATE "C" NOT NULL,
    reason             TEXT COLLATE "C",
    message            TEXT COLLATE "C",
    percent            BIGINT           NOT NULL,
    steps_total        BIGINT           NOT NULL,
    steps_done         BIGINT           NOT NULL,
    steps_failed       BIGINT           NOT NULL,
    waiting_for_people BIGINT           NOT NULL,
    current            TEXT COLLATE "C",
    started_by         TEXT COLLATE "C" NOT NULL,
    started_at         BIGINT,
    finished_at        BIGINT
);

-- Used by `list_runs` with a status, and by `stats`.
CREATE INDEX runs_by_status ON runs (status, id);
-- Used by `open_runs` at start and by Home.
CREATE INDEX runs_open ON runs (id) WHERE finished_at IS NULL;
-- Used by `list_runs` of one workflow.
CREATE INDEX runs_by_workflow ON runs (workflow_id, id);

CREATE TABLE gates (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id     TEXT COLLATE "C" NOT NULL,
    step_id    TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'closed')),
    opened_seq BIGINT           NOT NULL, -- the event that holds the question
    opened_at  BIGINT           NOT NULL,
    deadline   BIGINT
);

-- Used by `open_gates`, the inbox.
CREATE INDEX gates_open ON gates (opened_at, id) WHERE state = 'open';

-- `Idempotency-Key` of starts: the same key gives the same run.
CREATE TABLE start_keys (
    key         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id      TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL, -- of the request, so that a key used for something else is noticed
    created_at  BIGINT           NOT NULL
);
