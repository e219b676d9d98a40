-- A run that is retried and fails again at once goes from one end to the next in one turn: that is an end too.

DROP TRIGGER note_run_end ON runs;

CREATE TRIGGER note_run_end AFTER UPDATE OF finished_at ON runs FOR EACH ROW
WHEN (NEW.finished_at IS NOT NULL AND NEW.finished_at IS DISTINCT FROM OLD.finished_at)
EXECUTE FUNCTION note_run_end();
