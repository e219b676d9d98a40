//! What is foretold, word for word, of runs that were recorded. That it is also what happens is a promise that the
//! property test holds (`properties::foretold`).

use std::sync::Arc;

use super::told::named;
use super::*;
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;

const CANCELLED: [&str; 2] = [
    include_str!("../golden/outline.json"),
    include_str!("../golden/log.jsonl"),
];
const RETRIED: [&str; 2] = [
    include_str!("../golden/retried.outline.json"),
    include_str!("../golden/retried.log.jsonl"),
];
const HAPPENED: [&str; 2] = [
    include_str!("../golden/happened.outline.json"),
    include_str!("../golden/happened.log.jsonl"),
];

/// The recorded run after so many of its events.
fn after([outline, log]: [&str; 2], events: usize) -> RunState {
    let outline: Outline = serde_json::from_str(outline).expect("an outline");
    let log: Vec<_> = log
        .lines()
        .take(events)
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    RunState::replay(Arc::new(outline), &log)
}

fn told(state: &RunState, act: Act) -> String {
    match foretell(state, act) {
        Ok(foretold) => foretold.text(state),
        Err(why) => format!("No: {why}."),
    }
}

fn at(state: &RunState, path: &str) -> usize {
    state.find(&StepPath::new(path)).expect("the step")
}

#[test]
fn a_cancel_tells_what_is_stopped_and_what_never_begins() {
    let state = after(CANCELLED, 10);
    assert_eq!(
        told(&state, Act::Cancel),
        "Told to stop: “Place the order”. Not done any more: “Go on?”, “Anyone there?”, “Tell the desk” and 2 more. What does not stop within 10 s is given up. What has been done stays done."
    );
    assert_eq!(
        told(&state, Act::Pause),
        "Goes on to its end: “Place the order”. Nothing else starts until the run is resumed."
    );
    assert_eq!(told(&state, Act::Resume), "No: the run is not paused.");
    assert_eq!(
        told(&state, Act::Retry),
        "No: only a failed run can be retried; this one is running."
    );
}

#[test]
fn what_is_in_doubt_stays_so_when_the_run_is_cancelled() {
    let state = after(CANCELLED, 12);
    assert_eq!(
        told(&state, Act::Cancel),
        "Not done any more: “Go on?”, “Anyone there?”, “Tell the desk” and 2 more. Will stay unknown whether it took effect: “Place the order”. What has been done stays done."
    );
    let order = at(&state, "order");
    let answers = [
        (
            Resolution::Happened,
            "The step counts as completed. The run goes on with: “Anyone there?”.",
        ),
        (Resolution::DidNot, "The step fails, and the run with it."),
        (Resolution::Retry, "It is sent once more."),
    ];
    for (answer, tells) in answers {
        assert_eq!(told(&state, Act::Resolve(order, answer)), tells);
    }
}

#[test]
fn a_new_run_tells_what_would_take_place_twice() {
    let state = after(CANCELLED, 18);
    assert_eq!(
        told(&state, Act::Again { version: 3 }),
        "A new run of version 3 begins with the same input; people are asked anew. Already took place, and would take place again: “Place the order”."
    );
    assert_eq!(
        told(&state, Act::Fork(at(&state, "long"))),
        "What 2 steps gave is taken over. Done again: “Long job”. What comes after this step follows, and people are asked anew."
    );
    assert_eq!(
        told(&state, Act::Fork(at(&state, "order"))),
        "What 1 step gave is taken over. Done again: “Place the order”, “Long job”. Already took place, and would take place again: “Place the order”. What comes after this step follows, and people are asked anew."
    );
}

#[test]
fn a_skip_tells_what_goes_on_without_the_step() {
    let state = after(CANCELLED, 17);
    assert_eq!(
        told(&state, Act::Skip(at(&state, "long"))),
        "Told to stop: “Long job”. The run goes on with: “Report”. It has no output then."
    );
    assert_eq!(
        told(&state, Act::Skip(at(&state, "order"))),
        "No: it may be taking effect at this moment."
    );
    assert_eq!(
        told(&state, Act::Skip(at(&state, "ask"))),
        "No: a gate is decided, not skipped."
    );
}

#[test]
fn an_answer_to_a_gate_tells_where_it_leads() {
    let state = after(CANCELLED, 12);
    let (ask, late) = (at(&state, "ask"), at(&state, "late"));
    assert_eq!(
        told(&state, Act::Decide(ask, Decision::Approve)),
        "The run goes on with: “Long job”."
    );
    assert_eq!(
        told(&state, Act::Decide(ask, Decision::Reject)),
        "The step fails, and the run with it."
    );
    assert_eq!(
        told(&state, Act::Decide(late, Decision::Reject)),
        "The run goes on with: “Tell the desk”."
    );
}

#[test]
fn a_retry_tells_what_is_done_again() {
    let events = RETRIED[1].lines().count();
    let failed: Vec<String> = (1..=events)
        .map(|events| after(RETRIED, events))
        .filter(|state| state.status() == RunStatus::Failed)
        .map(|state| told(&state, Act::Retry))
        .collect();
    assert_eq!(
        failed,
        [
            "You are asked first whether it took place: “B”. Done again: “C”. The 2 steps that are completed stay so."
        ]
    );
    let undone = after(HAPPENED, HAPPENED[1].lines().count());
    assert_eq!(
        told(&undone, Act::Retry),
        "No: what this run did has been undone: run it again instead."
    );
}

#[test]
fn names_that_are_the_same_are_counted_and_many_are_not_all_told() {
    let state = after(CANCELLED, 1);
    assert_eq!(
        named(&state, &[0, 1, 0]),
        "“Probe the host” (2 times), “Place the order”"
    );
    let all: Vec<usize> = (0..state.steps.len()).collect();
    assert_eq!(
        named(&state, &all),
        "“Probe the host”, “Place the order”, “Go on?” and 4 more"
    );
}
