//! Undoing what was done, falling back, and retrying a failed run.

use serde_json::{Value, json};

use super::stage::{Stage, default, edge, effect, gate, read, when, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, EndState, Resolution, SkipReason};
use crate::engine::ids::StepPath;
use crate::engine::limits::CANCEL_GRACE_MS;
use crate::engine::state::{RunStatus, StepStatus};

/// An effect that can be undone.
fn undoable(id: &str) -> Value {
    with(
        effect(id),
        "compensate",
        json!({ "tool": "t.effect", "with": { "undo": format!("${id}.number") } }),
    )
}

fn failing(id: &str) -> Value {
    with(effect(id), "on_error", json!("compensate"))
}

/// `a → b → c`; `a` and `b` can be undone, `c` fails the run.
fn saga() -> Value {
    workflow(
        [undoable("a"), undoable("b"), failing("c")],
        [edge("a", "b"), edge("b", "c")],
    )
}

fn at_the_failure(document: Value) -> Stage {
    let mut stage = Stage::start(document);
    stage.succeed("a", json!({ "number": 1 }));
    stage.succeed("b", json!({ "number": 2 }));
    stage.fail("c", "broken");
    stage
}

fn resolve(stage: &mut Stage, step: &str, resolution: Resolution) -> Result<(), Rejection> {
    let command = Command::ResolveOutcome {
        step: StepPath::new(step),
        resolution,
        actor: "ann".to_owned(),
        comment: String::new(),
    };
    stage.submit(command).map(|_| ())
}

fn retry(stage: &mut Stage) -> Result<(), Rejection> {
    let (actor, comment) = ("ann".to_owned(), String::new());
    stage.submit(Command::Retry { actor, comment }).map(|_| ())
}

fn skip(stage: &mut Stage, step: &str) -> Result<(), Rejection> {
    let command = Command::Skip {
        step: StepPath::new(step),
        actor: "ann".to_owned(),
        comment: "not needed".to_owned(),
    };
    stage.submit(command).map(|_| ())
}

fn called(stage: &Stage) -> Vec<&str> {
    stage.calls.iter().map(|(step, _)| step.as_str()).collect()
}

#[test]
fn what_was_done_is_undone_last_things_first() {
    let mut stage = at_the_failure(saga());
    assert_eq!(called(&stage), ["a", "b", "c", "b.undo"]);
    assert_eq!(stage.run(), RunStatus::Running);
    assert_eq!(stage.step("b.undo").attempts[0].input, json!({ "undo": 2 }));
    stage.succeed("b.undo", json!(null));
    assert_eq!(called(&stage).last(), Some(&"a.undo"));
    stage.succeed("a.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Failed);
    assert_eq!(stage.end().1, Some(EndReason::Error));
    let message = stage.state.end.as_ref().and_then(|end| end.message.clone());
    let message = message.expect("it says why");
    assert!(message.starts_with("“C”: it failed"), "{message}");
    assert!(message.ends_with("was undone (2 steps)."), "{message}");
    assert_eq!(retry(&mut stage), Err(Rejection::Undone));
}

#[test]
fn a_run_that_succeeds_undoes_nothing() {
    let mut stage = Stage::start(saga());
    stage.succeed("a", json!({ "number": 1 }));
    stage.succeed("b", json!({ "number": 2 }));
    stage.succeed("c", json!(3));
    assert_eq!(stage.end(), (EndState::Completed, None, json!(3)));
    assert_eq!(called(&stage), ["a", "b", "c"]);
    assert_eq!(
        stage.step("a.undo").skipped,
        Some(SkipReason::NothingToUndo)
    );
    assert_eq!(stage.state.counts().total, 3);
}

#[test]
fn an_undo_is_retried_and_then_put_to_a_person() {
    let mut document = saga();
    document["steps"][1]["compensate"]["retry"] = json!({ "max_attempts": 2, "base_ms": 100 });
    let mut stage = at_the_failure(document);
    stage.fail("b.undo", "busy");
    assert_eq!(stage.status("b.undo"), StepStatus::Retrying);
    stage.after_ms(100);
    stage.fail("b.undo", "busy");
    assert_eq!(stage.status("b.undo"), StepStatus::OutcomeUnknown);
    assert_eq!(stage.run(), RunStatus::Waiting);
    assert_eq!(called(&stage).last(), Some(&"b.undo"), "a waits for b");
    resolve(&mut stage, "b.undo", Resolution::DidNot).expect("it is asked");
    assert_eq!(stage.status("b.undo"), StepStatus::Failed);
    stage.succeed("a.undo", json!(null));
    let message = stage.state.end.as_ref().and_then(|end| end.message.clone());
    let message = message.expect("it says why");
    assert!(message.ends_with("1 of 2 steps were undone."), "{message}");
}

#[test]
fn what_is_in_flight_is_waited_for_and_undone_too() {
    let document = workflow(
        [read("root"), undoable("a"), failing("c")],
        [edge("root", "a"), edge("root", "c")],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!(null));
    stage.fail("c", "broken");
    assert_eq!(stage.stops, ["a"]);
    assert_eq!(called(&stage), ["root", "a", "c"]);
    stage.succeed("a", json!({ "number": 7 }));
    assert_eq!(called(&stage).last(), Some(&"a.undo"));
    stage.succeed("a.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn what_does_not_stop_in_time_is_put_to_a_person_before_anything_is_undone() {
    let document = workflow(
        [undoable("root"), undoable("a"), failing("c")],
        [edge("root", "a"), edge("root", "c")],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!({ "number": 1 }));
    stage.fail("c", "broken");
    stage.after_ms(CANCEL_GRACE_MS);
    assert_eq!(stage.status("a"), StepStatus::OutcomeUnknown);
    assert_eq!(
        resolve(&mut stage, "a", Resolution::Retry),
        Err(Rejection::BeingUndone)
    );
    resolve(&mut stage, "a", Resolution::DidNot).expect("it is asked");
    assert_eq!(called(&stage).last(), Some(&"root.undo"));
}

#[test]
fn the_whole_workflow_may_be_undone_whatever_fails_it() {
    let mut document = workflow([undoable("a"), gate("ask")], [edge("a", "ask")]);
    document["compensate"] = json!(true);
    document["timeout_ms"] = json!(5_000);
    let at_the_gate = || {
        let mut stage = Stage::start(document.clone());
        stage.succeed("a", json!({ "number": 1 }));
        stage
    };
    let mut stage = at_the_gate();
    stage.decide("ask", Decision::Reject).expect("it is open");
    assert_eq!(called(&stage), ["a", "a.undo"]);
    stage.succeed("a.undo", json!(null));
    assert_eq!(stage.end().1, Some(EndReason::Rejected));

    let mut stage = at_the_gate();
    stage.after_ms(5_000);
    assert_eq!(stage.status("ask"), StepStatus::Cancelled);
    stage.after_ms(60_000);
    assert_eq!(
        stage.status("a.undo"),
        StepStatus::OutcomeUnknown,
        "its own time ran out"
    );
    resolve(&mut stage, "a.undo", Resolution::Happened).expect("it is asked");
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
}

#[test]
fn what_a_map_did_is_undone_item_by_item() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2], "body": { "steps": [undoable("a")] },
    });
    let document = workflow([each, failing("c")], [edge("each", "c")]);
    let mut stage = Stage::start(document);
    stage.succeed("each.1.a", json!({ "number": 20 }));
    stage.succeed("each.0.a", json!({ "number": 10 }));
    stage.fail("c", "broken");
    assert_eq!(called(&stage).last(), Some(&"each.0.a.undo"));
    stage.succeed("each.0.a.undo", json!(null));
    assert_eq!(
        stage.step("each.1.a.undo").attempts[0].input,
        json!({ "undo": 20 })
    );
    stage.succeed("each.1.a.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn cancelling_stops_the_undoing() {
    let mut stage = at_the_failure(saga());
    stage.cancel();
    assert_eq!(stage.stops, ["b.undo"]);
    stage.succeed("b.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Cancelled);
    assert_eq!(stage.status("a.undo"), StepStatus::Skipped);
}

#[test]
fn a_failed_step_falls_back_and_the_run_goes_on() {
    let document = workflow(
        [
            read("a"),
            read("b"),
            read("normal"),
            json!({ "id": "met", "kind": "join", "rule": "none_failed_min_one_success" }),
        ],
        [
            edge("a", "normal"),
            json!({ "from": "a", "to": "b", "on": "failed" }),
            edge("normal", "met"),
            edge("b", "met"),
        ],
    );
    let mut stage = Stage::start(document.clone());
    stage.fail("a", "broken");
    assert_eq!(stage.status("b"), StepStatus::InProgress);
    assert_eq!(stage.status("normal"), StepStatus::Skipped);
    stage.succeed("b", json!(2));
    assert_eq!(stage.end().0, EndState::Completed);

    let mut stage = Stage::start(document);
    stage.succeed("a", json!(1));
    assert_eq!(stage.status("b"), StepStatus::Skipped);
    stage.succeed("normal", json!(1));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn a_failed_run_is_retried_from_what_failed_and_keeps_what_was_done() {
    let document = workflow(
        [
            read("a"),
            with(
                read("b"),
                "retry",
                json!({ "max_attempts": 2, "base_ms": 1 }),
            ),
            read("c"),
        ],
        [edge("a", "b"), edge("b", "c")],
    );
    let mut stage = Stage::start(document);
    assert_eq!(retry(&mut stage), Err(Rejection::NotFailed("running")));
    stage.succeed("a", json!(1));
    stage.fail("b", "x");
    stage.after_ms(10);
    stage.fail("b", "x");
    assert_eq!(stage.end().0, EndState::Failed);
    retry(&mut stage).expect("it has failed");
    assert_eq!(stage.run(), RunStatus::Running);
    assert_eq!(stage.output("a"), json!(1));
    assert_eq!(called(&stage), ["a", "b", "b", "b"]);
    stage.fail("b", "x");
    assert_eq!(
        stage.status("b"),
        StepStatus::Retrying,
        "its tries begin anew"
    );
    stage.after_ms(10);
    stage.succeed("b", json!(2));
    stage.succeed("c", json!(3));
    assert_eq!(stage.end(), (EndState::Completed, None, json!(3)));
    assert_eq!(stage.state.reopened, 1);
}

#[test]
fn retrying_goes_on_inside_a_map_where_it_failed() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2, 3], "max_parallel": 2,
        "body": { "steps": [read("fetch"), read("then")], "edges": [edge("fetch", "then")] },
    });
    let mut stage = Stage::start(workflow([each], []));
    stage.succeed("each.0.fetch", json!(null));
    stage.succeed("each.0.then", json!("A"));
    stage.succeed("each.1.fetch", json!(null));
    stage.fail("each.1.then", "broken");
    assert_eq!(stage.end().0, EndState::Failed);
    retry(&mut stage).expect("it has failed");
    let again: Vec<&str> = called(&stage).split_off(5);
    assert_eq!(again, ["each.1.then", "each.2.fetch"]);
    stage.succeed("each.1.then", json!("B"));
    stage.succeed("each.2.fetch", json!(null));
    stage.succeed("each.2.then", json!("C"));
    assert_eq!(stage.output("each")["results"], json!(["A", "B", "C"]));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn an_effect_in_doubt_is_not_done_again_without_asking() {
    let document = workflow(
        [read("root"), effect("a"), read("c")],
        [edge("root", "a"), edge("root", "c")],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!(null));
    stage.fail("c", "broken");
    assert_eq!(stage.error("a").code, "outcome_unknown");
    retry(&mut stage).expect("it has failed");
    assert_eq!(stage.status("a"), StepStatus::OutcomeUnknown);
    assert_eq!(stage.status("c"), StepStatus::InProgress);
    assert_eq!(called(&stage), ["root", "a", "c", "c"]);
}

#[test]
fn a_rejected_gate_is_asked_anew_when_the_run_is_retried() {
    let mut stage = Stage::start(workflow([gate("ask"), effect("act")], [edge("ask", "act")]));
    let first = stage.gate("ask");
    stage.decide("ask", Decision::Reject).expect("it is open");
    stage.now = stage.now.plus_ms(5);
    retry(&mut stage).expect("it has failed");
    let second = stage.gate("ask");
    assert_ne!(first.id, second.id);
    let late = stage.answer(&first.id, Decision::Approve, Some(first.plan_hash));
    assert_eq!(late, Err(Rejection::UnknownGate(first.id)));
    assert!(called(&stage).is_empty());
}

#[test]
fn a_loop_that_ran_out_of_rounds_gets_as_many_again() {
    let again = json!({
        "id": "again", "kind": "loop", "until": "probe.ok", "max_iterations": 2,
        "body": { "steps": [read("probe")] },
    });
    let mut stage = Stage::start(workflow([again], []));
    for round in 0..2 {
        stage.succeed(&format!("again.{round}.probe"), json!({ "ok": false }));
    }
    assert_eq!(stage.error("again").code, "iterations_exhausted");
    retry(&mut stage).expect("it has failed");
    stage.succeed("again.2.probe", json!({ "ok": true }));
    assert_eq!(stage.output("again")["iterations"], 3);
}

#[test]
fn a_step_can_be_skipped_by_hand_before_its_turn_and_while_it_waits() {
    let document = || {
        workflow(
            [
                json!({ "id": "pause", "kind": "wait", "for_ms": 60_000 }),
                effect("act"),
                read("end"),
            ],
            [edge("pause", "act"), edge("act", "end")],
        )
    };
    let mut stage = Stage::start(document());
    skip(&mut stage, "act").expect("it is still to come");
    assert_eq!(stage.status("act"), StepStatus::Pending);
    skip(&mut stage, "pause").expect("it waits");
    assert_eq!(stage.status("act"), StepStatus::Skipped);
    assert_eq!(called(&stage), ["end"]);
    let reason = stage.step("act").skipped.clone();
    assert!(matches!(reason, Some(SkipReason::ByHand { .. })));
}

#[test]
fn a_failed_step_can_be_skipped_and_the_run_goes_on() {
    let mut stage = Stage::start(workflow([read("a"), read("b")], [edge("a", "b")]));
    stage.fail("a", "broken");
    skip(&mut stage, "a").expect("it has failed");
    assert_eq!(stage.status("b"), StepStatus::InProgress);
    stage.succeed("b", json!(2));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn gates_effects_in_flight_and_ended_steps_are_not_skipped() {
    let document = workflow(
        [read("root"), gate("ask"), effect("act"), read("look")],
        [
            edge("root", "ask"),
            edge("root", "act"),
            edge("root", "look"),
        ],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!(null));
    for step in ["ask", "act", "root"] {
        let refused = skip(&mut stage, step);
        assert!(
            matches!(refused, Err(Rejection::NotSkippable { .. })),
            "{step}: {refused:?}"
        );
    }
    skip(&mut stage, "look").expect("it only looks");
    assert_eq!(stage.stops, ["look"]);
}

#[test]
fn a_refused_skip_leaves_the_failed_run_as_it_was() {
    let document = workflow(
        [read("a"), read("b"), read("c")],
        [when("a", "b", "a.ok"), default("a", "c")],
    );
    let mut stage = Stage::start(document);
    stage.fail("a", "broken");
    let before = stage.state.clone();
    let refused = skip(&mut stage, "a");
    assert!(matches!(refused, Err(Rejection::NotSkippable { .. })));
    assert_eq!(stage.state, before);
    retry(&mut stage).expect("it has failed");
}

#[test]
fn what_waits_for_a_person_is_not_skipped_by_a_way_round() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1], "body": { "steps": [gate("ask")] },
    });
    let document = workflow([read("a"), each], [edge("a", "each")]);
    let mut stage = Stage::start(document);
    let refused = skip(&mut stage, "each");
    assert!(
        matches!(refused, Err(Rejection::NotSkippable { .. })),
        "it holds a gate"
    );

    let document = workflow(
        [read("root"), effect("a"), read("c")],
        [edge("root", "a"), edge("root", "c")],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!(null));
    stage.fail("c", "broken");
    let refused = skip(&mut stage, "a");
    assert!(
        matches!(refused, Err(Rejection::NotSkippable { .. })),
        "it is in doubt"
    );
}

#[test]
fn an_item_that_ended_in_the_turn_of_the_failure_counts_when_the_run_goes_on() {
    let each = json!({
        "id": "each", "kind": "map", "over": "$input.numbers",
        "body": { "steps": [{ "id": "x", "kind": "transform", "set": { "y": "=10 / item" } }] },
    });
    let mut stage = Stage::start_with(workflow([each], []), json!({ "numbers": [1, 0] }));
    assert_eq!(stage.end().0, EndState::Failed);
    skip(&mut stage, "each.1.x").expect("it has failed");
    assert_eq!(stage.end().0, EndState::Completed);
    assert_eq!(stage.output("each")["results"][0], json!({ "y": 10 }));
}

#[test]
fn an_idempotent_call_that_was_stopped_is_asked_about_before_anything_is_undone() {
    let switch = json!({
        "id": "a", "kind": "tool_call", "tool": "t.put", "compensate": { "tool": "t.put" },
    });
    let document = workflow(
        [read("root"), switch, failing("c")],
        [edge("root", "a"), edge("root", "c")],
    );
    let mut stage = Stage::start(document);
    stage.succeed("root", json!(null));
    stage.fail("c", "broken");
    stage.fail("a", "cancelled");
    assert_eq!(stage.status("a"), StepStatus::OutcomeUnknown);
    resolve(&mut stage, "a", Resolution::Happened).expect("it is asked");
    assert_eq!(called(&stage).last(), Some(&"a.undo"));
}

#[test]
fn siblings_of_a_failed_item_are_waited_for_before_anything_is_undone() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2], "body": { "steps": [undoable("a")] },
    });
    let mut document = workflow([each], []);
    document["compensate"] = json!(true);
    let mut stage = Stage::start(document);
    stage.fail("each.0.a", "broken");
    assert_eq!(stage.stops, ["each.1.a"]);
    assert_eq!(stage.run(), RunStatus::Running);
    stage.succeed("each.1.a", json!({ "number": 2 }));
    assert_eq!(called(&stage).last(), Some(&"each.1.a.undo"));
    stage.succeed("each.1.a.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn a_retried_run_waits_for_its_turn_again() {
    let mut document = workflow([read("a")], []);
    document["concurrency"] = json!({ "max": 1 });
    let mut stage = Stage::start(document);
    stage
        .submit(Command::Admit { step: None })
        .expect("it waits");
    stage.fail("a", "broken");
    retry(&mut stage).expect("it has failed");
    assert_eq!(stage.run(), RunStatus::Pending);
    assert_eq!(stage.calls.len(), 1);
    stage
        .submit(Command::Admit { step: None })
        .expect("it waits");
    assert_eq!(stage.calls.len(), 2);
}
