-- A run for which there is nothing to do before some moment need not be in memory until then.

-- Microseconds since 1970; the largest number for "until somebody asks". Null: has to be taken up after a start.
ALTER TABLE runs ADD COLUMN rests_until BIGINT;

CREATE INDEX runs_resting ON runs (rests_until) WHERE rests_until IS NOT NULL;
