-- What becomes of a workflow before and after it runs: drafts, notes on versions, templates of one's own, and workflows
-- that were deleted and may come back.

ALTER TABLE workflows ADD COLUMN deleted_at INTEGER;                  -- null: it is there
ALTER TABLE workflows ADD COLUMN built_in   INTEGER NOT NULL DEFAULT 0; -- a template that comes with the product
ALTER TABLE workflows ADD COLUMN made_from  TEXT;                     -- workflows.id of the template it began as
ALTER TABLE workflows ADD COLUMN search     TEXT;                     -- what it is found by; null until it is worked out

-- Until now there were no other templates.
UPDATE workflows SET built_in = is_template;

-- Used for the number of uses of each template.
CREATE INDEX workflows_by_template ON workflows (made_from) WHERE made_from IS NOT NULL;
-- Used by `find_workflows` and `list_workflows`.
CREATE INDEX workflows_by_name ON workflows (name, id);

ALTER TABLE workflow_versions ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- Switched off because its workflow was deleted, and switched on again when the workflow comes back.
ALTER TABLE triggers ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;

CREATE TABLE drafts (
    id          TEXT    NOT NULL PRIMARY KEY,
    workflow_id TEXT    UNIQUE REFERENCES workflows (id), -- null: of a workflow that is yet to be made
    based_on    INTEGER,                                  -- the version of that workflow that it began as
    made_from   TEXT,                                     -- workflows.id of the template that it began as
    name        TEXT    NOT NULL,
    document    TEXT    NOT NULL,                         -- the workflow as JSON, also a broken one
    revision    INTEGER NOT NULL,                         -- from 1; each change adds one
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    updated_by  TEXT    NOT NULL
) STRICT;

-- What drafts have become, noted in the transaction that published them: whoever asks again gets the same answer.
CREATE TABLE published_drafts (
    draft_id     TEXT    NOT NULL PRIMARY KEY,
    workflow_id  TEXT    NOT NULL REFERENCES workflows (id),
    number       INTEGER NOT NULL, -- of the version
    is_new       INTEGER NOT NULL, -- 0: the version was there already, word for word
    published_at INTEGER NOT NULL
) STRICT;
