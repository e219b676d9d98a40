//! Bounds over all runs: how many runs of a workflow, calls of a tool, or calls with the same key may be under way at
//! once. What is full makes its askers wait, and they are served in turn, run by run: a run that asks for a thousand
//! calls does not keep out one that asks for a single one.
//!
//! A run that is a step of another would wait for ever for a room that the other holds until that step has ended. So a
//! holder lends its room to what it waits for, to one at a time: the two count as one, and the bound holds for what is
//! done side by side.
//!
//! Kept in memory: whoever takes a run up says what it holds, and asks again for what it still waits for. After a
//! start nobody is served before every open run has said so.

mod ancestry;
mod loans;
mod questions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::engine::command::{Room, RoomOf};
use crate::engine::ids::{RunId, StepPath, WorkflowId};
use ancestry::Ancestry;
use loans::Loans;
use questions::Questions;

/// A run, or one of its steps.
pub(super) type Asker = (RunId, Option<StepPath>);

#[derive(Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<String, BTreeSet<Asker>>,
    held: BTreeMap<Asker, Vec<String>>,
    ancestry: Ancestry,
    loans: Loans,
    waiting: BTreeMap<RunId, Questions>,
    /// Runs with questions; the first is asked first.
    turns: VecDeque<RunId>,
    recovery: Recovery,
}

/// Whether it is known what is held.
#[derive(Default)]
enum Recovery {
    /// Nobody has asked for it.
    #[default]
    NotBegun,
    /// It is not even known which runs are open; these have been taken up already.
    Begun {
        taken_up: BTreeSet<RunId>,
    },
    /// These have not been taken up.
    Awaits(BTreeSet<RunId>),
    Over,
}

/// What is counted together over all workflows has the same key.
fn key(workflow: &WorkflowId, room: &Room) -> String {
    match &room.of {
        RoomOf::Workflow(None) => format!("workflow {workflow}"),
        RoomOf::Workflow(Some(key)) => format!("workflow {workflow} {key}"),
        RoomOf::Step(step) => format!("step {workflow} {step}"),
        RoomOf::Key(key) => format!("key {key}"),
        RoomOf::Tool(tool) => format!("tool {tool}"),
    }
}

impl Rooms {
    /// From here on nobody is served, until it is known what the open runs hold. Happens once in a process: what is
    /// taken up later has been held here before.
    pub(super) fn begin_recovery(&mut self) {
        if let Recovery::NotBegun = self.recovery {
            let taken_up = BTreeSet::new();
            self.recovery = Recovery::Begun { taken_up };
        }
    }

    /// These runs are open. Answers who may go on now.
    pub(super) fn await_runs(&mut self, open: &[RunId]) -> Vec<Asker> {
        if let Recovery::Begun { taken_up } = &self.recovery {
            let not_yet = open.iter().filter(|run_id| !taken_up.contains(*run_id));
            self.recovery = Recovery::Awaits(not_yet.cloned().collect());
        }
        self.serve()
    }

    /// The run is done for this step of another one.
    pub(super) fn link(&mut self, run_id: &RunId, parent: &RunId, step: &StepPath) {
        let parent = (parent.clone(), Some(step.clone()));
        self.ancestry.link(run_id, parent);
    }

    /// The run has ended, or was never made.
    pub(super) fn unlink(&mut self, run_id: &RunId) {
        self.ancestry.unlink(run_id);
    }

    /// The run has been taken up and holds these rooms, or cannot be. Answers who may go on now.
    pub(super) fn take_up(
        &mut self,
        workflow: &WorkflowId,
        run_id: &RunId,
        rooms: &[Room],
    ) -> Vec<Asker> {
        let asker = (run_id.clone(), None);
        if !rooms.is_empty() && !self.held.contains_key(&asker) {
            let keys = rooms.iter().map(|room| key(workflow, room)).collect();
            self.give(asker, keys);
        }
        self.heard_of(run_id)
    }

    /// Nothing has to be awaited of the run any more.
    pub(super) fn heard_of(&mut self, run_id: &RunId) -> Vec<Asker> {
        match &mut self.recovery {
            Recovery::NotBegun | Recovery::Over => return Vec::new(),
            Recovery::Begun { taken_up } => {
                taken_up.insert(run_id.clone());
            }
            Recovery::Awaits(open) => {
                open.remove(run_id);
            }
        }
        self.serve()
    }

    /// Asks for these rooms. Asking again while waiting or holding changes nothing. Answers who may go on now.
    pub(super) fn ask(
        &mut self,
        workflow: &WorkflowId,
        asker: Asker,
        rooms: &[Room],
    ) -> Vec<Asker> {
        if self.held.contains_key(&asker) {
            // Asked again after the answer was lost with the pause of its run.
            return vec![asker];
        }
        let (run_id, step) = asker;
        let wanted = rooms
            .iter()
            .map(|room| (key(workflow, room), room.max as usize))
            .collect();
        let questions = self.waiting.entry(run_id.clone()).or_default();
        if questions.is_empty() {
            self.turns.push_back(run_id);
        }
        questions.ask(step, wanted);
        self.serve()
    }

    /// The asker needs its rooms, or its place in the queue, no longer. Answers who may go on now.
    pub(super) fn release(&mut self, asker: &Asker) -> Vec<Asker> {
        let (run_id, step) = asker;
        let questions = self.waiting.get_mut(run_id);
        let waited = questions.is_some_and(|questions| questions.withdraw(step));
        if self.give_back(asker) || waited {
            self.serve()
        } else {
            Vec::new()
        }
    }

    /// Whether the asker held anything.
    fn give_back(&mut self, asker: &Asker) -> bool {
        let Some(keys) = self.held.remove(asker) else {
            return false;
        };
        for key in keys {
            self.loans.pass_on(&key, asker);
            if let Some(holders) = self.rooms.get_mut(&key) {
                holders.remove(asker);
                if holders.is_empty() {
                    self.rooms.remove(&key);
                }
            }
        }
        true
    }

    /// Everything of the run: it has ended, or is not owned here any more.
    pub(super) fn release_run(&mut self, run_id: &RunId) -> Vec<Asker> {
        let waited = self.waiting.remove(run_id).is_some();
        self.ancestry.unlink(run_id);
        let held = self.holders_of(run_id);
        for asker in &held {
            self.give_back(asker);
        }
        if held.is_empty() && !waited {
            return Vec::new();
        }
        self.serve()
    }

    /// Those of the run that hold rooms: itself, its steps.
    fn holders_of(&self, run_id: &RunId) -> Vec<Asker> {
        let held = self.held.range((run_id.clone(), None)..);
        held.take_while(|((holder, _), _)| holder == run_id)
            .map(|(asker, _)| asker.clone())
            .collect()
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> bool {
        let idle = self.rooms.is_empty() && self.held.is_empty() && self.waiting.is_empty();
        !idle || !self.turns.is_empty() || !self.loans.is_empty() || !self.ancestry.is_empty()
    }

    /// Those of the run that hold rooms or wait for them.
    pub(super) fn askers_of(&self, run_id: &RunId) -> Vec<Asker> {
        let mut askers = self.holders_of(run_id);
        let waiting = self.waiting.get(run_id).into_iter();
        let steps = waiting.flat_map(Questions::askers);
        askers.extend(steps.map(|step| (run_id.clone(), step.clone())));
        askers
    }

    /// Whether the asker has been given its rooms, and has not given them back.
    pub(super) fn holds(&self, asker: &Asker) -> bool {
        self.held.contains_key(asker)
    }

    /// Gives what can be given, one question a run and round, until nobody can be served. Whoever was served goes to
    /// the end of the line; whoever was not keeps the place.
    fn serve(&mut self) -> Vec<Asker> {
        let mut served = Vec::new();
        match &self.recovery {
            Recovery::NotBegun | Recovery::Over => {}
            Recovery::Awaits(open) if open.is_empty() => {
                self.recovery = Recovery::Over;
                self.lend_again();
            }
            Recovery::Begun { .. } | Recovery::Awaits(_) => return served,
        }
        loop {
            let before = served.len();
            let (mut kept, mut behind) = (VecDeque::new(), VecDeque::new());
            for run_id in std::mem::take(&mut self.turns) {
                let asker = self.serve_one_of(&run_id);
                let line = if asker.is_some() {
                    &mut behind
                } else {
                    &mut kept
                };
                served.extend(asker);
                let waits = self.waiting.get(&run_id);
                if waits.is_some_and(|questions| !questions.is_empty()) {
                    line.push_back(run_id);
                } else {
                    self.waiting.remove(&run_id);
                }
            }
            kept.extend(behind);
            self.turns = kept;
            if served.len() == before {
                return served;
            }
        }
    }

    fn serve_one_of(&mut self, run_id: &RunId) -> Option<Asker> {
        let mut questions = self.waiting.remove(run_id)?;
        let may_have = |(key, max): &(String, usize)| {
            self.free(key, *max) || self.lender(run_id, key).is_some()
        };
        let answered = questions.take_first(may_have);
        self.waiting.insert(run_id.clone(), questions);
        let (step, wanted) = answered?;
        let asker = (run_id.clone(), step);
        let keys: Vec<String> = wanted.into_iter().map(|(key, _)| key).collect();
        self.give(asker.clone(), keys);
        Some(asker)
    }

    fn free(&self, key: &str, max: usize) -> bool {
        self.rooms.get(key).map_or(0, BTreeSet::len) < max + self.loans.count(key)
    }

    /// Who waits for the run, holds the room and has not lent it: the nearest of those above.
    fn lender(&self, run_id: &RunId, key: &str) -> Option<Asker> {
        let holders = self.rooms.get(key)?;
        let mut run_id = run_id;
        loop {
            let (above, step) = self.ancestry.parent(run_id)?;
            let askers = [(above.clone(), step.clone()), (above.clone(), None)];
            let lends = |asker: &Asker| holders.contains(asker) && !self.loans.has_lent(key, asker);
            if let Some(asker) = askers.into_iter().find(lends) {
                return Some(asker);
            }
            run_id = above;
        }
    }

    /// Who borrowed from whom is not kept; who holds what is, and whose step it is. Those above first, as it was lent.
    fn lend_again(&mut self) {
        let mut holders: Vec<Asker> = self.held.keys().cloned().collect();
        holders.sort_by_key(|(run_id, _)| self.ancestry.depth(run_id));
        for asker in holders {
            for key in self.held.get(&asker).cloned().unwrap_or_default() {
                self.borrow(&asker, &key);
            }
        }
    }

    fn borrow(&mut self, asker: &Asker, key: &str) {
        if let Some(lender) = self.lender(&asker.0, key) {
            self.loans.lend(key, lender, asker.clone());
        }
    }

    fn give(&mut self, asker: Asker, keys: Vec<String>) {
        for key in &keys {
            if let Recovery::NotBegun | Recovery::Over = self.recovery {
                self.borrow(&asker, key);
            }
            self.rooms
                .entry(key.clone())
                .or_default()
                .insert(asker.clone());
        }
        self.held.insert(asker, keys);
    }
}

#[cfg(test)]
mod tests;
