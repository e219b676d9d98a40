-- Files that runs leave for people. One per run, step and name, so that a repeated attempt replaces its file.

CREATE TABLE artifacts (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id     TEXT COLLATE "C" NOT NULL,
    step_id    TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    bytes      BIGINT           NOT NULL,
    sha256     TEXT COLLATE "C" NOT NULL,
    content    BYTEA            NOT NULL,
    created_at BIGINT           NOT NULL,
    UNIQUE (run_id, step_id, name) -- also used by `artifacts_of`
);
