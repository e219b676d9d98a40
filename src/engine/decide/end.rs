//! How runs end: all done, failed, out of time, cancelled. Every step ends before its run does.

use serde_json::{Map, Value};

use super::{Deciding, check_comment};
use crate::engine::command::{Effect, Rejection};
use crate::engine::event::{EndReason, EndState, Event, SkipReason};
use crate::engine::failure::StepError;
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
            let status = self.state.steps[step].status;
            if status == StepStatus::InProgress {
                self.stop_tool(step);
            } else if !status.is_terminal() {
                self.end_unfinished(step);
            }
        }
        Ok(())
    }

    pub(super) fn cancel_step(&mut self, step: usize) {
        let id = self.id_of(step);
        self.emit(Event::StepCancelled { step: id });
    }

    fn stop_tool(&mut self, step: usize) {
        let Some(attempt) = self.state.steps[step]
            .running_attempt()
            .map(|attempt| attempt.number)
        else {
            return;
        };
        let id = self.id_of(step);
        self.effect(Effect::StopTool { step: id, attempt });
    }

    /// The grace time is over: what still runs is given up. Its late result will be refused.
    pub(super) fn abandon_running(&mut self) {
        for step in 0..self.state.steps.len() {
            if !self.state.steps[step].status.is_terminal() {
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
        let id = self.id_of(step);
        self.emit(Event::StepFailed {
            step: id,
            error: StepError::new("outcome_unknown", message),
            taken: Vec::new(),
        });
    }

    pub(super) fn run_timed_out(&mut self) {
        self.end_steps();
        let took_ms = self
            .state
            .started_at
            .map_or(0, |started| self.now().ms_since(started));
        self.finish_with(
            EndState::Failed,
            Some(EndReason::Timeout),
            Some(format!("The run was not finished within {took_ms} ms.")),
        );
    }

    pub(super) fn fail_run(&mut self, step: usize, error: &StepError) {
        let reason = match error.code.as_str() {
            "rejected" => EndReason::Rejected,
            "timeout" | "gate_expired" => EndReason::Timeout,
            _ => EndReason::Error,
        };
        let message = format!("“{}”: {}", self.name_of(step), error.message);
        if self.state.cancelling.is_some() {
            // The cancel came first; the run ends as cancelled when its last tool has stopped.
            return;
        }
        self.end_steps();
        self.finish_with(EndState::Failed, Some(reason), Some(message));
    }

    /// Ends every step that has not: what runs is stopped, what never started is skipped.
    fn end_steps(&mut self) {
        for step in 0..self.state.steps.len() {
            match self.state.steps[step].status {
                StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
                StepStatus::Pending => {
                    let id = self.id_of(step);
                    self.emit(Event::StepSkipped {
                        step: id,
                        reason: SkipReason::RunEnded,
                    });
                }
                StepStatus::Queued
                | StepStatus::InProgress
                | StepStatus::WaitingForApproval
                | StepStatus::OutcomeUnknown
                | StepStatus::Retrying => {
                    self.stop_tool(step);
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

    fn finish_with(&mut self, state: EndState, reason: Option<EndReason>, message: Option<String>) {
        let output = self.run_output();
        self.emit(Event::RunFinished {
            state,
            reason,
            message,
            output,
        });
    }

    /// The output of the one last step that completed, or all of theirs by step id.
    fn run_output(&self) -> Value {
        let outline = &self.plan.outline;
        let last: Vec<usize> = (0..outline.steps.len())
            .filter(|&step| outline.outgoing(step).is_empty())
            .collect();
        let output = |step: usize| match self.state.steps[step].status {
            StepStatus::Completed => self.state.steps[step].output.clone(),
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => None,
        };
        match last.as_slice() {
            [only] => output(*only).unwrap_or(Value::Null),
            several => several
                .iter()
                .filter_map(|&step| Some((outline.steps[step].id.to_string(), output(step)?)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}
