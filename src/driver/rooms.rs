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

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::engine::command::{Room, RoomOf};
use crate::engine::ids::{RunId, StepPath, WorkflowId};

/// A run, or one of its steps.
pub(super) type Asker = (RunId, Option<StepPath>);

#[derive(Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<String, BTreeSet<Asker>>,
    held: BTreeMap<Asker, Vec<String>>,
    /// The step that a run is, of the run that waits for it.
    parents: BTreeMap<RunId, Asker>,
    /// By key and lender: who has borrowed the room.
    lent: BTreeMap<(String, Asker), Asker>,
    waiting: BTreeMap<RunId, VecDeque<Question>>,
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

struct Question {
    step: Option<StepPath>,
    /// Key and bound of each room; all of them or none.
    wanted: Vec<(String, usize)>,
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
        self.parents.insert(run_id.clone(), parent);
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
        let questions = self.waiting.entry(run_id.clone()).or_default();
        if !questions.iter().any(|question| question.step == step) {
            if questions.is_empty() {
                self.turns.push_back(run_id);
            }
            let wanted = rooms
                .iter()
                .map(|room| (key(workflow, room), room.max as usize))
                .collect();
            questions.push_back(Question { step, wanted });
        }
        self.serve()
    }

    /// The asker needs its rooms, or its place in the queue, no longer. Answers who may go on now.
    pub(super) fn release(&mut self, asker: &Asker) -> Vec<Asker> {
        for key in self.held.remove(asker).unwrap_or_default() {
            self.pass_on_loan(&key, asker);
            if let Some(holders) = self.rooms.get_mut(&key) {
                holders.remove(asker);
                if holders.is_empty() {
                    self.rooms.remove(&key);
                }
            }
        }
        if let Some(questions) = self.waiting.get_mut(&asker.0) {
            questions.retain(|question| question.step != asker.1);
        }
        self.serve()
    }

    /// What the asker had borrowed goes to whom it had lent it to, who may be there a little longer: until then nobody
    /// else below the first lender gets it.
    fn pass_on_loan(&mut self, key: &str, asker: &Asker) {
        let borrower = self.lent.remove(&(key.to_owned(), asker.clone()));
        let mut loans = self.lent.iter();
        let lender = loans
            .find(|((lent, _), holder)| lent == key && *holder == asker)
            .map(|(loan, _)| loan.clone());
        match (lender, borrower) {
            (Some(loan), Some(borrower)) => {
                self.lent.insert(loan, borrower);
            }
            (Some(loan), None) => {
                self.lent.remove(&loan);
            }
            (None, Some(_) | None) => {}
        }
    }

    /// Everything of the run: it has ended, or is not owned here any more.
    pub(super) fn release_run(&mut self, run_id: &RunId) -> Vec<Asker> {
        self.waiting.remove(run_id);
        if let Some(above) = self.parents.remove(run_id) {
            for (parent, step) in self.parents.values_mut() {
                if parent == run_id {
                    (*parent, *step) = above.clone();
                }
            }
        }
        let of_run: Vec<Asker> = self
            .held
            .range((run_id.clone(), None)..)
            .take_while(|((holder, _), _)| holder == run_id)
            .map(|(asker, _)| asker.clone())
            .collect();
        let mut served = Vec::new();
        for asker in of_run {
            served.extend(self.release(&asker));
        }
        served.extend(self.serve());
        served
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> bool {
        let idle = self.rooms.is_empty() && self.held.is_empty() && self.waiting.is_empty();
        !idle || !self.turns.is_empty() || !self.lent.is_empty()
    }

    /// Those of the run that hold rooms or wait for them: itself, its steps.
    pub(super) fn askers_of(&self, run_id: &RunId) -> Vec<Asker> {
        let held = self.held.range((run_id.clone(), None)..);
        let mut askers: Vec<Asker> = held
            .take_while(|((holder, _), _)| holder == run_id)
            .map(|(asker, _)| asker.clone())
            .collect();
        let waiting = self.waiting.get(run_id).into_iter().flatten();
        askers.extend(waiting.map(|question| (run_id.clone(), question.step.clone())));
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
        let may_have = |(key, max): &(String, usize)| {
            self.lender(run_id, key).is_some() || self.free(key, *max)
        };
        let at = self
            .waiting
            .get(run_id)?
            .iter()
            .position(|question| question.wanted.iter().all(may_have))?;
        let question = self.waiting.get_mut(run_id)?.remove(at)?;
        let asker = (run_id.clone(), question.step);
        let keys: Vec<String> = question.wanted.into_iter().map(|(key, _)| key).collect();
        self.give(asker.clone(), keys);
        Some(asker)
    }

    fn free(&self, key: &str, max: usize) -> bool {
        let lent = self.lent.keys().filter(|(lent, _)| lent == key).count();
        self.rooms.get(key).map_or(0, BTreeSet::len) < max + lent
    }

    /// Who waits for the run, holds the room and has not lent it: the nearest of those above.
    fn lender(&self, run_id: &RunId, key: &str) -> Option<Asker> {
        let holders = self.rooms.get(key)?;
        let mut run_id = run_id;
        loop {
            let (above, step) = self.parents.get(run_id)?;
            let askers = [(above.clone(), step.clone()), (above.clone(), None)];
            let lends = |asker: &Asker| {
                holders.contains(asker) && !self.lent.contains_key(&(key.to_owned(), asker.clone()))
            };
            if let Some(asker) = askers.into_iter().find(lends) {
                return Some(asker);
            }
            run_id = above;
        }
    }

    /// Who borrowed from whom is not kept; who holds what is, and whose step it is. Those above first, as it was lent.
    fn lend_again(&mut self) {
        let mut holders: Vec<Asker> = self.held.keys().cloned().collect();
        holders.sort_by_key(|(run_id, _)| {
            std::iter::successors(self.parents.get(run_id), |(above, _)| {
                self.parents.get(above)
            })
            .count()
        });
        for asker in holders {
            for key in self.held.get(&asker).cloned().unwrap_or_default() {
                self.borrow(&asker, &key);
            }
        }
    }

    fn borrow(&mut self, asker: &Asker, key: &str) {
        if let Some(lender) = self.lender(&asker.0, key) {
            self.lent.insert((key.to_owned(), lender), asker.clone());
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
mod tests {
    use super::*;

    fn ask(rooms: &mut Rooms, run: &str, step: &str, max: u32) -> Vec<String> {
        let room = Room {
            of: RoomOf::Key("db".to_owned()),
            max,
        };
        let asker = (RunId::new(run), Some(StepPath::new(step)));
        names(rooms.ask(&WorkflowId::new("w"), asker, &[room]))
    }

    fn release(rooms: &mut Rooms, run: &str, step: &str) -> Vec<String> {
        names(rooms.release(&(RunId::new(run), Some(StepPath::new(step)))))
    }

    fn names(askers: Vec<Asker>) -> Vec<String> {
        let name = |(run, step): Asker| match step {
            Some(step) => format!("{run}/{step}"),
            None => run.to_string(),
        };
        askers.into_iter().map(name).collect()
    }

    #[test]
    fn no_more_than_the_bound_hold_a_room_and_the_next_is_served_on_release() {
        let mut rooms = Rooms::default();
        assert_eq!(ask(&mut rooms, "a", "1", 2), ["a/1"]);
        assert_eq!(ask(&mut rooms, "a", "2", 2), ["a/2"]);
        assert!(ask(&mut rooms, "a", "3", 2).is_empty());
        assert!(ask(&mut rooms, "a", "3", 2).is_empty(), "asked twice");
        assert_eq!(release(&mut rooms, "a", "1"), ["a/3"]);
        assert!(release(&mut rooms, "a", "1").is_empty(), "released twice");
        assert!(release(&mut rooms, "a", "2").is_empty());
        assert!(release(&mut rooms, "a", "3").is_empty());
        assert!(rooms.rooms.is_empty() && rooms.held.is_empty() && rooms.waiting.is_empty());
    }

    #[test]
    fn runs_are_served_in_turn_however_much_one_of_them_asks_for() {
        let mut rooms = Rooms::default();
        ask(&mut rooms, "greedy", "0", 1);
        for step in 1..100 {
            ask(&mut rooms, "greedy", &step.to_string(), 1);
        }
        ask(&mut rooms, "modest", "only", 1);
        let mut order = Vec::new();
        let mut holder = "greedy/0".to_owned();
        for _ in 0..3 {
            let (run, step) = holder.split_once('/').expect("run and step");
            holder = release(&mut rooms, run, step).remove(0);
            order.push(holder.clone());
        }
        assert!(order[..2].contains(&"modest/only".to_owned()), "{order:?}");
    }

    #[test]
    fn who_needs_two_rooms_gets_both_or_waits_and_blocks_nobody() {
        let mut rooms = Rooms::default();
        let workflow = WorkflowId::new("w");
        let room = |tool: &str| Room {
            of: RoomOf::Tool(tool.to_owned()),
            max: 1,
        };
        let run = |id: &str| (RunId::new(id), None);
        assert_eq!(rooms.ask(&workflow, run("a"), &[room("x")]).len(), 1);
        let both = rooms.ask(&workflow, run("b"), &[room("x"), room("y")]);
        assert!(both.is_empty());
        assert_eq!(
            names(rooms.ask(&workflow, run("c"), &[room("y")])),
            ["c"],
            "nobody holds y yet"
        );
        assert!(rooms.release_run(&RunId::new("a")).is_empty());
        assert_eq!(names(rooms.release_run(&RunId::new("c"))), ["b"]);
    }

    fn workflow_room(max: u32) -> [Room; 1] {
        let of = RoomOf::Workflow(None);
        [Room { of, max }]
    }

    fn ask_for_run(rooms: &mut Rooms, run: &str, max: u32) -> Vec<String> {
        let asker = (RunId::new(run), None);
        names(rooms.ask(&WorkflowId::new("w"), asker, &workflow_room(max)))
    }

    fn link(rooms: &mut Rooms, run: &str, parent: &str) {
        rooms.link(&RunId::new(run), &RunId::new(parent), &StepPath::new("s"));
    }

    fn end(rooms: &mut Rooms, run: &str) -> Vec<String> {
        names(rooms.release_run(&RunId::new(run)))
    }

    #[test]
    fn a_holder_lends_its_room_to_what_it_waits_for_one_at_a_time() {
        let mut rooms = Rooms::default();
        assert_eq!(ask_for_run(&mut rooms, "top", 1), ["top"]);
        for (run, parent) in [("mid", "top"), ("one", "mid"), ("two", "mid")] {
            link(&mut rooms, run, parent);
        }
        assert!(ask_for_run(&mut rooms, "other", 1).is_empty());
        // `mid` is of another workflow and holds nothing; the room comes from further up.
        assert_eq!(ask_for_run(&mut rooms, "one", 1), ["one"]);
        assert!(ask_for_run(&mut rooms, "two", 1).is_empty(), "lent already");
        link(&mut rooms, "below", "one");
        assert_eq!(ask_for_run(&mut rooms, "below", 1), ["below"]);
        assert!(end(&mut rooms, "below").is_empty());
        assert_eq!(end(&mut rooms, "one"), ["two"]);
        assert!(end(&mut rooms, "two").is_empty(), "`top` holds it still");
        assert_eq!(end(&mut rooms, "top"), ["other"]);
        end(&mut rooms, "other");
        assert!(!rooms.in_use());
    }

    #[test]
    fn what_was_lent_is_known_again_after_a_restart() {
        let mut rooms = Rooms::default();
        rooms.begin_recovery();
        let open = ["one", "top", "two"].map(RunId::new);
        rooms.await_runs(&open);
        link(&mut rooms, "one", "top");
        link(&mut rooms, "two", "top");
        let workflow = WorkflowId::new("w");
        assert!(ask_for_run(&mut rooms, "two", 1).is_empty());
        for (run, held) in [("one", 1), ("two", 0), ("top", 1)] {
            let held = &workflow_room(1)[..held];
            let served = rooms.take_up(&workflow, &RunId::new(run), held);
            assert!(served.is_empty(), "`one` has the room");
        }
        assert_eq!(end(&mut rooms, "one"), ["two"]);
    }

    #[test]
    fn a_borrower_that_outlives_the_one_in_between_keeps_the_room_of_the_first_lender() {
        let mut rooms = Rooms::default();
        ask_for_run(&mut rooms, "top", 1);
        for (run, parent) in [("mid", "top"), ("late", "mid"), ("next", "top")] {
            link(&mut rooms, run, parent);
        }
        assert_eq!(ask_for_run(&mut rooms, "mid", 1), ["mid"]);
        assert_eq!(ask_for_run(&mut rooms, "late", 1), ["late"]);
        assert!(ask_for_run(&mut rooms, "next", 1).is_empty());
        assert!(
            end(&mut rooms, "mid").is_empty(),
            "`late` has not ended yet"
        );
        assert_eq!(end(&mut rooms, "late"), ["next"]);
    }

    #[test]
    fn a_borrower_that_outlives_its_lender_counts_by_itself() {
        let mut rooms = Rooms::default();
        ask_for_run(&mut rooms, "top", 1);
        link(&mut rooms, "one", "top");
        assert_eq!(ask_for_run(&mut rooms, "one", 1), ["one"]);
        assert!(end(&mut rooms, "top").is_empty());
        assert!(ask_for_run(&mut rooms, "other", 1).is_empty());
        assert_eq!(end(&mut rooms, "one"), ["other"]);
    }
}
