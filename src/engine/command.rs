//! What may be asked of a run, what a decision leads to, and why it may be refused.

use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

use super::event::{Decision, Event, Origin, Resolution};
use super::failure::StepError;
use super::ids::{GateId, RunId, StepId, StepPath};
use super::state::End;
use super::time::Timestamp;

/// A wish. Only `decide` turns it into events.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Start {
        input: Value,
        actor: String,
        origin: Option<Origin>,
        /// Outputs of steps that are not to be done again.
        kept: BTreeMap<StepPath, Value>,
    },
    /// The run, or one of its queued steps, may go on: a bound over all runs has room for it.
    Admit {
        step: Option<StepPath>,
    },
    Cancel {
        actor: String,
        comment: String,
    },
    Pause {
        actor: String,
        comment: String,
    },
    Resume {
        actor: String,
        comment: String,
    },
    /// The step is not to be done; the run goes on behind it.
    Skip {
        step: StepPath,
        actor: String,
        comment: String,
    },
    /// A failed run goes on from what failed.
    Retry {
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
        step: StepPath,
        resolution: Resolution,
        actor: String,
        comment: String,
    },
    AttemptSucceeded {
        step: StepPath,
        attempt: u32,
        output: Value,
    },
    AttemptFailed {
        step: StepPath,
        attempt: u32,
        error: StepError,
    },
    /// The tool cannot say whether its effect took place.
    AttemptUnknown {
        step: StepPath,
        attempt: u32,
        message: String,
    },
    /// The tool stopped because it was told to.
    AttemptStopped {
        step: StepPath,
        attempt: u32,
    },
    /// The process that made the attempt is gone.
    AttemptLost {
        step: StepPath,
        attempt: u32,
    },
    AttemptProgressed {
        step: StepPath,
        attempt: u32,
        percent: u8,
        doing: String,
    },
    /// The run that a step started has ended.
    RunEnded {
        step: StepPath,
        run_id: RunId,
        end: End,
    },
    /// Somebody outside tells how far a step is, or how it ended.
    Report {
        step: StepPath,
        report: Report,
    },
    /// Time has passed: whatever is due happens. Inert when nothing is.
    Wake,
}

impl Command {
    /// A person's start of a new run.
    #[cfg(test)]
    pub fn start(input: Value, actor: &str) -> Self {
        Command::Start {
            input,
            actor: actor.to_owned(),
            origin: None,
            kept: BTreeMap::new(),
        }
    }
}

/// What somebody outside says of the step that they do.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    Succeeded { output: Value },
    Failed { error: StepError },
    Progressed { percent: u8, doing: String },
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
        step: StepPath,
        attempt: u32,
        tool: String,
        input: Value,
        deadline: Option<Timestamp>,
    },
    /// Start a run of another workflow, under this id. Harmless when it exists.
    StartRun {
        step: StepPath,
        attempt: u32,
        run_id: RunId,
        workflow: String,
        version: Option<u32>,
        input: Value,
        /// Runs above it.
        depth: u32,
    },
    /// Tell the tool, or the run, to stop. Harmless when it has ended.
    Stop { step: StepPath, attempt: u32 },
    /// Say when there is room for the run (no step) or the step, among all that have the same key.
    AskForRoom {
        step: Option<StepPath>,
        rooms: Vec<Room>,
    },
}

/// A bound over all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub of: RoomOf,
    pub max: u32,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoomOf {
    /// Runs of this run's workflow, by key if there is one.
    Workflow(Option<String>),
    /// Calls made by this step of the workflow.
    Step(StepId),
    /// Calls of any step that names this key.
    Key(String),
    /// Calls of this tool.
    Tool(String),
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
    #[error("the run is ending")]
    RunEnding,
    #[error("the run undoes what it did: say whether this happened")]
    BeingUndone,
    #[error("the run is paused already")]
    AlreadyPaused,
    #[error("the run is not paused")]
    NotPaused,
    #[error("only a failed run can be retried; this one is {0}")]
    NotFailed(&'static str),
    #[error("what this run did has been undone: run it again instead")]
    Undone,
    #[error("`{step}` cannot be skipped: {why}")]
    NotSkippable { step: StepPath, why: String },
    #[error("there is no step `{0}`")]
    UnknownStep(StepPath),
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
    LateResult { step: StepPath, attempt: u32 },
    #[error("`{0}` does not wait for anybody outside")]
    NotExternal(StepPath),
    #[error("the code `{code}` {why}")]
    InvalidErrorCode { code: String, why: String },
    #[error("`{0}` does not wait for anyone to say what happened")]
    OutcomeKnown(StepPath),
    #[error("the comment is longer than {max} characters")]
    CommentTooLong { max: usize },
}
