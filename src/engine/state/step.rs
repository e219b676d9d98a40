//! One step of a run: what its events make of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use super::status::StepStatus;
use crate::engine::event::{Decision, Event, Performer, Question, SkipReason};
use crate::engine::failure::{IN_DOUBT, StepError};
use crate::engine::ids::GateId;
use crate::engine::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Position in the outline.
    #[serde(skip)]
    pub shape: usize,
    /// The frame it is part of.
    #[serde(skip)]
    pub frame: usize,
    pub status: StepStatus,
    pub attempts: Vec<Attempt>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub output: Option<Value>,
    pub error: Option<StepError>,
    pub skipped: Option<SkipReason>,
    pub gate: Option<Gate>,
    /// What the tool says of itself, 0 to 100.
    pub percent: u8,
    pub doing: Option<String>,
    /// What is not known, while the outcome is unknown.
    pub unknown: Option<String>,
    /// Attempts begun so far, also those that are no longer listed.
    #[serde(skip)]
    pub made: u32,
    /// Attempts (of a loop: rounds) that a retry of the whole run has put behind it: they count no more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forgiven: u32,
    /// When the first attempt after such a retry began. A matter of the fold, so not written out.
    #[serde(skip)]
    pub began_again: Option<Timestamp>,
    /// While it is queued for room among all runs: what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// While it waits for a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<Timestamp>,
    /// `map`: what it goes through.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub items: Arc<Vec<Value>>,
    /// `map`, `loop`: the iterations begun so far, as positions among the run's frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<usize>,
    /// `map`, `loop`: iterations that have ended, and those of them that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ended: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Somebody has said that it is to be skipped when its turn comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_skip: Option<HandSkip>,
    /// Its output was taken over from another run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_empty(items: &Arc<Vec<Value>>) -> bool {
    items.is_empty()
}

/// Who wants a step skipped, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandSkip {
    pub actor: String,
    pub comment: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    pub repeatable: bool,
    #[serde(default, skip_serializing_if = "Performer::is_tool")]
    pub by: Performer,
    pub input: Value,
    pub outcome: AttemptOutcome,
    /// When the next attempt is due, after a failure that is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AttemptOutcome {
    Running,
    Succeeded,
    Failed {
        error: StepError,
    },
    /// The process died; the attempt was made again.
    Interrupted,
    Unknown {
        message: String,
    },
    /// A tool that is asked again and again gave another answer than the wanted one, or none.
    Missed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// The run ended first.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub id: GateId,
    pub question: Question,
    pub plan_hash: String,
    pub opened_at: Timestamp,
    pub deadline: Option<Timestamp>,
    pub decided: Option<GateDecision>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateDecision {
    pub decision: Decision,
    pub actor: String,
    pub comment: String,
    /// Hash of what the person was shown.
    pub plan_hash: String,
    pub at: Timestamp,
}

impl StepRun {
    pub(super) fn pending(shape: usize, frame: usize) -> Self {
        Self {
            shape,
            frame,
            ..Self::default()
        }
    }

    pub fn running_attempt(&self) -> Option<&Attempt> {
        self.attempts
            .last()
            .filter(|attempt| attempt.outcome == AttemptOutcome::Running)
    }

    /// Attempts that count against the tries: those the process itself lost do not.
    pub fn tries(&self) -> u32 {
        let counts = |attempt: &&Attempt| match attempt.outcome {
            AttemptOutcome::Interrupted | AttemptOutcome::Missed { .. } => false,
            AttemptOutcome::Running
            | AttemptOutcome::Succeeded
            | AttemptOutcome::Failed { .. }
            | AttemptOutcome::Unknown { .. }
            | AttemptOutcome::Stopped => attempt.number > self.forgiven,
        };
        u32::try_from(self.attempts.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// One of its attempts has, whatever became of a later one.
    pub(super) fn has_succeeded(&self) -> bool {
        let mut attempts = self.attempts.iter();
        attempts.any(|attempt| attempt.outcome == AttemptOutcome::Succeeded)
    }

    /// It has failed although its last attempt had succeeded: what it did outside took place.
    pub fn took_place(&self) -> bool {
        let succeeded = |attempt: &Attempt| attempt.outcome == AttemptOutcome::Succeeded;
        self.status == StepStatus::Failed && self.attempts.last().is_some_and(succeeded)
    }

    /// Why it must not be done again before somebody has said what became of it: that was not known when it ended, or it
    /// did take place.
    pub fn doubt(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        if error.code == IN_DOUBT {
            return Some(error.message.clone());
        }
        // A tool that may be called again with the same key does no more by that; a run that is made again does.
        let harmless = |attempt: &Attempt| attempt.repeatable && attempt.by.is_tool();
        if !self.took_place() || self.attempts.last().is_some_and(harmless) {
            return None;
        }
        Some(format!(
            "it took place, and then the step failed: {}",
            error.message
        ))
    }

    /// When something has to happen to it by itself.
    pub fn due(&self) -> Option<Timestamp> {
        match self.status {
            StepStatus::InProgress | StepStatus::WaitingForExternal => {
                self.running_attempt().and_then(|attempt| attempt.deadline)
            }
            StepStatus::Retrying => self.attempts.last().and_then(|attempt| attempt.retry_at),
            StepStatus::WaitingForApproval => self.gate.as_ref().and_then(|gate| gate.deadline),
            StepStatus::WaitingForTimer => self.wait_until,
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::OutcomeUnknown
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => None,
        }
    }

    /// The ways that lead on from here, once the step has ended.
    pub(super) fn apply<'a>(&mut self, at: Timestamp, event: &'a Event) -> Option<&'a [usize]> {
        match event {
            Event::RunStarted { .. }
            | Event::RunAdmitted
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCompensating { .. }
            | Event::RunReopened { .. }
            | Event::RunCancelling { .. }
            | Event::RunFinished { .. } => {}
            Event::StepQueued { waits_for, .. } => {
                self.status = StepStatus::Queued;
                self.waits_for = waits_for.clone();
            }
            Event::MapStarted { items, .. } => {
                self.items = Arc::new(items.clone());
                self.begin(at);
            }
            Event::IterationStarted { .. } => self.begin(at),
            Event::IterationEnded { error, .. } => self.end_iteration(error.is_some()),
            Event::WaitStarted { until, .. } => {
                self.begin(at);
                self.status = StepStatus::WaitingForTimer;
                self.wait_until = Some(*until);
            }
            Event::PollMissed {
                attempt,
                ask_again_at,
                error,
                ..
            } => {
                let outcome = AttemptOutcome::Missed {
                    error: error.clone(),
                };
                self.end_attempt(Some(*attempt), at, outcome);
                self.error = error.clone();
                self.status = StepStatus::WaitingForTimer;
                self.wait_until = Some(*ask_again_at);
            }
            Event::SkipPlanned { actor, comment, .. } => {
                self.to_skip = Some(HandSkip {
                    actor: actor.clone(),
                    comment: comment.clone(),
                });
            }
            Event::AttemptStarted {
                attempt,
                input,
                deadline,
                repeatable,
                by,
                ..
            } => self.begin_attempt(Attempt {
                number: *attempt,
                started_at: at,
                finished_at: None,
                deadline: *deadline,
                repeatable: *repeatable,
                by: by.clone(),
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
            Event::StepCompleted {
                output,
                taken,
                kept,
                ..
            } => {
                self.complete(at, output.clone());
                self.kept = *kept;
                return Some(taken);
            }
            Event::StepFailed {
                error,
                taken,
                happened,
                ..
            } => {
                self.fail(at, error, *happened);
                return Some(taken);
            }
            Event::StepSkipped { reason, taken, .. } => {
                self.end_attempt(None, at, AttemptOutcome::Stopped);
                self.end(StepStatus::Skipped, at);
                self.skipped = Some(reason.clone());
                return Some(taken);
            }
            Event::StepCancelled { .. } => {
                self.end_attempt(None, at, AttemptOutcome::Stopped);
                self.end(StepStatus::Cancelled, at);
                return Some(&[]);
            }
        }
        None
    }

    /// Pending again, after the run had failed. What it holds goes on where it stood.
    pub(super) fn reopen(&mut self) {
        self.status = if self.frames.is_empty() && self.items.is_empty() {
            StepStatus::Pending
        } else {
            StepStatus::InProgress
        };
        let rounds = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
        self.finished_at = None;
        self.output = None;
        self.error = None;
        self.skipped = None;
        self.percent = 0;
        self.forgiven = self.made.max(rounds);
        self.wait_until = None;
        self.show_progress();
    }

    fn begin(&mut self, at: Timestamp) {
        self.status = StepStatus::InProgress;
        self.started_at = self.started_at.or(Some(at));
        self.wait_until = None;
    }

    fn end_iteration(&mut self, failed: bool) {
        self.ended += 1;
        self.failed += u32::from(failed);
        self.show_progress();
    }

    /// Of a map: how many of its items are done. A loop does not know how far it is.
    pub(super) fn show_progress(&mut self) {
        if let Ok(items) = u32::try_from(self.items.len())
            && items > 0
        {
            self.percent = u8::try_from(self.ended * 100 / items).unwrap_or(100);
        }
    }

    fn begin_attempt(&mut self, attempt: Attempt) {
        self.status = match attempt.by {
            Performer::Tool | Performer::Run { .. } => StepStatus::InProgress,
            Performer::Outside => StepStatus::WaitingForExternal,
        };
        self.started_at = self.started_at.or(Some(attempt.started_at));
        self.percent = 0;
        if self.forgiven > 0 && attempt.number == self.forgiven + 1 {
            self.began_again = Some(attempt.started_at);
        }
        self.made = attempt.number;
        self.wait_until = None;
        self.waits_for = None;
        // A question asked ten thousand times is one entry: the log has the others.
        if let Some(Attempt {
            outcome: AttemptOutcome::Missed { .. },
            ..
        }) = self.attempts.last()
        {
            self.attempts.pop();
        }
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

    fn fail(&mut self, at: Timestamp, error: &StepError, happened: bool) {
        let outcome = if happened {
            AttemptOutcome::Succeeded
        } else {
            AttemptOutcome::Failed {
                error: error.clone(),
            }
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
        self.wait_until = None;
        self.waits_for = None;
        self.to_skip = None;
    }
}
