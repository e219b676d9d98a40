//! The fold: what each event changes. Total, because what is in the log has happened.

use serde_json::Value;

use super::{
    Attempt, AttemptOutcome, Cancelling, EdgeState, End, Gate, GateDecision, RunState, StepRun,
    StepStatus,
};
use crate::engine::event::{Event, Recorded};
use crate::engine::failure::StepError;
use crate::engine::ids::StepId;
use crate::engine::time::Timestamp;

impl RunState {
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        match &recorded.event {
            Event::RunStarted {
                input,
                actor,
                deadline,
            } => {
                self.started_at = Some(recorded.at);
                self.input = input.clone();
                self.started_by = actor.clone();
                self.deadline = *deadline;
            }
            Event::RunCancelling {
                actor,
                comment,
                deadline,
            } => {
                self.cancelling = Some(Cancelling {
                    actor: actor.clone(),
                    comment: comment.clone(),
                    deadline: *deadline,
                });
            }
            Event::RunFinished {
                state,
                reason,
                message,
                output,
            } => {
                self.finished_at = Some(recorded.at);
                self.end = Some(End {
                    state: *state,
                    reason: *reason,
                    message: message.clone(),
                    output: output.clone(),
                });
            }
            Event::StepQueued { step }
            | Event::AttemptStarted { step, .. }
            | Event::AttemptProgressed { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::AttemptInterrupted { step, .. }
            | Event::OutcomeUnknown { step, .. }
            | Event::OutcomeResolved { step, .. }
            | Event::GateOpened { step, .. }
            | Event::GateDecided { step, .. }
            | Event::GateExpired { step, .. }
            | Event::StepCompleted { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepCancelled { step } => self.apply_to_step(step, recorded),
        }
    }

    fn apply_to_step(&mut self, step: &StepId, recorded: &Recorded) {
        // A step that the outline does not know can only come from a log of another version; the rest of the log
        // still folds.
        let Some(position) = self.outline.position(step) else {
            return;
        };
        let Some(taken) = self.steps[position].apply(recorded.at, &recorded.event) else {
            return;
        };
        for &edge in self.outline.outgoing(position) {
            self.edges[edge] = if taken.contains(&edge) {
                EdgeState::Taken
            } else {
                EdgeState::NotTaken
            };
        }
    }
}

impl StepRun {
    /// The ways that lead on from here, once the step has ended.
    fn apply<'a>(&mut self, at: Timestamp, event: &'a Event) -> Option<&'a [usize]> {
        match event {
            Event::RunStarted { .. } | Event::RunCancelling { .. } | Event::RunFinished { .. } => {}
            Event::StepQueued { .. } => self.status = StepStatus::Queued,
            Event::AttemptStarted {
                attempt,
                input,
                deadline,
                repeatable,
                ..
            } => self.begin_attempt(Attempt {
                number: *attempt,
                started_at: at,
                finished_at: None,
                deadline: *deadline,
                repeatable: *repeatable,
                input: input.clone(),
                outcome: AttemptOutcome::Running,
                retry_at: None,
            }),
            Event::AttemptProgressed { percent, doing, .. } => {
                self.percent = *percent;
                self.doing = Some(doing.clone());
            }
            Event::AttemptFailed {
                attempt,
                error,
                retry_at,
                ..
            } => self.fail_attempt(*attempt, at, error, *retry_at),
            Event::AttemptInterrupted { attempt, .. } => {
                self.end_attempt(Some(*attempt), at, AttemptOutcome::Interrupted);
                self.status = StepStatus::Pending;
            }
            Event::OutcomeUnknown {
                attempt, message, ..
            } => self.lose_outcome(*attempt, at, message),
            Event::OutcomeResolved { .. } => {
                self.status = StepStatus::Pending;
                self.unknown = None;
            }
            Event::GateOpened {
                gate,
                question,
                plan_hash,
                deadline,
                ..
            } => self.open_gate(Gate {
                id: gate.clone(),
                question: question.clone(),
                plan_hash: plan_hash.clone(),
                opened_at: at,
                deadline: *deadline,
                decided: None,
            }),
            Event::GateDecided {
                decision,
                actor,
                comment,
                plan_hash,
                ..
            } => self.decide_gate(GateDecision {
                decision: *decision,
                actor: actor.clone(),
                comment: comment.clone(),
                plan_hash: plan_hash.clone(),
                at,
            }),
            Event::GateExpired { .. } => {}
            Event::StepCompleted { output, taken, .. } => {
                self.complete(at, output.clone());
                return Some(taken);
            }
            Event::StepFailed { error, taken, .. } => {
                self.fail(at, error);
                return Some(taken);
            }
            Event::StepSkipped { reason, .. } => {
                self.end(StepStatus::Skipped, at);
                self.skipped = Some(reason.clone());
                return Some(&[]);
            }
            Event::StepCancelled { .. } => {
                self.end_attempt(None, at, AttemptOutcome::Stopped);
                self.end(StepStatus::Cancelled, at);
                return Some(&[]);
            }
        }
        None
    }

    fn begin_attempt(&mut self, attempt: Attempt) {
        self.status = StepStatus::InProgress;
        self.started_at = self.started_at.or(Some(attempt.started_at));
        self.percent = 0;
        self.attempts.push(attempt);
    }

    fn fail_attempt(&mut self, number: u32, at: Timestamp, error: &StepError, retry_at: Timestamp) {
        let outcome = AttemptOutcome::Failed {
            error: error.clone(),
        };
        self.end_attempt(Some(number), at, outcome);
        if let Some(last) = self.attempts.last_mut() {
            last.retry_at = Some(retry_at);
        }
        self.status = StepStatus::Retrying;
        self.error = Some(error.clone());
        self.doing = None;
    }

    fn lose_outcome(&mut self, number: u32, at: Timestamp, message: &str) {
        let outcome = AttemptOutcome::Unknown {
            message: message.to_owned(),
        };
        self.end_attempt(Some(number), at, outcome);
        self.status = StepStatus::OutcomeUnknown;
        self.unknown = Some(message.to_owned());
    }

    fn open_gate(&mut self, gate: Gate) {
        self.status = StepStatus::WaitingForApproval;
        self.started_at = Some(gate.opened_at);
        self.gate = Some(gate);
    }

    fn decide_gate(&mut self, decision: GateDecision) {
        if let Some(gate) = &mut self.gate {
            gate.decided = Some(decision);
        }
    }

    fn complete(&mut self, at: Timestamp, output: Value) {
        self.end_attempt(None, at, AttemptOutcome::Succeeded);
        self.end(StepStatus::Completed, at);
        self.started_at = self.started_at.or(Some(at));
        self.percent = 100;
        self.output = Some(output);
        self.error = None;
    }

    fn fail(&mut self, at: Timestamp, error: &StepError) {
        let outcome = AttemptOutcome::Failed {
            error: error.clone(),
        };
        self.end_attempt(None, at, outcome);
        self.end(StepStatus::Failed, at);
        self.started_at = self.started_at.or(Some(at));
        self.output = error.data.clone();
        self.error = Some(error.clone());
    }

    fn end_attempt(&mut self, number: Option<u32>, at: Timestamp, outcome: AttemptOutcome) {
        let open = self.attempts.iter_mut().rev().find(|attempt| match number {
            Some(number) => attempt.number == number,
            None => matches!(
                attempt.outcome,
                AttemptOutcome::Running | AttemptOutcome::Unknown { .. }
            ),
        });
        if let Some(attempt) = open {
            attempt.finished_at = attempt.finished_at.or(Some(at));
            attempt.outcome = outcome;
        }
    }

    fn end(&mut self, status: StepStatus, at: Timestamp) {
        self.status = status;
        self.finished_at = Some(at);
        self.doing = None;
        self.unknown = None;
    }
}
