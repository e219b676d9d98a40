-- Workflows and their immutable versions. A run points at a version, so that editing never changes what runs.

CREATE TABLE workflows (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug            TEXT COLLATE "C" NOT NULL UNIQUE,
    name            TEXT COLLATE "C" NOT NULL,
    description     TEXT COLLATE "C" NOT NULL,
    tags            TEXT COLLATE "C" NOT NULL, -- JSON list
    is_template     BIGINT           NOT NULL,
    current_version TEXT COLLATE "C" NOT NULL, -- workflow_versions.id
    version         BIGINT           NOT NULL, -- its number
    steps           BIGINT           NOT NULL,
    created_at      BIGINT           NOT NULL,
    updated_at      BIGINT           NOT NULL
);

CREATE TABLE workflow_versions (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workflow_id TEXT COLLATE "C" NOT NULL REFERENCES workflows (id) DEFERRABLE INITIALLY DEFERRED,
    number      BIGINT           NOT NULL,
    definition  TEXT COLLATE "C" NOT NULL, -- the workflow as JSON
    outline     TEXT COLLATE "C" NOT NULL, -- what it compiled to, as JSON: the logs of its runs are folded with this
    hash        TEXT COLLATE "C" NOT NULL, -- SHA-256 of its canonical form
    created_by  TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT           NOT NULL,
    UNIQUE (workflow_id, number)
);
