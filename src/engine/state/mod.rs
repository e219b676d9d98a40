//! A run as it stands: the fold of its events. `apply` is the only way state changes, and it never refuses: what is
//! in the log has happened. It needs the outline but no expression engine, so that the browser folds with it too.

mod apply;
mod status;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use super::event::{Decision, EndReason, EndState, Question, Recorded, SkipReason};
use super::failure::StepError;
use super::ids::{GateId, StepId};
use super::plan::Outline;
use super::time::Timestamp;

pub use status::{RunStatus, StepStatus};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunState {
    /// Not part of what changes, so not written out with it.
    #[serde(skip)]
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

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cancelling {
    pub actor: String,
    pub comment: String,
    pub deadline: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    pub state: EndState,
    pub reason: Option<EndReason>,
    pub message: Option<String>,
    pub output: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// Its step has not ended.
    #[default]
    Open,
    Taken,
    NotTaken,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    pub id: GateId,
    pub question: Question,
    pub plan_hash: String,
    pub opened_at: Timestamp,
    pub deadline: Option<Timestamp>,
    pub decided: Option<GateDecision>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
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
        if let Some(cancelling) = &self.cancelling {
            // Until the grace time is over nothing else is looked at.
            return Some(cancelling.deadline);
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
        of_steps.chain(self.deadline).min()
    }
}
