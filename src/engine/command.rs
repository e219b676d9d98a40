//! What may be asked of a run, what a decision leads to, and why it may be refused.

use serde_json::Value;
use thiserror::Error;

use super::event::{Decision, Event, Resolution};
use super::failure::StepError;
use super::ids::{GateId, StepId};
use super::time::Timestamp;

/// A wish. Only `decide` turns it into events.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Start {
        input: Value,
        actor: String,
    },
    Cancel {
        actor: String,
        comment: String,
    },
    Decide {
        gate: GateId,
        decision: Decision,
        actor: String,
        comment: String,
        plan_hash: Option<String>,
    },
    ResolveOutcome {
        step: StepId,
        resolution: Resolution,
        actor: String,
        comment: String,
    },
    AttemptSucceeded {
        step: StepId,
        attempt: u32,
        output: Value,
    },
    AttemptFailed {
        step: StepId,
        attempt: u32,
        error: StepError,
    },
    /// The tool cannot say whether its effect took place.
    AttemptUnknown {
        step: StepId,
        attempt: u32,
        message: String,
    },
    /// The tool stopped because it was told to.
    AttemptStopped {
        step: StepId,
        attempt: u32,
    },
    /// The process that made the attempt is gone.
    AttemptLost {
        step: StepId,
        attempt: u32,
    },
    AttemptProgressed {
        step: StepId,
        attempt: u32,
        percent: u8,
        doing: String,
    },
    /// Time has passed: whatever is due happens. Inert when nothing is.
    Wake,
}

/// What a command leads to: first the events are stored, then the effects are started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    /// When the run has to be woken next, if at all.
    pub wake_at: Option<Timestamp>,
}

/// Something to be done in the world after the events are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    CallTool {
        step: StepId,
        attempt: u32,
        tool: String,
        input: Value,
        deadline: Timestamp,
    },
    /// Tell the tool to stop. Harmless when it has ended.
    StopTool { step: StepId, attempt: u32 },
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Rejection {
    #[error("the run has already started")]
    AlreadyStarted,
    #[error("the input {0}")]
    InputTooLarge(String),
    #[error("the run has not started")]
    NotStarted,
    #[error("the run has ended")]
    RunEnded,
    #[error("there is no step `{0}`")]
    UnknownStep(StepId),
    #[error("there is no gate `{0}` in this run")]
    UnknownGate(GateId),
    #[error("{by} has already {} this", .decision.past_tense())]
    GateDecided { decision: Decision, by: String },
    #[error("this gate is no longer open: {0}")]
    GateClosed(String),
    #[error("what was shown has changed since: reload, look again, and decide then")]
    PlanChanged,
    #[error("an approval must carry the `plan_hash` of what was shown")]
    PlanHashMissing,
    #[error("only {} may decide this", .approvers.join(", "))]
    NotAnApprover { approvers: Vec<String> },
    #[error("attempt {attempt} of `{step}` is not running any more; its late result is refused")]
    LateResult { step: StepId, attempt: u32 },
    #[error("`{0}` does not wait for anyone to say what happened")]
    OutcomeKnown(StepId),
    #[error("the comment is longer than {max} characters")]
    CommentTooLong { max: usize },
}
