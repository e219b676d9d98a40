-- Runs that came in files of their own, and what this server signs such files with.

CREATE TABLE signing_keys (
    purpose    TEXT    NOT NULL PRIMARY KEY, -- what it signs
    pkcs8      BLOB    NOT NULL,             -- the private key
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE capsules (
    id          TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the file, shortened
    run         TEXT    NOT NULL,             -- its summary, as JSON
    exported_at INTEGER NOT NULL,
    exported_by TEXT    NOT NULL,
    signed_with TEXT    NOT NULL,             -- fingerprint of the public key
    bytes       INTEGER NOT NULL,             -- of the file
    content     BLOB    NOT NULL,             -- the file, in gzip
    opened_at   INTEGER NOT NULL,
    opened_by   TEXT    NOT NULL
) STRICT;
-- Used by `list_capsules`.
CREATE INDEX capsules_by_age ON capsules (opened_at, id);
