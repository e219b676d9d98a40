//! A run as it stands: the fold of its events. `apply` is the only way state changes, and it never refuses: what is
//! in the log has happened. It needs the outline but no expression engine, so that the browser folds with it too.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use super::event::{Decision, EndReason, EndState, Event, Question, Recorded, SkipReason};
use super::failure::StepError;
use super::ids::{GateId, StepId};
use super::plan::Outline;
use super::time::Timestamp;

#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    pub outline: Arc<Outline>,
    /// Of the last event; 0 before the first.
    pub seq: u32,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub deadline: Option<Timestamp>,
    pub input: Value,
    pub started_by: String,
    /// One per step of the outline.
    pub steps: Vec<StepRun>,
    /// One per edge of the outline.
    pub edges: Vec<EdgeState>,
    /// When running tools are abandoned, once the run is being cancelled.
    pub cancelling: Option<Cancelling>,
    pub end: Option<End>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cancelling {
    pub actor: String,
    pub comment: String,
    pub deadline: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub state: EndState,
    pub reason: Option<EndReason>,
    pub message: Option<String>,
    pub output: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Pending,
    Running,
    /// Nothing moves until a person does something.
    Waiting,
    Cancelling,
    Completed,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub fn is_terminal(self) -> bool {
        match self {
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Pending
            | RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Cancelling => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Running => "running",
            RunStatus::Waiting => "waiting",
            RunStatus::Cancelling => "cancelling",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            RunStatus::Pending,
            RunStatus::Running,
            RunStatus::Waiting,
            RunStatus::Cancelling,
            RunStatus::Completed,
            RunStatus::Failed,
            RunStatus::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| format!("`{text}` is not a run state"))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeState {
    /// Its step has not ended.
    #[default]
    Open,
    Taken,
    NotTaken,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRun {
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
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    #[default]
    Pending,
    Queued,
    InProgress,
    /// A gate is open.
    WaitingForApproval,
    /// A person has to say whether the effect happened.
    OutcomeUnknown,
    Retrying,
    Completed,
    Failed,
    Skipped,
    Cancelled,
}

impl StepStatus {
    pub fn is_terminal(self) -> bool {
        match self {
            StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => true,
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            StepStatus::Pending => "pending",
            StepStatus::Queued => "queued",
            StepStatus::InProgress => "in_progress",
            StepStatus::WaitingForApproval => "waiting_for_approval",
            StepStatus::OutcomeUnknown => "outcome_unknown",
            StepStatus::Retrying => "retrying",
            StepStatus::Completed => "completed",
            StepStatus::Failed => "failed",
            StepStatus::Skipped => "skipped",
            StepStatus::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    pub deadline: Timestamp,
    pub repeatable: bool,
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
    /// The run ended first.
    Stopped,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub id: GateId,
    pub question: Question,
    pub plan_hash: String,
    pub opened_at: Timestamp,
    pub deadline: Option<Timestamp>,
    pub decided: Option<GateDecision>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GateDecision {
    pub decision: Decision,
    pub actor: String,
    pub comment: String,
    /// Hash of what the person was shown.
    pub plan_hash: String,
    pub at: Timestamp,
}

impl StepRun {
    pub fn running_attempt(&self) -> Option<&Attempt> {
        self.attempts
            .last()
            .filter(|attempt| attempt.outcome == AttemptOutcome::Running)
    }

    /// Attempts that count against the tries: those the process itself lost do not.
    pub fn tries(&self) -> u32 {
        let counted = self
            .attempts
            .iter()
            .filter(|attempt| attempt.outcome != AttemptOutcome::Interrupted)
            .count();
        u32::try_from(counted).unwrap_or(u32::MAX)
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

impl RunState {
    /// A run of which nothing has happened yet.
    pub fn new(outline: Arc<Outline>) -> Self {
        let steps = vec![StepRun::default(); outline.steps.len()];
        let edges = vec![EdgeState::Open; outline.edges.len()];
        Self {
            outline,
            seq: 0,
            started_at: None,
            finished_at: None,
            deadline: None,
            input: Value::Null,
            started_by: String::new(),
            steps,
            edges,
            cancelling: None,
            end: None,
        }
    }

    /// The fold of a whole log.
    pub fn replay<'a>(outline: Arc<Outline>, log: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut state = Self::new(outline);
        for recorded in log {
            state.apply(recorded);
        }
        state
    }

    pub fn status(&self) -> RunStatus {
        if let Some(end) = &self.end {
            return match end.state {
                EndState::Completed => RunStatus::Completed,
                EndState::Failed => RunStatus::Failed,
                EndState::Cancelled => RunStatus::Cancelled,
            };
        }
        if self.cancelling.is_some() {
            return RunStatus::Cancelling;
        }
        if self.started_at.is_none() {
            return RunStatus::Pending;
        }
        let mut waits = false;
        for step in &self.steps {
            match step.status {
                StepStatus::Queued | StepStatus::InProgress | StepStatus::Retrying => {
                    return RunStatus::Running;
                }
                StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown => waits = true,
                StepStatus::Pending
                | StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => {}
            }
        }
        if waits {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        }
    }

    pub fn step(&self, id: &StepId) -> Option<&StepRun> {
        self.outline.position(id).and_then(|at| self.steps.get(at))
    }

    /// The open or decided gate with this id, and the position of its step.
    pub fn gate(&self, id: &GateId) -> Option<(usize, &Gate)> {
        self.steps.iter().enumerate().find_map(|(at, step)| {
            step.gate
                .as_ref()
                .filter(|gate| gate.id == *id)
                .map(|gate| (at, gate))
        })
    }

    pub fn in_flight(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| step.status == StepStatus::InProgress)
            .count()
    }

    /// The earliest moment at which something is due: a retry, a deadline, the end of the grace time.
    pub fn wake_at(&self) -> Option<Timestamp> {
        if self.end.is_some() {
            return None;
        }
        let of_steps = self.steps.iter().filter_map(|step| match step.status {
            StepStatus::InProgress => step.running_attempt().map(|attempt| attempt.deadline),
            StepStatus::Retrying => step.attempts.last().and_then(|attempt| attempt.retry_at),
            StepStatus::WaitingForApproval => step.gate.as_ref().and_then(|gate| gate.deadline),
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::OutcomeUnknown
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => None,
        });
        let of_run = match &self.cancelling {
            Some(cancelling) => Some(cancelling.deadline),
            None => self.deadline,
        };
        of_steps.chain(of_run).min()
    }

    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        let at = recorded.at;
        match &recorded.event {
            Event::RunStarted {
                input,
                actor,
                deadline,
            } => {
                self.started_at = Some(at);
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
                self.finished_at = Some(at);
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
            | Event::StepCancelled { step } => {
                // A step that the outline does not know can only come from a log of another version; the rest of
                // the log still folds.
                let Some(position) = self.outline.position(step) else {
                    return;
                };
                self.apply_to_step(position, at, &recorded.event);
            }
        }
    }

    fn apply_to_step(&mut self, position: usize, at: Timestamp, event: &Event) {
        let step = &mut self.steps[position];
        match event {
            Event::RunStarted { .. } | Event::RunCancelling { .. } | Event::RunFinished { .. } => {}
            Event::StepQueued { .. } => step.status = StepStatus::Queued,
            Event::AttemptStarted {
                attempt,
                input,
                deadline,
                repeatable,
                ..
            } => {
                step.status = StepStatus::InProgress;
                step.started_at = step.started_at.or(Some(at));
                step.percent = 0;
                step.attempts.push(Attempt {
                    number: *attempt,
                    started_at: at,
                    finished_at: None,
                    deadline: *deadline,
                    repeatable: *repeatable,
                    input: input.clone(),
                    outcome: AttemptOutcome::Running,
                    retry_at: None,
                });
            }
            Event::AttemptProgressed { percent, doing, .. } => {
                step.percent = *percent;
                step.doing = Some(doing.clone());
            }
            Event::AttemptFailed {
                attempt,
                error,
                retry_at,
                ..
            } => {
                step.end_attempt(
                    Some(*attempt),
                    at,
                    AttemptOutcome::Failed {
                        error: error.clone(),
                    },
                );
                if let Some(last) = step.attempts.last_mut() {
                    last.retry_at = Some(*retry_at);
                }
                step.status = StepStatus::Retrying;
                step.error = Some(error.clone());
                step.doing = None;
            }
            Event::AttemptInterrupted { attempt, .. } => {
                step.end_attempt(Some(*attempt), at, AttemptOutcome::Interrupted);
                step.status = StepStatus::Pending;
            }
            Event::OutcomeUnknown {
                attempt, message, ..
            } => {
                step.end_attempt(
                    Some(*attempt),
                    at,
                    AttemptOutcome::Unknown {
                        message: message.clone(),
                    },
                );
                step.status = StepStatus::OutcomeUnknown;
                step.unknown = Some(message.clone());
            }
            Event::OutcomeResolved { .. } => {
                step.status = StepStatus::Pending;
                step.unknown = None;
            }
            Event::GateOpened {
                gate,
                question,
                plan_hash,
                deadline,
                ..
            } => {
                step.status = StepStatus::WaitingForApproval;
                step.started_at = Some(at);
                step.gate = Some(Gate {
                    id: gate.clone(),
                    question: question.clone(),
                    plan_hash: plan_hash.clone(),
                    opened_at: at,
                    deadline: *deadline,
                    decided: None,
                });
            }
            Event::GateDecided {
                decision,
                actor,
                comment,
                plan_hash,
                ..
            } => {
                if let Some(gate) = &mut step.gate {
                    gate.decided = Some(GateDecision {
                        decision: *decision,
                        actor: actor.clone(),
                        comment: comment.clone(),
                        plan_hash: plan_hash.clone(),
                        at,
                    });
                }
            }
            Event::GateExpired { .. } => {}
            Event::StepCompleted { output, taken, .. } => {
                step.end_attempt(None, at, AttemptOutcome::Succeeded);
                step.end(StepStatus::Completed, at);
                step.started_at = step.started_at.or(Some(at));
                step.percent = 100;
                step.output = Some(output.clone());
                step.error = None;
                self.close_edges(position, taken);
            }
            Event::StepFailed { error, taken, .. } => {
                step.end_attempt(
                    None,
                    at,
                    AttemptOutcome::Failed {
                        error: error.clone(),
                    },
                );
                step.end(StepStatus::Failed, at);
                step.started_at = step.started_at.or(Some(at));
                step.output = error.data.clone();
                step.error = Some(error.clone());
                self.close_edges(position, taken);
            }
            Event::StepSkipped { reason, .. } => {
                step.end(StepStatus::Skipped, at);
                step.skipped = Some(reason.clone());
                self.close_edges(position, &[]);
            }
            Event::StepCancelled { .. } => {
                step.end_attempt(None, at, AttemptOutcome::Stopped);
                step.end(StepStatus::Cancelled, at);
                self.close_edges(position, &[]);
            }
        }
    }

    fn close_edges(&mut self, position: usize, taken: &[usize]) {
        for &edge in self.outline.outgoing(position) {
            self.edges[edge] = if taken.contains(&edge) {
                EdgeState::Taken
            } else {
                EdgeState::NotTaken
            };
        }
    }
}
