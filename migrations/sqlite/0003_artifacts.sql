-- Files that runs leave for people. One per run, step and name, so that a repeated attempt replaces its file.

CREATE TABLE artifacts (
    id         TEXT    NOT NULL PRIMARY KEY,
    run_id     TEXT    NOT NULL,
    step_id    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    content    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (run_id, step_id, name) -- also used by `artifacts_of`
) STRICT;
