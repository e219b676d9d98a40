-- Who works on this database. A process claims a lease at start and renews it; each claim raises the epoch, and every
-- write checks in its own transaction that the epoch is still its own. So a process that was away for too long can store
-- nothing any more, whatever it believes. All moments are the database's, so that no machine's clock matters.

CREATE TABLE leases (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- what is held: all runs, until they are shared out over replicas
    holder     TEXT COLLATE "C" NOT NULL,             -- host and process, for people
    epoch      BIGINT           NOT NULL,
    expires_at BIGINT           NOT NULL              -- microseconds since 1970, UTC; 0 when it was given back
);
