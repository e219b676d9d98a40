//! A run as it stands: the fold of its events. `apply` is the only way state changes, and it never refuses: what is
//! in the log has happened. It needs the outline but no expression engine, so that the browser folds with it too.

mod apply;
mod frame;
mod snapshot;
mod status;
mod step;
mod tally;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{EndReason, EndState, Origin, Recorded};
use super::ids::{GateId, RunId, StepPath};
use super::plan::Outline;
use super::time::Timestamp;

pub(in crate::engine) use apply::value_bytes;
pub use frame::{Frame, FrameEnd};
pub use snapshot::FORMAT as SNAPSHOT_FORMAT;
pub use status::{RunStatus, StepStatus};
pub use step::{Attempt, AttemptOutcome, Gate, GateDecision, HandSkip, StepRun};
use tally::Tally;

/// Its JSON is for people and for recorded logs; what can be read back as a state is a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Not part of what changes, so not written out with it.
    #[serde(skip, default = "Outline::nothing")]
    pub outline: Arc<Outline>,
    /// Of the last event; 0 before the first.
    pub seq: u32,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub deadline: Option<Timestamp>,
    /// Never changes once the run has begun, so states share it.
    pub input: Arc<Value>,
    pub started_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Outputs taken over from another run, by step: used up as the steps' turns come.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<StepPath, Value>,
    /// Still waits for its turn among the runs of its workflow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// First the steps of the run itself, in the order of the outline's top body, then those of iterations in the
    /// order in which they began. Shared between states of which one grew out of the other.
    pub steps: Vec<Arc<StepRun>>,
    /// In the same order; by frame, the edges of its body.
    pub edges: Vec<EdgeState>,
    /// By step: how many edges lead to it of which it is not known yet whether they are taken.
    #[serde(skip)]
    pub to_come: Vec<usize>,
    /// The bodies in execution: the run itself, then iterations in the order in which they began.
    #[serde(default, skip_serializing_if = "frame::only_the_run")]
    pub frames: Vec<Frame>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensating: Option<Compensating>,
    /// When running tools are abandoned, once the run is being cancelled.
    pub cancelling: Option<Cancelling>,
    pub end: Option<End>,
    /// Steps that have been done and can be undone, in the order in which they were done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoable: Vec<usize>,
    /// How often it was retried after it had failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened: u32,
    /// Counts over `steps`, kept up to date so that no decision has to look at all of them.
    #[serde(skip)]
    tally: Tally,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    pub actor: String,
    pub comment: String,
    pub at: Timestamp,
}

/// What has to be undone is being undone; then the run ends as it would have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compensating {
    pub step: Option<StepPath>,
    pub reason: EndReason,
    pub message: String,
    /// When tools that do not stop are given up.
    pub deadline: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancelling {
    pub actor: String,
    pub comment: String,
    pub deadline: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub state: EndState,
    pub reason: Option<EndReason>,
    pub message: Option<String>,
    pub output: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// Its step has not ended.
    #[default]
    Open,
    Taken,
    NotTaken,
}

impl RunState {
    /// A run of which nothing has happened yet.
    pub fn new(outline: Arc<Outline>) -> Self {
        let mut state = Self {
            outline,
            seq: 0,
            started_at: None,
            finished_at: None,
            deadline: None,
            input: Arc::default(),
            started_by: String::new(),
            origin: None,
            kept: BTreeMap::new(),
            queued: false,
            steps: Vec::new(),
            to_come: Vec::new(),
            edges: Vec::new(),
            frames: Vec::new(),
            paused: None,
            compensating: None,
            cancelling: None,
            end: None,
            undoable: Vec::new(),
            reopened: 0,
            tally: Tally::default(),
        };
        state.open_frame(0, None, 0);
        state
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
        if self.started_at.is_none() || self.queued {
            return RunStatus::Pending;
        }
        if self.tally.running.is_empty() && self.paused.is_some() {
            return RunStatus::Paused;
        }
        let Tally {
            running,
            queued,
            retrying,
            for_people,
            waiting,
            ..
        } = &self.tally;
        let moves = [running, queued, retrying];
        let waits = [for_people, waiting];
        if moves.iter().all(|set| set.is_empty()) && waits.iter().any(|set| !set.is_empty()) {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        }
    }

    pub fn step(&self, path: &StepPath) -> Option<&StepRun> {
        self.find(path)
            .and_then(|at| self.steps.get(at))
            .map(Arc::as_ref)
    }

    /// The gate with this id, and the position of its step. Of a gate that was asked anew only the last one is kept.
    pub fn gate(&self, id: &GateId) -> Option<(usize, &Gate)> {
        let at = *self.tally.gates.get(id)?;
        let gate = self.steps[at].gate.as_ref()?;
        (gate.id == *id).then_some((at, gate))
    }

    /// What counts against the run's bound: attempts that are being made, and those that may be made as soon as there
    /// is room among all runs.
    pub fn in_flight(&self) -> usize {
        self.tally.running.len() + self.tally.asking.len()
    }

    /// Bytes of values that its log holds, as JSON text.
    pub fn value_bytes(&self) -> u64 {
        self.tally.value_bytes
    }

    /// How many runs are above this one, or before it in a chain of triggers.
    pub fn depth(&self) -> u32 {
        match &self.origin {
            Some(Origin::Parent { depth, .. } | Origin::Trigger { depth, .. }) => *depth,
            Some(Origin::Again { .. } | Origin::Fork { .. }) | None => 0,
        }
    }

    /// The uppermost of the runs above this one.
    pub fn root(&self) -> Option<&RunId> {
        match &self.origin {
            Some(Origin::Parent { run_id, root, .. }) => Some(root.as_ref().unwrap_or(run_id)),
            Some(Origin::Trigger { .. } | Origin::Again { .. } | Origin::Fork { .. }) | None => {
                None
            }
        }
    }

    /// The steps that are being done by a tool, another run or somebody outside.
    pub fn running(&self) -> impl Iterator<Item = usize> + '_ {
        self.tally.running.iter().copied()
    }

    pub fn queued_steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.tally.queued.iter().copied()
    }

    /// Steps that wait for a person: a gate, or an outcome that nobody knows.
    pub fn waiting_for_people(&self) -> impl Iterator<Item = usize> + '_ {
        self.tally.for_people.iter().copied()
    }

    /// Steps, and how many of them have ended and failed. What would only undo something counts once it has begun.
    pub fn counts(&self) -> Counts {
        Counts {
            total: self.tally.total,
            done: self.tally.done,
            failed: self.tally.failed,
        }
    }

    /// The sum of what the run's own steps have done, in percent times their weights, and the sum of the weights.
    pub(in crate::engine) fn progress(&self) -> (u64, u64) {
        (self.tally.progress, self.tally.weight)
    }

    /// What people call the step.
    pub fn name(&self, step: usize) -> &str {
        &self.outline.steps[self.steps[step].shape].name
    }

    /// The step that matters most now: one that waits for a person, else one that runs.
    pub fn current(&self) -> Option<usize> {
        if self.end.is_some() {
            return None;
        }
        let tally = &self.tally;
        let sets = [
            &tally.for_people,
            &tally.running,
            &tally.retrying,
            &tally.waiting,
            &tally.queued,
        ];
        sets.into_iter().find_map(|set| set.first().copied())
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
        let of_steps = self
            .tally
            .timers
            .iter()
            .find(|(_, step)| self.heeds_timer(*step))
            .map(|(due, _)| *due);
        match &self.compensating {
            // Its own time is over, or does not matter any more.
            Some(compensating) if self.winding_down() => {
                of_steps.into_iter().chain([compensating.deadline]).min()
            }
            Some(_) => of_steps,
            None => of_steps.into_iter().chain(self.deadline).min(),
        }
    }

    /// Steps with something due at `now`.
    pub(in crate::engine) fn due(&self, now: Timestamp) -> Vec<usize> {
        let due = self.tally.timers.range(..=(now, usize::MAX));
        due.map(|(_, step)| *step)
            .filter(|&step| self.heeds_timer(step))
            .collect()
    }

    /// While a run is paused nothing starts, so only what ends something is due.
    fn heeds_timer(&self, step: usize) -> bool {
        self.paused.is_none()
            || match self.steps[step].status {
                StepStatus::InProgress
                | StepStatus::WaitingForApproval
                | StepStatus::WaitingForExternal => true,
                StepStatus::Retrying
                | StepStatus::WaitingForTimer
                | StepStatus::Pending
                | StepStatus::Queued
                | StepStatus::OutcomeUnknown
                | StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled => false,
            }
    }

    /// The run is going to undo what it did, but something is still in flight.
    pub(in crate::engine) fn winding_down(&self) -> bool {
        self.compensating.is_some()
            && self
                .tally
                .running
                .iter()
                .any(|&step| self.outline.steps[self.steps[step].shape].undoes.is_none())
    }
}

/// Of a run's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub total: u32,
    pub done: u32,
    pub failed: u32,
}
