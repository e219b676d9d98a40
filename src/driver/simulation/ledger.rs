//! What the store's logs and the outside world say, read in the order in which it happened, and held to the invariants
//! entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::invariants::{self, Stored};
use super::world::{Ask, Call, Entry, Met, Verdict};
use crate::engine::event::{Event, Origin, Performer, Recorded, Resolution};
use crate::engine::ids::{RunId, StepPath, VersionId};
use crate::engine::plan::Plan;
use crate::engine::properties::invariants as engine_invariants;
use crate::engine::state::{RunState, StepStatus};
use crate::engine::summary::{RunHeader, RunSummary};

/// All runs, as their logs have them.
pub(super) struct Ledger {
    plans: BTreeMap<VersionId, Arc<Plan>>,
    pub books: BTreeMap<RunId, Book>,
    /// Runs that steps have decided to start: their step, and its attempt.
    pub children: BTreeMap<RunId, (RunId, StepPath, u32)>,
    pub met: Met,
    pub story: Story,
}

/// What happens, as text.
pub(super) enum Story {
    Untold,
    /// To be compared with another one.
    Kept(Vec<String>),
    /// For whoever replays a seed, as far as it goes.
    Printed,
}

pub(super) struct Book {
    pub header: RunHeader,
    pub plan: Arc<Plan>,
    pub state: RunState,
    pub log: Vec<Recorded>,
    /// A process has read in the log that the run is being cancelled.
    pub cancel_known: bool,
    pub called: BTreeSet<(StepPath, u32)>,
    /// How often the effect of a step has taken place.
    pub took: BTreeMap<StepPath, u32>,
    /// How often a person allowed that the step is done again, or said that it had not been done.
    pub allowed_again: BTreeMap<StepPath, u32>,
}

impl Ledger {
    pub(super) fn new(plans: BTreeMap<VersionId, Arc<Plan>>, story: Story) -> Self {
        Self {
            plans,
            books: BTreeMap::new(),
            children: BTreeMap::new(),
            met: Met::new(),
            story,
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        match &mut self.story {
            Story::Untold => {}
            Story::Kept(lines) => lines.push(line()),
            Story::Printed => println!("{}", line()),
        }
    }

    pub(super) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    pub(super) fn read(&mut self, epoch_now: u32, journal: Vec<Entry>) {
        for entry in journal {
            self.tell(|| describe(&entry));
            match entry {
                Entry::Stored {
                    epoch,
                    expected_seq,
                    summary,
                    events,
                } => {
                    invariants::invariant_nothing_is_stored_by_a_replaced_process(epoch, epoch_now);
                    self.stored(expected_seq, &summary, events);
                }
                Entry::Acknowledged { run_id } => {
                    if let Some(book) = self.books.get_mut(&run_id) {
                        book.cancel_known = book.state.cancelling.is_some();
                    }
                }
                Entry::WrittenDown { run_id, snapshot } => {
                    invariants::invariant_a_snapshot_says_what_the_log_says(
                        &self.books[&run_id],
                        &snapshot,
                    );
                }
                Entry::Began { call, beside } => self.began(epoch_now, &call, &beside),
                Entry::Took { call } => self.took(&call),
                Entry::Answered { ask, verdict } => self.answered(&ask, &verdict),
            }
        }
    }

    fn stored(&mut self, expected_seq: u32, summary: &RunSummary, events: Vec<Recorded>) {
        let run_id = summary.header.run_id.clone();
        let mut book = match self.books.remove(&run_id) {
            Some(book) => book,
            None => self.open(&summary.header),
        };
        let before = book.state.clone();
        invariants::invariant_the_log_only_grows_and_without_gaps(
            before.seq,
            expected_seq,
            &events,
        );
        for recorded in &events {
            self.meet(recorded.event.kind());
            if let Event::StepFailed { error, .. } = &recorded.event
                && error.code == "too_many_runs"
            {
                self.meet("too many runs");
            }
            invariants::invariant_no_timer_is_early(&book.state, recorded);
            invariants::invariant_a_gate_is_decided_once_on_what_was_shown(&book.state, recorded);
            let stored = Stored {
                run_id: &run_id,
                book: &book,
                recorded,
            };
            invariants::invariant_a_step_completes_only_with_the_run_that_it_is(self, &stored);
            self.note_child(&run_id, &recorded.event);
            note_permission(&mut book, &recorded.event);
            book.state.apply(recorded);
            let event = std::slice::from_ref(&recorded.event);
            engine_invariants::check_starts(&book.plan, &book.state, event);
        }
        let kinds: Vec<Event> = events
            .iter()
            .map(|recorded| recorded.event.clone())
            .collect();
        engine_invariants::check_change(&book.plan, &before, &book.state, &kinds);
        assert_eq!(
            *summary,
            RunSummary::of(&book.header, &book.state),
            "the row of a run says what its log says"
        );
        book.log.extend(events);
        self.books.insert(run_id.clone(), book);
        invariants::invariant_no_more_runs_under_way_than_allowed(self, &run_id);
        invariants::invariant_no_family_is_larger_than_allowed(self, &run_id);
    }

    fn open(&self, header: &RunHeader) -> Book {
        let plan = Arc::clone(&self.plans[&header.version_id]);
        Book {
            header: header.clone(),
            state: RunState::new(Arc::clone(&plan.outline)),
            plan,
            log: Vec::new(),
            cancel_known: false,
            called: BTreeSet::new(),
            took: BTreeMap::new(),
            allowed_again: BTreeMap::new(),
        }
    }

    fn note_child(&mut self, run_id: &RunId, event: &Event) {
        if let Event::AttemptStarted {
            step,
            attempt,
            by: Performer::Run { run_id: child },
            ..
        } = event
        {
            let made_for = (run_id.clone(), step.clone(), *attempt);
            let earlier = self.children.insert(child.clone(), made_for);
            assert_eq!(earlier, None, "each attempt has a run of its own");
        }
        if let Event::RunStarted {
            origin:
                Some(Origin::Parent {
                    run_id: parent,
                    step,
                    ..
                }),
            ..
        } = event
        {
            let known = self.children.get(run_id);
            assert!(
                known.is_some_and(|(run, path, _)| run == parent && path == step),
                "{run_id} was started by nobody's decision"
            );
        }
    }

    fn began(&mut self, epoch_now: u32, call: &Call, beside: &[Call]) {
        self.meet("call");
        invariants::invariant_a_replaced_process_begins_nothing(call, epoch_now);
        let known = self.books.get_mut(&call.run_id);
        let book = known.expect("a call is made for a run that is in the store");
        invariants::invariant_a_call_follows_its_event(book, call);
        invariants::invariant_each_attempt_is_called_once(book, call);
        invariants::invariant_a_cancelled_run_calls_nothing(book, call);
        invariants::invariant_bounds_over_all_runs_hold(self, call, beside);
    }

    fn took(&mut self, call: &Call) {
        let known = self.books.get_mut(&call.run_id);
        let book = known.expect("an effect belongs to a run that is in the store");
        invariants::invariant_an_effect_is_done_twice_only_if_a_person_says_so(book, call);
    }

    fn answered(&mut self, ask: &Ask, verdict: &Verdict) {
        self.meet(ask.what);
        match verdict {
            Verdict::Done => invariants::invariant_what_was_acknowledged_is_in_the_log(self, ask),
            Verdict::Refused(_) => {
                self.meet("refused");
                invariants::invariant_what_was_refused_is_not_in_the_log(self, ask);
            }
            Verdict::Unknown(_) => self.meet("answer unknown"),
        }
    }

    /// Steps of runs that have not ended and are in one of these states.
    pub(super) fn steps(&self, statuses: &[StepStatus]) -> Vec<(RunId, StepPath)> {
        let mut found = Vec::new();
        for (run_id, book) in &self.books {
            if book.state.end.is_some() {
                continue;
            }
            for (at, step) in book.state.steps.iter().enumerate() {
                if statuses.contains(&step.status) {
                    found.push((run_id.clone(), book.state.path(at)));
                }
            }
        }
        found
    }
}

/// Where a person takes the blame for a second effect.
fn note_permission(book: &mut Book, event: &Event) {
    if let Event::OutcomeResolved {
        step,
        resolution: Resolution::Retry | Resolution::DidNot,
        ..
    } = event
    {
        *book.allowed_again.entry(step.clone()).or_default() += 1;
    }
}

fn describe(entry: &Entry) -> String {
    match entry {
        Entry::Stored {
            epoch,
            summary,
            events,
            ..
        } => {
            let lines = events.iter().map(|recorded| {
                format!(
                    "\n      {} {} {:?}",
                    recorded.seq, recorded.at, recorded.event
                )
            });
            let run_id = &summary.header.run_id;
            format!(
                "    stored by {epoch} for {run_id}:{}",
                lines.collect::<String>()
            )
        }
        Entry::Acknowledged { run_id } => format!("    acknowledged for {run_id}"),
        Entry::WrittenDown { run_id, snapshot } => {
            format!("    written down {run_id} at {}", snapshot.seq)
        }
        Entry::Began { call, beside } => format!("    began {call:?} beside {}", beside.len()),
        Entry::Took { call } => format!("    took place {}/{}", call.run_id, call.step),
        Entry::Answered { ask, verdict } => format!("    {ask:?}: {verdict:?}"),
    }
}
