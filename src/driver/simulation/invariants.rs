//! What must hold at every moment, each as a function with a name. What holds within one run is written once, at the
//! engine (`engine/properties/invariants.rs`), and is checked here on what the store was given.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::ledger::{Book, Ledger};
use super::process::DESCENDANTS_MAX;
use super::tools::NARROW_MAX;
use super::world::{Ask, Call};
use crate::engine::command::RoomOf;
use crate::engine::event::{EndReason, EndState, Event, Performer, Recorded, SkipReason};
use crate::engine::ids::RunId;
use crate::engine::state::{RunState, StepStatus};
use crate::engine::time::Timestamp;
use crate::engine::tool::EffectClass;
use crate::store::Snapshot;

/// An event on its way into the ledger.
pub(super) struct Stored<'a> {
    pub run_id: &'a RunId,
    /// As it was before the event.
    pub book: &'a Book,
    pub recorded: &'a Recorded,
}

pub(super) fn invariant_nothing_is_stored_by_a_replaced_process(epoch: u32, epoch_now: u32) {
    assert_eq!(epoch, epoch_now, "a replaced process has stored something");
}

pub(super) fn invariant_a_replaced_process_begins_nothing(call: &Call, epoch_now: u32) {
    assert_eq!(call.epoch, epoch_now, "a replaced process calls: {call:?}");
}

/// Whoever goes on from a snapshot decides as whoever has folded the log.
pub(super) fn invariant_a_snapshot_says_what_the_log_says(book: &Book, snapshot: &Snapshot) {
    let outline = || Arc::clone(&book.plan.outline);
    let log = &book.log[..snapshot.seq as usize];
    assert_eq!(
        RunState::from_snapshot(outline(), &snapshot.state),
        Ok(RunState::replay(outline(), log)),
    );
}

pub(super) fn invariant_the_log_only_grows_and_without_gaps(
    seq: u32,
    expected_seq: u32,
    events: &[Recorded],
) {
    assert_eq!(seq, expected_seq, "a turn was stored on top of another one");
    let numbered = events.iter().zip(seq + 1..);
    for (recorded, seq) in numbered {
        assert_eq!(recorded.seq, seq, "a gap in the log");
    }
    assert!(!events.is_empty(), "a turn without events");
}

pub(super) fn invariant_no_timer_is_early(before: &RunState, recorded: &Recorded) {
    let due = due_before(before, &recorded.event);
    assert!(
        due.is_none_or(|due| due <= recorded.at),
        "due at {due:?}: {recorded:?}"
    );
}

/// The time that had to come for the event. Most events wait for somebody and not for a time.
fn due_before(before: &RunState, event: &Event) -> Option<Timestamp> {
    if let Event::AttemptStarted { step, .. } | Event::IterationStarted { step, .. } = event {
        let run = before.step(step)?;
        let slept = matches!(
            run.status,
            StepStatus::Retrying | StepStatus::WaitingForTimer
        );
        return run.due().filter(|_| slept);
    }
    if let Event::StepCompleted { step, .. } = event {
        return before.step(step)?.wait_until;
    }
    if let Event::GateExpired { step, .. } = event {
        return before.step(step)?.due();
    }
    if let Event::AttemptFailed { step, error, .. } = event
        && error.code == "timeout"
    {
        let running = before.step(step)?.running_attempt()?;
        return running.deadline.filter(|_| running.by.is_tool());
    }
    // A step whose time has run out fails its run for the same reason; its own time was looked at with its own events.
    if let Event::RunFinished {
        reason: Some(EndReason::Timeout),
        message: Some(message),
        ..
    } = event
        && message.starts_with("The run was not finished")
        && before.compensating.is_none()
    {
        return before.deadline;
    }
    None
}

pub(super) fn invariant_a_gate_is_decided_once_on_what_was_shown(
    before: &RunState,
    recorded: &Recorded,
) {
    let Event::GateDecided {
        gate,
        plan_hash,
        step,
        ..
    } = &recorded.event
    else {
        return;
    };
    let open = before.step(step).and_then(|run| run.gate.as_ref());
    let open = open.filter(|open| open.id == *gate && open.decided.is_none());
    let open = open.expect("a gate is decided that is not open");
    assert_eq!(open.plan_hash, *plan_hash, "something else was approved");
}

/// The run that a step is: there is one for each attempt, and it has ended before the step.
pub(super) fn invariant_a_step_completes_only_with_the_run_that_it_is(
    ledger: &Ledger,
    stored: &Stored,
) {
    let Event::StepCompleted { step, output, .. } = &stored.recorded.event else {
        return;
    };
    let running = stored
        .book
        .state
        .step(step)
        .and_then(|run| run.running_attempt());
    let Some(Performer::Run { run_id: child }) = running.map(|attempt| &attempt.by) else {
        return;
    };
    let end = ledger
        .books
        .get(child)
        .and_then(|book| book.state.end.as_ref());
    let end = end.unwrap_or_else(|| panic!("{} goes on before {child} has ended", stored.run_id));
    assert_eq!(
        (end.state, &end.output),
        (EndState::Completed, output),
        "the step says what its run says"
    );
}

pub(super) fn invariant_no_more_runs_under_way_than_allowed(ledger: &Ledger, run_id: &RunId) {
    let book = &ledger.books[run_id];
    let Some(limit) = &book.plan.concurrency else {
        return;
    };
    let under_way: Vec<&RunId> = ledger
        .books
        .iter()
        .filter(|(_, other)| other.header.workflow_id == book.header.workflow_id)
        .filter(|(_, other)| other.plan.concurrency.is_some())
        .filter(|(_, other)| other.state.end.is_none() && !other.state.queued)
        .map(|(run_id, _)| run_id)
        .collect();
    let is_one = under_way.contains(&run_id);
    let lent = lent_among(ledger, &under_way);
    assert!(
        !is_one || under_way.len() - lent <= limit.max as usize,
        "{} runs of {} at once: {under_way:?}",
        under_way.len(),
        book.header.workflow_slug
    );
}

/// A run and the run below it that it waits for count as one: how many of these are a second one. Each lends once.
fn lent_among(ledger: &Ledger, under_way: &[&RunId]) -> usize {
    let above = |run_id: &RunId| ledger.children.get(run_id).map(|(parent, _, _)| parent);
    let mut deepest_last = under_way.to_vec();
    deepest_last.sort_by_key(|run_id| std::iter::successors(above(run_id), |at| above(at)).count());
    let mut lenders = BTreeSet::new();
    for run_id in deepest_last {
        let mut line = std::iter::successors(above(run_id), |at| above(at));
        lenders.extend(line.find(|at| under_way.contains(at) && !lenders.contains(at)));
    }
    lenders.len()
}

pub(super) fn invariant_no_family_is_larger_than_allowed(ledger: &Ledger, run_id: &RunId) {
    let Some(root) = ledger.books[run_id].state.root() else {
        return;
    };
    let books = ledger.books.values();
    let size = books.filter(|book| book.state.root() == Some(root)).count();
    assert!(
        size <= DESCENDANTS_MAX as usize,
        "{root} has {size} runs below it"
    );
}

/// Events are stored before effects begin.
pub(super) fn invariant_a_call_follows_its_event(book: &Book, call: &Call) {
    let made = book.state.step(&call.step).map_or(0, |run| run.made);
    assert!(made >= call.attempt, "the log does not know of {call:?}");
    let key = format!("{}/{}", call.run_id, call.step);
    assert_eq!(call.key, key, "one key for one step of one run");
}

pub(super) fn invariant_each_attempt_is_called_once(book: &mut Book, call: &Call) {
    let first = book.called.insert((call.step.clone(), call.attempt));
    assert!(first, "an attempt was made twice: {call:?}");
}

pub(super) fn invariant_a_cancelled_run_calls_nothing(book: &Book, call: &Call) {
    assert!(!book.cancel_known, "the run had been cancelled: {call:?}");
    let ended = book.state.end.as_ref().map(|end| end.state);
    assert_ne!(
        ended,
        Some(EndState::Cancelled),
        "the run has ended: {call:?}"
    );
}

/// Counted where the calls arrive. Calls that have been told to stop do not count: they are on their way out.
pub(super) fn invariant_bounds_over_all_runs_hold(ledger: &Ledger, call: &Call, beside: &[Call]) {
    for (room, max) in rooms_of(ledger, call) {
        let others = beside.iter().filter(|other| {
            let rooms = rooms_of(ledger, other);
            rooms.iter().any(|(same, _)| *same == room)
        });
        let count = others.count() + 1;
        assert!(
            count <= max as usize,
            "{count} calls at once in {room:?}, where {max} may be: {call:?} beside {beside:?}"
        );
    }
}

fn rooms_of(ledger: &Ledger, call: &Call) -> Vec<(RoomOf, u32)> {
    let mut rooms = Vec::new();
    if call.tool == "t.narrow" {
        rooms.push((RoomOf::Tool(call.tool.clone()), NARROW_MAX));
    }
    let book = ledger.books.get(&call.run_id);
    let limit = book.and_then(|book| {
        let at = book.state.find(&call.step)?;
        book.plan.steps[book.state.steps[at].shape].limit.as_ref()
    });
    // The generator knows one key only.
    rooms.extend(limit.map(|limit| (RoomOf::Key("db".to_owned()), limit.max)));
    rooms
}

pub(super) fn invariant_an_effect_is_done_twice_only_if_a_person_says_so(
    book: &mut Book,
    call: &Call,
) {
    let times = book.took.entry(call.step.clone()).or_default();
    *times += 1;
    let allowed = 1 + book.allowed_again.get(&call.step).copied().unwrap_or(0);
    match call.class {
        EffectClass::Effect => assert!(*times <= allowed, "done {times} times: {call:?}"),
        // Whoever receives these can tell by the key, or has nothing to lose.
        EffectClass::Pure | EffectClass::Read | EffectClass::Idempotent => {}
    }
}

pub(super) fn invariant_what_was_acknowledged_is_in_the_log(ledger: &Ledger, ask: &Ask) {
    let book = ledger.books.get(&ask.run_id);
    let book = book.unwrap_or_else(|| panic!("acknowledged and lost: {ask:?}"));
    // To cancel a run that is being cancelled is nothing to do.
    let needless = ask.what == "cancel" && (book.state.cancelling.is_some());
    assert!(
        needless || marked(&book.log, &ask.mark),
        "acknowledged and lost: {ask:?}"
    );
}

pub(super) fn invariant_what_was_refused_is_not_in_the_log(ledger: &Ledger, ask: &Ask) {
    if let Some(book) = ledger.books.get(&ask.run_id) {
        assert!(!marked(&book.log, &ask.mark), "refused and done: {ask:?}");
    }
}

fn marked(log: &[Recorded], mark: &str) -> bool {
    log.iter().any(|recorded| {
        let said = match &recorded.event {
            Event::RunStarted { actor, .. }
            | Event::RunPaused { actor, .. }
            | Event::RunResumed { actor, .. }
            | Event::RunReopened { actor, .. }
            | Event::RunCancelling { actor, .. }
            | Event::SkipPlanned { actor, .. }
            | Event::OutcomeResolved { actor, .. }
            | Event::GateDecided { actor, .. }
            | Event::StepSkipped {
                reason: SkipReason::ByHand { actor, .. },
                ..
            } => Some(actor.as_str()),
            Event::AttemptProgressed { doing, .. } => Some(doing.as_str()),
            Event::StepCompleted { output, .. } => output.get("said").and_then(Value::as_str),
            Event::StepFailed { error, .. } | Event::AttemptFailed { error, .. } => {
                Some(error.message.as_str())
            }
            Event::StepSkipped { .. }
            | Event::RunAdmitted
            | Event::RunCompensating { .. }
            | Event::StepQueued { .. }
            | Event::MapStarted { .. }
            | Event::IterationStarted { .. }
            | Event::IterationEnded { .. }
            | Event::WaitStarted { .. }
            | Event::PollMissed { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptInterrupted { .. }
            | Event::OutcomeUnknown { .. }
            | Event::GateOpened { .. }
            | Event::GateExpired { .. }
            | Event::StepCancelled { .. }
            | Event::RunFinished { .. } => None,
        };
        said == Some(mark)
    })
}

/// At the end: what the store holds is what it was given, and folds to what was checked on the way.
pub(super) fn invariant_replaying_the_log_gives_the_state(book: &Book, stored: &[Recorded]) {
    assert_eq!(book.log, stored, "the log is not what was stored");
    let replayed = RunState::replay(Arc::clone(&book.plan.outline), stored);
    assert_eq!(replayed, book.state, "replay(log) is the state");
}

/// Once things have settled: a run goes on only while its step waits for it, or because a person had it retried.
pub(super) fn invariant_no_run_outlives_the_step_that_it_is(ledger: &Ledger, run_id: &RunId) {
    let Some((parent, step, attempt)) = ledger.children.get(run_id) else {
        return;
    };
    if ledger.books[run_id].state.reopened > 0 {
        return;
    }
    let parent = &ledger.books[parent].state;
    let running = parent.step(step).and_then(|run| run.running_attempt());
    assert!(
        running.is_some_and(|running| running.number == *attempt),
        "{run_id} goes on for nobody"
    );
}
