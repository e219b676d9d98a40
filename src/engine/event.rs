//! The stored format: what happened in a run, in order. A run *is* this log; its state is the fold of it.
//! A variant, once released, keeps its meaning and its JSON for ever: recorded logs are replayed by the tests.

mod reading;
mod tagged;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::failure::StepError;
use super::ids::{GateId, RunId, StepPath, TriggerId};
use super::time::Timestamp;

/// One event with its place in the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// From 1, without gaps, per run.
    pub seq: u32,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// A field of a new variant is entered in `reading`, too.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// Emitted first, once, by `Start`. Moves the run from `pending` to `running`. Refused on any later `Start`.
    RunStarted {
        input: Value,
        /// Who or what started it.
        actor: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// What it goes back to, when it is not a person's start.
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
        /// Outputs that a fork takes over from the run it was forked from: these steps are not done again.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        kept: BTreeMap<StepPath, Value>,
        /// It must wait for its turn among the runs of its workflow: `pending` until `RunAdmitted`.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        queued: bool,
    },
    /// Emitted when a run that had to wait for its turn may go on. `pending` → `running`.
    RunAdmitted,
    /// Emitted by `Pause`. Nothing more starts; what is in flight goes on to its end. → `paused`.
    RunPaused { actor: String, comment: String },
    /// Emitted by `Resume`. `paused` → `running`.
    RunResumed { actor: String, comment: String },
    /// Emitted when a run that is to be undone has failed. What is in flight is stopped; then what was done is undone,
    /// in reverse order. Followed by `RunFinished` when that is over.
    RunCompensating {
        /// The step that failed it; none when its time ran out.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<StepPath>,
        reason: EndReason,
        message: String,
        /// When tools that do not stop are given up.
        deadline: Timestamp,
    },
    /// Emitted by `Retry`. A failed run goes on: the listed steps are `pending` again (or go on, if they hold a body);
    /// whatever was completed stays so. `failed` → `running`.
    RunReopened {
        actor: String,
        comment: String,
        steps: Vec<StepPath>,
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// It must wait for its turn among the runs of its workflow again.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        queued: bool,
    },
    /// Emitted when all predecessors allow the step but the attempts in flight are at a bound: the run's own, or one
    /// over all runs. `pending` → `queued`.
    StepQueued {
        step: StepPath,
        /// The bound over all runs, if it is one of those.
        #[serde(skip_serializing_if = "Option::is_none")]
        waits_for: Option<String>,
    },
    /// Emitted when a map's turn has come. `pending` → `in_progress`.
    MapStarted { step: StepPath, items: Vec<Value> },
    /// Emitted when a map takes up an item, or a loop begins a round (from 0). Its steps are `pending` then.
    IterationStarted { step: StepPath, index: u32 },
    /// Emitted when all steps of an iteration have ended, or one has failed it.
    IterationEnded {
        step: StepPath,
        index: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// Emitted when the step has nothing to do until then. → `waiting` for a timer.
    WaitStarted { step: StepPath, until: Timestamp },
    /// Emitted when a tool was asked and its answer is not the wanted one yet. `in_progress` → `waiting` for a timer.
    PollMissed {
        step: StepPath,
        attempt: u32,
        ask_again_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// Emitted by `Skip` for a step whose turn has not come: it will be skipped then.
    SkipPlanned {
        step: StepPath,
        actor: String,
        comment: String,
    },
    /// Emitted before a tool is called. `pending`, `queued` or `retrying` → `in_progress`. The call itself follows the commit.
    AttemptStarted {
        step: StepPath,
        attempt: u32,
        tool: String,
        input: Value,
        /// The last moment for an attempt that must end, none for one that may take for ever.
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// May it be made again without asking when its answer is lost?
        repeatable: bool,
        #[serde(skip_serializing_if = "Performer::is_tool")]
        by: Performer,
    },
    /// Emitted when a running tool says how far it is. Stays `in_progress`. Ignored for an attempt that has ended.
    AttemptProgressed {
        step: StepPath,
        attempt: u32,
        percent: u8,
        doing: String,
    },
    /// Emitted when an attempt failed and another will be made. `in_progress` → `retrying` until `retry_at`.
    AttemptFailed {
        step: StepPath,
        attempt: u32,
        error: StepError,
        retry_at: Timestamp,
    },
    /// Emitted when the process died during a repeatable attempt. `in_progress` → `pending`; a new attempt follows,
    /// and this one does not count against the tries.
    AttemptInterrupted { step: StepPath, attempt: u32 },
    /// Emitted when an attempt that must not be repeated lost its answer. `in_progress` → `waiting` for a person
    /// to say what happened.
    OutcomeUnknown {
        step: StepPath,
        attempt: u32,
        message: String,
    },
    /// Emitted when a person said what became of an unknown outcome. `happened` and `did_not` are followed by
    /// `StepCompleted` or `StepFailed`; `retry` moves `waiting` → `pending`.
    OutcomeResolved {
        step: StepPath,
        resolution: Resolution,
        actor: String,
        comment: String,
    },
    /// Emitted when a gate's turn has come. `pending` → `waiting` for approval.
    GateOpened {
        step: StepPath,
        gate: GateId,
        question: Question,
        plan_hash: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Emitted by the one decision that won. Followed by `StepCompleted` or `StepFailed`. Refused on any later decision.
    GateDecided {
        step: StepPath,
        gate: GateId,
        decision: Decision,
        actor: String,
        comment: String,
        plan_hash: String,
    },
    /// Emitted when a gate's deadline passed unanswered. Followed by `StepFailed`.
    GateExpired { step: StepPath, gate: GateId },
    /// Emitted when the step's work is done. Any state but a terminal one → `completed`. `taken` are the outgoing
    /// edges (positions in the outline) that lead on; the others are closed.
    StepCompleted {
        step: StepPath,
        output: Value,
        taken: Vec<usize>,
        /// Taken over from the run that this one was forked from.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        kept: bool,
    },
    /// Emitted when the step has failed for good. → `failed`. `taken` as above (only when the run goes on after it).
    StepFailed {
        step: StepPath,
        error: StepError,
        taken: Vec<usize>,
        /// What it was to do outside took place, and only what came of it could not be kept: the attempt succeeded. The
        /// step is undone like a completed one, and whoever has the run retried is asked before it is done again.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        happened: bool,
    },
    /// Emitted when the step will not run. `pending` → `skipped`; its outgoing edges are closed, unless a person
    /// skipped it: then the run goes on behind it, by the edges in `taken`.
    StepSkipped {
        step: StepPath,
        reason: SkipReason,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        taken: Vec<usize>,
    },
    /// Emitted when the run ends before the step did. Any state but a terminal one → `cancelled`.
    StepCancelled { step: StepPath },
    /// Emitted by `Cancel` while tools are still running. `running` or `waiting` → `cancelling`.
    RunCancelling {
        actor: String,
        comment: String,
        deadline: Timestamp,
    },
    /// Emitted last. Moves the run to its terminal state; no event follows, unless somebody has a failed run retried.
    RunFinished {
        state: EndState,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<EndReason>,
        /// The step that decided it, and why, in a sentence.
        #[serde(skip_serializing_if = "Option::is_none")]
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
    pub step: StepPath,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum SkipReason {
    /// Another branch was taken at this step.
    BranchNotTaken { at: StepPath },
    /// This step did not succeed, and the step needs its success.
    UpstreamFailed { at: StepPath },
    /// This step was skipped itself.
    UpstreamSkipped { at: StepPath },
    /// The run, or the iteration that it is part of, ended first.
    RunEnded,
    /// Somebody said so.
    ByHand { actor: String, comment: String },
    /// It would have undone what did not have to be undone.
    NothingToUndo,
}

/// Who makes an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "performer")]
pub enum Performer {
    #[default]
    Tool,
    /// A run of another workflow.
    Run { run_id: RunId },
    /// Somebody outside, who reports by the run's id and the step's path.
    Outside,
}

impl Performer {
    pub fn is_tool(&self) -> bool {
        *self == Performer::Tool
    }
}

/// What a run goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Origin {
    /// The same input once more.
    Again { run_id: RunId },
    /// From a step of another run on, with what had been done before it.
    Fork { run_id: RunId, step: StepPath },
    /// A step of this run. `depth` counts the runs above, and `root` is the uppermost, if that is not this one.
    Parent {
        run_id: RunId,
        step: StepPath,
        depth: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        root: Option<RunId>,
    },
    /// A trigger of its workflow: a schedule, a webhook, the end of another run.
    Trigger {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        trigger_id: Option<TriggerId>,
        /// Counts the runs before it, each started by the end of the one before.
        #[serde(skip_serializing_if = "is_zero")]
        depth: u32,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
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
    /// The first event of a person's run.
    #[cfg(test)]
    pub fn started(input: Value, actor: &str) -> Self {
        Event::RunStarted {
            input,
            actor: actor.to_owned(),
            deadline: None,
            origin: None,
            kept: BTreeMap::new(),
            queued: false,
        }
    }

    /// The step that it changes, when it is one.
    pub fn step(&self) -> Option<&StepPath> {
        match self {
            Event::RunStarted { .. }
            | Event::RunAdmitted
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCompensating { .. }
            | Event::RunReopened { .. }
            | Event::RunCancelling { .. }
            | Event::RunFinished { .. } => None,
            Event::MapStarted { step, .. }
            | Event::IterationStarted { step, .. }
            | Event::IterationEnded { step, .. }
            | Event::WaitStarted { step, .. }
            | Event::PollMissed { step, .. }
            | Event::SkipPlanned { step, .. }
            | Event::StepQueued { step, .. }
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
            | Event::StepCancelled { step } => Some(step),
        }
    }

    /// The variant's name as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::RunAdmitted => "run_admitted",
            Event::RunPaused { .. } => "run_paused",
            Event::RunResumed { .. } => "run_resumed",
            Event::RunCompensating { .. } => "run_compensating",
            Event::RunReopened { .. } => "run_reopened",
            Event::MapStarted { .. } => "map_started",
            Event::IterationStarted { .. } => "iteration_started",
            Event::IterationEnded { .. } => "iteration_ended",
            Event::WaitStarted { .. } => "wait_started",
            Event::PollMissed { .. } => "poll_missed",
            Event::SkipPlanned { .. } => "skip_planned",
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
