-- A run that is retried and fails again at once goes from one end to the next in one turn: that is an end too.

DROP TRIGGER note_run_end;

CREATE TRIGGER note_run_end AFTER UPDATE OF finished_at ON runs
WHEN NEW.finished_at IS NOT NULL AND NEW.finished_at IS NOT OLD.finished_at
BEGIN
    INSERT INTO run_ends (trigger_id, run_id, seq)
    SELECT id, NEW.id, NEW.seq FROM triggers WHERE source_workflow_id = NEW.workflow_id AND enabled = 1;
END;
