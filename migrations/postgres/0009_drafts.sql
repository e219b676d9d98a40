-- What becomes of a workflow before and after it runs: drafts, notes on versions, templates of one's own, and workflows
-- that were deleted and may come back.

ALTER TABLE workflows ADD COLUMN deleted_at BIGINT;                  -- null: it is there
ALTER TABLE workflows ADD COLUMN built_in   BIGINT NOT NULL DEFAULT 0; -- a template that comes with the product
ALTER TABLE workflows ADD COLUMN made_from  TEXT COLLATE "C";                     -- workflows.id of the template it began as
ALTER TABLE workflows ADD COLUMN search     TEXT COLLATE "C";                     -- what it is found by; null until it is worked out

-- Until now there were no other templates.
UPDATE workflows SET built_in = is_template;

-- Used for the number of uses of each template.
CREATE INDEX workflows_by_template ON workflows (made_from) WHERE made_from IS NOT NULL;
-- Used by `find_workflows` and `list_workflows`.
CREATE INDEX workflows_by_name ON workflows (name, id);

ALTER TABLE workflow_versions ADD COLUMN note TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Switched off because its workflow was deleted, and switched on again when the workflow comes back.
ALTER TABLE triggers ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;

CREATE TABLE drafts (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workflow_id  TEXT COLLATE "C" UNIQUE REFERENCES workflows (id),       -- null: of a workflow that is yet to be made
    based_on     BIGINT,                                       -- the version of that workflow that it began as
    made_from    TEXT COLLATE "C",                                       -- workflows.id of the template that it began as
    name         TEXT COLLATE "C" NOT NULL,
    document     TEXT COLLATE "C" NOT NULL,                               -- the workflow as JSON, also a broken one
    revision     BIGINT           NOT NULL,                               -- from 1; each change adds one
    created_at   BIGINT           NOT NULL,
    updated_at   BIGINT           NOT NULL,
    updated_by   TEXT COLLATE "C" NOT NULL
);

-- What drafts have become, noted in the transaction that published them: whoever asks again gets the same answer.
CREATE TABLE published_drafts (
    draft_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workflow_id  TEXT COLLATE "C" NOT NULL REFERENCES workflows (id),
    number       BIGINT           NOT NULL,                               -- of the version
    is_new       BIGINT           NOT NULL,                               -- 0: the version was there already, word for word
    published_at BIGINT           NOT NULL
);
