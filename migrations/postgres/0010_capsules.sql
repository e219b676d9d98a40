-- Runs that came in files of their own, and what this server signs such files with.

CREATE TABLE signing_keys (
    purpose    TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- what it signs
    pkcs8      BYTEA            NOT NULL,             -- the private key
    created_at BIGINT           NOT NULL
);

CREATE TABLE capsules (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- SHA-256 of the file, shortened
    run         TEXT COLLATE "C" NOT NULL,             -- its summary, as JSON
    exported_at BIGINT           NOT NULL,
    exported_by TEXT COLLATE "C" NOT NULL,
    signed_with TEXT COLLATE "C" NOT NULL,             -- fingerprint of the public key
    bytes       BIGINT           NOT NULL,             -- of the file
    content     BYTEA            NOT NULL,             -- the file, in gzip
    opened_at   BIGINT           NOT NULL,
    opened_by   TEXT COLLATE "C" NOT NULL
);
-- Used by `list_capsules`.
CREATE INDEX capsules_by_age ON capsules (opened_at, id);
