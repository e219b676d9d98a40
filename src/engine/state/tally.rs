//! Counts over the steps of a run, kept up to date by the fold: a run of ten thousand steps is decided as fast as one
//! of ten, because nothing has to look at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::status::StepStatus;
use super::step::StepRun;
use crate::engine::event::SkipReason;
use crate::engine::ids::GateId;
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;

/// Sets hold positions among the run's steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub queued: BTreeSet<usize>,
    /// Those of the queued that have been promised room in the run and wait for room among all runs.
    pub asking: BTreeSet<usize>,
    /// With an attempt that is being made.
    pub running: BTreeSet<usize>,
    pub retrying: BTreeSet<usize>,
    /// For a person.
    pub for_people: BTreeSet<usize>,
    /// For a timer, or somebody outside.
    pub waiting: BTreeSet<usize>,
    pub timers: BTreeSet<(Timestamp, usize)>,
    pub gates: BTreeMap<GateId, usize>,
    pub total: u32,
    pub done: u32,
    pub failed: u32,
    /// Percent times weight, over the run's own steps.
    pub progress: u64,
    pub weight: u64,
    /// Of all values in the log so far.
    pub value_bytes: u64,
}

impl Tally {
    /// What a count of all steps finds.
    pub fn of(outline: &Outline, steps: &[Arc<StepRun>]) -> Self {
        let mut tally = Self::default();
        for (at, step) in steps.iter().enumerate() {
            tally.add(outline, at, step);
        }
        tally
    }

    pub fn add(&mut self, outline: &Outline, at: usize, step: &StepRun) {
        if let Some(set) = self.set_of(step) {
            set.insert(at);
        }
        if step.status == StepStatus::Queued && step.waits_for.is_some() {
            self.asking.insert(at);
        }
        if let Some(due) = step.due() {
            self.timers.insert((due, at));
        }
        if let Some(gate) = &step.gate
            && self.gates.get(&gate.id) != Some(&at)
        {
            self.gates.insert(gate.id.clone(), at);
        }
        let shape = &outline.steps[step.shape];
        if counts(outline, step) {
            self.total += 1;
            self.done += u32::from(step.status.is_terminal());
            self.failed += u32::from(step.status == StepStatus::Failed);
        }
        if shape.parent.is_none() {
            let weight = u64::from(shape.weight);
            self.weight += weight;
            self.progress += weight * percent(step);
        }
    }

    /// Takes back what `add` counted for the step as it was.
    pub fn remove(&mut self, outline: &Outline, at: usize, step: &StepRun) {
        if let Some(set) = self.set_of(step) {
            set.remove(&at);
        }
        self.asking.remove(&at);
        if let Some(due) = step.due() {
            self.timers.remove(&(due, at));
        }
        let shape = &outline.steps[step.shape];
        if counts(outline, step) {
            self.total -= 1;
            self.done -= u32::from(step.status.is_terminal());
            self.failed -= u32::from(step.status == StepStatus::Failed);
        }
        if shape.parent.is_none() {
            let weight = u64::from(shape.weight);
            self.weight -= weight;
            self.progress -= weight * percent(step);
        }
    }

    fn set_of(&mut self, step: &StepRun) -> Option<&mut BTreeSet<usize>> {
        match step.status {
            StepStatus::Queued => Some(&mut self.queued),
            // A map or loop at work makes no attempt itself.
            StepStatus::InProgress => step.running_attempt().map(|_| &mut self.running),
            StepStatus::Retrying => Some(&mut self.retrying),
            StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown => {
                Some(&mut self.for_people)
            }
            StepStatus::WaitingForTimer | StepStatus::WaitingForExternal => Some(&mut self.waiting),
            StepStatus::Pending
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => None,
        }
    }
}

/// What would only undo something counts once it has begun.
fn counts(outline: &Outline, step: &StepRun) -> bool {
    let idle =
        step.status == StepStatus::Pending || step.skipped == Some(SkipReason::NothingToUndo);
    outline.steps[step.shape].undoes.is_none() || !idle
}

/// A step that has ended counts 100, one that runs what is reported of it.
fn percent(step: &StepRun) -> u64 {
    if step.status.is_terminal() {
        100
    } else {
        u64::from(step.percent.min(99))
    }
}

#[cfg(test)]
impl super::RunState {
    /// What is counted is what a count would find.
    pub(crate) fn assert_counted(&self) {
        let mut tally = Tally::of(&self.outline, &self.steps);
        // Gates that were asked anew stay known, to be refused by name.
        tally.gates.clone_from(&self.tally.gates);
        // Of the log and not of the steps; that a replay counts the same is another check.
        tally.value_bytes = self.tally.value_bytes;
        assert_eq!(tally, self.tally);
        for (at, frame) in self.frames.iter().enumerate() {
            let open = self.steps_of(at).filter(|&step| {
                let step = &self.steps[step];
                self.outline.steps[step.shape].undoes.is_none() && !step.status.is_terminal()
            });
            assert_eq!(open.count(), frame.open, "frame {at}");
        }
    }
}
