-- Whoever stores what tools write does so again when no answer came, and nobody can tell whether the lines were stored.

-- The last batch of the log that had a name: one that comes again is recognised by it.
ALTER TABLE step_logs ADD COLUMN last_batch TEXT COLLATE "C";
