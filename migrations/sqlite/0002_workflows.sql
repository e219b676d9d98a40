-- Workflows and their immutable versions. A run points at a version, so that editing never changes what runs.

CREATE TABLE workflows (
    id              TEXT    NOT NULL PRIMARY KEY,
    slug            TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    tags            TEXT    NOT NULL, -- JSON list
    is_template     INTEGER NOT NULL,
    current_version TEXT    NOT NULL, -- workflow_versions.id
    version         INTEGER NOT NULL, -- its number
    steps           INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE workflow_versions (
    id          TEXT    NOT NULL PRIMARY KEY,
    workflow_id TEXT    NOT NULL REFERENCES workflows (id) DEFERRABLE INITIALLY DEFERRED,
    number      INTEGER NOT NULL,
    definition  TEXT    NOT NULL, -- the workflow as JSON
    outline     TEXT    NOT NULL, -- what it compiled to, as JSON: the logs of its runs are folded with this
    hash        TEXT    NOT NULL, -- SHA-256 of its canonical form
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (workflow_id, number)
) STRICT;
