//! Undoing: a failed run takes back what it has done, last things first. What is in flight ends before that, so that
//! nothing is missed; what cannot be undone is put to a person.

use super::Deciding;
use crate::engine::event::{EndReason, EndState, Event, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::limits::CANCEL_GRACE_MS;
use crate::engine::state::StepStatus;

impl Deciding<'_> {
    pub(super) fn begin_compensation(
        &mut self,
        step: Option<usize>,
        reason: EndReason,
        message: String,
    ) {
        let deadline = self.now().plus_ms(CANCEL_GRACE_MS);
        let path = step.map(|step| self.path(step));
        self.emit(Event::RunCompensating {
            step: path,
            reason,
            message,
            deadline,
        });
        for step in 0..self.state.steps.len() {
            if self.is_undo(step) {
                continue;
            }
            match self.state.steps[step].status {
                StepStatus::Pending => self.skip_at_end(step),
                // What became of it has to be known before it can be undone.
                StepStatus::InProgress => self.stop_attempt(step),
                StepStatus::OutcomeUnknown => {}
                StepStatus::Queued
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForTimer
                | StepStatus::WaitingForExternal
                | StepStatus::Retrying => self.cancel_step(step),
                StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
            }
        }
        self.stop_owners();
    }

    pub(super) fn skip_at_end(&mut self, step: usize) {
        let path = self.path(step);
        self.emit(Event::StepSkipped {
            step: path,
            reason: SkipReason::RunEnded,
            taken: Vec::new(),
        });
        self.step_ended(step);
    }

    /// Tools that were told to stop and did not are given up: what cannot be repeated is put to a person.
    pub(super) fn give_up_running(&mut self) {
        let running: Vec<usize> = self.state.running().collect();
        for step in running {
            if self.is_undo(step) {
                continue;
            }
            let Some(attempt) = self.state.steps[step].running_attempt() else {
                continue;
            };
            if attempt.repeatable && !self.must_be_known(step) {
                self.cancel_step(step);
            } else {
                let number = attempt.number;
                let message = "it was told to stop and did not answer in time".to_owned();
                self.outcome_unknown(step, number, message);
            }
        }
    }

    /// Begins to undo the last thing that was done and has not been undone. True if it has begun one.
    pub(super) fn undo_next(&mut self) -> bool {
        let ready = self.state.compensating.is_some()
            && self.state.cancelling.is_none()
            && self.state.end.is_none()
            && self.state.paused.is_none()
            && self.state.frames[0].open == 0;
        if !ready {
            return false;
        }
        for at in (0..self.state.undoable.len()).rev() {
            let Some(undo) = self.undo_of(self.state.undoable[at]) else {
                continue;
            };
            let status = self.state.steps[undo].status;
            if status == StepStatus::Pending {
                self.start_attempt_or_queue(undo);
                return true;
            }
            if !status.is_terminal() {
                return false;
            }
        }
        false
    }

    fn undo_of(&self, step: usize) -> Option<usize> {
        let shape = self.plan.outline.undone_by(self.shape(step))?;
        self.state.in_frame(self.state.steps[step].frame, shape)
    }

    /// Undoing did not work, tries and all: somebody has to look at it.
    pub(super) fn undo_failed(&mut self, step: usize, error: StepError) {
        if self.state.cancelling.is_some() {
            return self.leave_undone(step, error);
        }
        let attempt = self.state.steps[step].made;
        let message = format!("it could not be undone: {}", error.message);
        self.outcome_unknown(step, attempt, message);
    }

    /// It stays as it is; the others are undone all the same.
    pub(super) fn leave_undone(&mut self, step: usize, error: StepError) {
        let path = self.path(step);
        self.emit(Event::StepFailed {
            step: path,
            error,
            taken: Vec::new(),
            happened: false,
        });
    }

    /// Ends the run if nothing is left to be undone.
    pub(super) fn finish_compensated(&mut self) {
        let statuses = self.state.undoable.iter().filter_map(|&step| {
            let undo = self.undo_of(step)?;
            Some(self.state.steps[undo].status)
        });
        let (mut undone, mut left, mut open) = (0usize, 0usize, 0usize);
        for status in statuses {
            match status {
                StepStatus::Completed => undone += 1,
                StepStatus::Failed | StepStatus::Skipped | StepStatus::Cancelled => left += 1,
                StepStatus::Pending
                | StepStatus::Queued
                | StepStatus::InProgress
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForTimer
                | StepStatus::WaitingForExternal
                | StepStatus::OutcomeUnknown
                | StepStatus::Retrying => open += 1,
            }
        }
        let Some(compensating) = self.state.compensating.clone().filter(|_| open == 0) else {
            return;
        };
        let undone = match (undone, left) {
            (0, 0) => "There was nothing to undo.".to_owned(),
            (1, 0) => "What had been done was undone (1 step).".to_owned(),
            (undone, 0) => format!("What had been done was undone ({undone} steps)."),
            (undone, left) => format!("{undone} of {} steps were undone.", undone + left),
        };
        let message = format!("{} {undone}", compensating.message);
        self.finish_with(EndState::Failed, Some(compensating.reason), Some(message));
    }
}
