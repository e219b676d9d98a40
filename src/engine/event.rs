//! The stored format: what happened in a run, in order. A run *is* this log; its state is the fold of it.
//! A variant, once released, keeps its meaning and its JSON for ever: recorded logs are replayed by the tests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::StepError;
use super::ids::{GateId, StepId};
use super::time::Timestamp;

/// One event with its place in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1, without gaps, per run.
    pub seq: u32,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// Emitted first, once, by `Start`. Moves the run from `pending` to `running`. Refused on any later `Start`.
    RunStarted {
        input: Value,
        /// Who or what started it.
        actor: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Emitted when all predecessors allow the step but the run's attempts in flight are at their bound.
    /// `pending` → `queued`.
    StepQueued { step: StepId },
    /// Emitted before a tool is called. `pending`, `queued` or `retrying` → `in_progress`. The call itself follows the commit.
    AttemptStarted {
        step: StepId,
        attempt: u32,
        tool: String,
        input: Value,
        deadline: Timestamp,
        /// May it be made again without asking when its answer is lost?
        repeatable: bool,
    },
    /// Emitted when a running tool says how far it is. Stays `in_progress`. Ignored for an attempt that has ended.
    AttemptProgressed {
        step: StepId,
        attempt: u32,
        percent: u8,
        doing: String,
    },
    /// Emitted when an attempt failed and another will be made. `in_progress` → `retrying` until `retry_at`.
    AttemptFailed {
        step: StepId,
        attempt: u32,
        error: StepError,
        retry_at: Timestamp,
    },
    /// Emitted when the process died during a repeatable attempt. `in_progress` → `pending`; a new attempt follows,
    /// and this one does not count against the tries.
    AttemptInterrupted { step: StepId, attempt: u32 },
    /// Emitted when an attempt that must not be repeated lost its answer. `in_progress` → `waiting` for a person
    /// to say what happened.
    OutcomeUnknown {
        step: StepId,
        attempt: u32,
        message: String,
    },
    /// Emitted when a person said what became of an unknown outcome. `happened` and `did_not` are followed by
    /// `StepCompleted` or `StepFailed`; `retry` moves `waiting` → `pending`.
    OutcomeResolved {
        step: StepId,
        resolution: Resolution,
        actor: String,
        comment: String,
    },
    /// Emitted when a gate's turn has come. `pending` → `waiting` for approval.
    GateOpened {
        step: StepId,
        gate: GateId,
        question: Question,
        plan_hash: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Emitted by the one decision that won. Followed by `StepCompleted` or `StepFailed`. Refused on any later decision.
    GateDecided {
        step: StepId,
        gate: GateId,
        decision: Decision,
        actor: String,
        comment: String,
        plan_hash: String,
    },
    /// Emitted when a gate's deadline passed unanswered. Followed by `StepFailed`.
    GateExpired { step: StepId, gate: GateId },
    /// Emitted when the step's work is done. Any state but a terminal one → `completed`. `taken` are the outgoing
    /// edges (positions in the outline) that lead on; the others are closed.
    StepCompleted {
        step: StepId,
        output: Value,
        taken: Vec<usize>,
    },
    /// Emitted when the step has failed for good. → `failed`. `taken` as above (only with `on_error: continue`).
    StepFailed {
        step: StepId,
        error: StepError,
        taken: Vec<usize>,
    },
    /// Emitted when the step will not run. `pending` → `skipped`; its outgoing edges are closed.
    StepSkipped { step: StepId, reason: SkipReason },
    /// Emitted when the run ends before the step did. Any state but a terminal one → `cancelled`.
    StepCancelled { step: StepId },
    /// Emitted by `Cancel` while tools are still running. `running` or `waiting` → `cancelling`.
    RunCancelling {
        actor: String,
        comment: String,
        deadline: Timestamp,
    },
    /// Emitted last, once. Moves the run to its terminal state; no event follows.
    RunFinished {
        state: EndState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<EndReason>,
        /// The step that decided it, and why, in a sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        output: Value,
    },
}

/// What a gate puts before a person. Its hash is the plan hash: the decision carries it, the effect re-checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub title: String,
    pub message: String,
    pub shown: Vec<Shown>,
    /// Present when the gate guards a step: exactly what will be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub label: String,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    pub step: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    pub input: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Reject,
}

impl Decision {
    pub fn past_tense(self) -> &'static str {
        match self {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
        }
    }
}

/// A person's answer to "did it happen?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Happened,
    DidNot,
    Retry,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum SkipReason {
    /// Another branch was taken at this step.
    BranchNotTaken { at: StepId },
    /// This step did not succeed, and the step needs its success.
    UpstreamFailed { at: StepId },
    /// This step was skipped itself.
    UpstreamSkipped { at: StepId },
    /// The run ended first.
    RunEnded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    Completed,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Error,
    Timeout,
    Rejected,
    CancelledByUser,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Error => "error",
            EndReason::Timeout => "timeout",
            EndReason::Rejected => "rejected",
            EndReason::CancelledByUser => "cancelled_by_user",
        }
    }
}

impl Event {
    /// The variant's name as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::StepQueued { .. } => "step_queued",
            Event::AttemptStarted { .. } => "attempt_started",
            Event::AttemptProgressed { .. } => "attempt_progressed",
            Event::AttemptFailed { .. } => "attempt_failed",
            Event::AttemptInterrupted { .. } => "attempt_interrupted",
            Event::OutcomeUnknown { .. } => "outcome_unknown",
            Event::OutcomeResolved { .. } => "outcome_resolved",
            Event::GateOpened { .. } => "gate_opened",
            Event::GateDecided { .. } => "gate_decided",
            Event::GateExpired { .. } => "gate_expired",
            Event::StepCompleted { .. } => "step_completed",
            Event::StepFailed { .. } => "step_failed",
            Event::StepSkipped { .. } => "step_skipped",
            Event::StepCancelled { .. } => "step_cancelled",
            Event::RunCancelling { .. } => "run_cancelling",
            Event::RunFinished { .. } => "run_finished",
        }
    }
}
