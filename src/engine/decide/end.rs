//! How runs end: all done, failed, out of time, cancelled. Every step ends before its run does.

use serde_json::Value;

use super::{Deciding, check_comment};
use crate::engine::bounds;
use crate::engine::command::{Effect, Rejection};
use crate::engine::event::{EndReason, EndState, Event};
use crate::engine::failure::{IN_DOUBT, StepError};
use crate::engine::limits::CANCEL_GRACE_MS;
use crate::engine::state::StepStatus;

impl Deciding<'_> {
    pub(super) fn cancel(&mut self, actor: String, comment: String) -> Result<(), Rejection> {
        self.check_open()?;
        check_comment(&comment)?;
        if self.state.cancelling.is_some() {
            return Ok(());
        }
        let deadline = self.now().plus_ms(CANCEL_GRACE_MS);
        self.emit(Event::RunCancelling {
            actor,
            comment,
            deadline,
        });
        for step in 0..self.state.steps.len() {
            match self.state.steps[step].status {
                StepStatus::Pending if self.is_undo(step) => {}
                StepStatus::InProgress => self.stop_attempt(step),
                StepStatus::Pending
                | StepStatus::Queued
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForTimer
                | StepStatus::WaitingForExternal
                | StepStatus::OutcomeUnknown
                | StepStatus::Retrying => self.end_unfinished(step),
                StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
            }
        }
        self.stop_owners();
        Ok(())
    }

    pub(super) fn cancel_step(&mut self, step: usize) {
        let path = self.path(step);
        self.emit(Event::StepCancelled { step: path });
        self.step_ended(step);
    }

    /// Tells whoever makes the attempt to stop. A map or a loop makes none: it ends with what it holds.
    pub(super) fn stop_attempt(&mut self, step: usize) {
        let Some(attempt) = self.state.steps[step]
            .running_attempt()
            .map(|attempt| attempt.number)
        else {
            return;
        };
        let path = self.path(step);
        self.effect(Effect::Stop {
            step: path,
            attempt,
        });
    }

    /// Maps and loops in which nothing is open any more end now; inner ones first.
    pub(super) fn stop_owners(&mut self) {
        for step in (0..self.state.steps.len()).rev() {
            let run = &self.state.steps[step];
            if run.status == StepStatus::InProgress && run.running_attempt().is_none() {
                self.stop_owner(step);
            }
        }
    }

    /// The grace time is over: what still runs is given up. Its late result will be refused.
    pub(super) fn abandon_running(&mut self) {
        for step in 0..self.state.steps.len() {
            let run = &self.state.steps[step];
            let idle_undo = self.is_undo(step) && run.made == 0;
            if !run.status.is_terminal() && !idle_undo {
                self.end_unfinished(step);
            }
        }
    }

    /// Ends a step whose run ends before it. Where something may have taken effect outside, the log keeps that this
    /// is not known: "cancelled" would say that nothing happened.
    fn end_unfinished(&mut self, step: usize) {
        let run = &self.state.steps[step];
        let in_doubt = match (run.running_attempt(), &run.unknown) {
            (Some(attempt), _) if !attempt.repeatable => {
                Some("the run ended while this was being done".to_owned())
            }
            (Some(_), _) | (None, None) => None,
            (None, Some(what)) => Some(what.clone()),
        };
        match in_doubt {
            Some(what) => {
                let message = format!("{what}; whether it took effect is not known");
                self.fail_in_doubt(step, message);
            }
            None => self.cancel_step(step),
        }
    }

    /// Nobody will be asked any more; the log keeps that it is not known.
    pub(super) fn fail_in_doubt(&mut self, step: usize, message: String) {
        let path = self.path(step);
        self.emit(Event::StepFailed {
            step: path,
            error: StepError::new(IN_DOUBT, message),
            taken: Vec::new(),
            happened: false,
        });
        self.step_ended(step);
    }

    pub(super) fn run_timed_out(&mut self) {
        // What it was given, which is what its author wrote; it may be noticed later.
        let message = match self.plan.timeout_ms {
            Some(given_ms) => format!("The run was not finished within {given_ms} ms."),
            None => "The run was not finished in time.".to_owned(),
        };
        self.fail_all(None, EndReason::Timeout, message, self.plan.compensate);
    }

    /// The run cannot even begin.
    pub(super) fn fail_to_start(&mut self, message: String) {
        self.fail_all(None, EndReason::Error, message, false);
    }

    pub(super) fn fail_run(&mut self, step: usize, error: &StepError, compensate: bool) {
        let reason = match error.code.as_str() {
            "rejected" => EndReason::Rejected,
            "timeout" | "gate_expired" => EndReason::Timeout,
            _ => EndReason::Error,
        };
        let message = format!("“{}”: {}", self.state.name(step), error.message);
        if self.state.cancelling.is_some() {
            // The cancel came first; the run ends as cancelled when its last tool has stopped.
            return;
        }
        self.fail_all(
            Some(step),
            reason,
            message,
            compensate || self.plan.compensate,
        );
    }

    pub(super) fn fail_all(
        &mut self,
        step: Option<usize>,
        reason: EndReason,
        message: String,
        compensate: bool,
    ) {
        if compensate && self.plan.outline.undoes_anything() {
            return self.begin_compensation(step, reason, message);
        }
        let all: Vec<usize> = (0..self.state.steps.len()).collect();
        self.end_steps(&all);
        self.finish_with(EndState::Failed, Some(reason), Some(message));
    }

    /// Ends each of these steps that has not: what runs is stopped, what never started is skipped.
    pub(super) fn end_steps(&mut self, steps: &[usize]) {
        for &step in steps {
            match self.state.steps[step].status {
                StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
                StepStatus::Pending if self.is_undo(step) => {}
                StepStatus::Pending => self.skip_at_end(step),
                StepStatus::Queued
                | StepStatus::InProgress
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForTimer
                | StepStatus::WaitingForExternal
                | StepStatus::OutcomeUnknown
                | StepStatus::Retrying => {
                    self.stop_attempt(step);
                    self.end_unfinished(step);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, state: EndState) {
        let (reason, message) = match (&state, &self.state.cancelling) {
            (EndState::Cancelled, Some(cancelling)) => {
                let by = format!("Cancelled by {}", cancelling.actor);
                let message = if cancelling.comment.is_empty() {
                    by
                } else {
                    format!("{by}: “{}”", cancelling.comment)
                };
                (Some(EndReason::CancelledByUser), Some(message))
            }
            (EndState::Completed | EndState::Failed | EndState::Cancelled, _) => (None, None),
        };
        self.finish_with(state, reason, message);
    }

    pub(super) fn finish_with(
        &mut self,
        state: EndState,
        reason: Option<EndReason>,
        message: Option<String>,
    ) {
        let output = self.state.output_of(0);
        let (output, message) = match bounds::check_size(&output) {
            Ok(()) => (output, message),
            // Of a run that did not succeed nobody works on with the output.
            Err(why) => {
                let left_out = format!("What it left behind {why}, and was left out.");
                let said = message.into_iter().chain([left_out]);
                (Value::Null, Some(said.collect::<Vec<_>>().join(" ")))
            }
        };
        self.emit(Event::RunFinished {
            state,
            reason,
            message,
            output,
        });
    }
}
