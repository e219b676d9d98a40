//! Maps and loops: a body for each item, or again and again.

use serde_json::{Value, json};

use super::stage::{Stage, default, edge, effect, gate, read, when, with, workflow};
use crate::engine::event::{Decision, EndReason, EndState};
use crate::engine::limits::{ITERATIONS_MAX, STEP_RUNS_MAX};
use crate::engine::state::{RunStatus, StepStatus};

fn body(steps: impl IntoIterator<Item = Value>, edges: impl IntoIterator<Item = Value>) -> Value {
    json!({ "steps": Vec::from_iter(steps), "edges": Vec::from_iter(edges) })
}

fn map(over: Value, body: Value) -> Value {
    json!({ "id": "each", "kind": "map", "over": over, "body": body })
}

fn repeat(until: &str, body: Value) -> Value {
    json!({ "id": "again", "kind": "loop", "until": until, "body": body })
}

fn set(id: &str, value: Value) -> Value {
    json!({ "id": id, "kind": "transform", "set": value })
}

#[test]
fn a_map_does_its_body_for_each_item_and_keeps_the_order() {
    let fetch = with(
        read("fetch"),
        "with",
        json!({ "url": "$item", "at": "$index" }),
    );
    let steps = [map(json!("$input.urls"), body([fetch], [])), read("after")];
    let mut stage = Stage::start_with(
        workflow(steps, [edge("each", "after")]),
        json!({ "urls": ["a", "b", "c"] }),
    );
    let calls: Vec<&str> = stage.calls.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(calls, ["each.0.fetch", "each.1.fetch", "each.2.fetch"]);
    assert_eq!(
        stage.step("each.1.fetch").attempts[0].input,
        json!({ "url": "b", "at": 1 })
    );
    stage.succeed("each.2.fetch", json!("C"));
    stage.succeed("each.0.fetch", json!("A"));
    assert_eq!(stage.step("each").percent, 66);
    assert_eq!(stage.status("after"), StepStatus::Pending);
    stage.succeed("each.1.fetch", json!("B"));
    let output = json!({ "results": ["A", "B", "C"], "succeeded": 3, "failed": 0, "errors": [] });
    assert_eq!(stage.output("each"), output);
    assert_eq!(stage.status("after"), StepStatus::InProgress);
}

#[test]
fn no_more_items_are_under_way_than_the_map_allows() {
    let each = with(
        map(json!("$input.n"), body([read("fetch")], [])),
        "max_parallel",
        json!(2),
    );
    let mut stage = Stage::start_with(workflow([each], []), json!({ "n": [1, 2, 3, 4] }));
    assert_eq!(stage.calls.len(), 2);
    stage.succeed("each.1.fetch", json!(null));
    assert_eq!(stage.calls.last(), Some(&("each.2.fetch".to_owned(), 1)));
    assert_eq!(stage.state.in_flight(), 2);
}

#[test]
fn a_map_over_nothing_is_done_at_once() {
    let each = map(json!([]), body([read("fetch")], []));
    let stage = Stage::start(workflow([each], []));
    assert_eq!(stage.end().0, EndState::Completed);
    assert_eq!(stage.output("each")["results"], json!([]));
}

#[test]
fn what_is_not_a_list_or_too_long_fails_the_map_with_a_sentence() {
    for (over, code) in [
        (json!({ "a": 1 }), "not_a_list"),
        (json!(vec![0; ITERATIONS_MAX + 1]), "too_many_items"),
    ] {
        let each = map(json!("$input.list"), body([read("fetch")], []));
        let stage = Stage::start_with(workflow([each], []), json!({ "list": over }));
        assert_eq!(stage.error("each").code, code);
    }
}

#[test]
fn one_failed_item_fails_the_map_and_stops_the_others() {
    let each = map(
        json!([1, 2, 3]),
        body([read("fetch"), read("then")], [edge("fetch", "then")]),
    );
    let mut stage = Stage::start(workflow([each], []));
    stage.succeed("each.0.fetch", json!(null));
    stage.fail("each.1.fetch", "broken");
    let error = stage.error("each");
    assert_eq!(error.code, "broken");
    assert!(
        error.message.starts_with("item 2: “Fetch”"),
        "{}",
        error.message
    );
    assert_eq!(stage.end().0, EndState::Failed);
    assert_eq!(stage.stops, ["each.0.then", "each.2.fetch"]);
    assert_eq!(stage.status("each.1.then"), StepStatus::Skipped);
    assert_eq!(stage.status("each.2.fetch"), StepStatus::Cancelled);
}

#[test]
fn a_map_that_goes_on_past_failures_lists_them_up_to_its_bound() {
    let each = with(
        map(json!([1, 2, 3]), body([read("fetch")], [])),
        "on_item_error",
        json!("continue"),
    );
    let mut stage = Stage::start(workflow([each.clone()], []));
    stage.fail("each.1.fetch", "broken");
    stage.succeed("each.0.fetch", json!("A"));
    stage.succeed("each.2.fetch", json!("C"));
    let output = stage.output("each");
    assert_eq!(output["results"], json!(["A", null, "C"]));
    assert_eq!(output["errors"][0]["index"], 1);
    assert_eq!(output["errors"][0]["code"], "broken");

    let strict = with(each, "max_failed", json!(1));
    let mut stage = Stage::start(workflow([strict], []));
    stage.fail("each.1.fetch", "broken");
    assert_eq!(stage.run(), RunStatus::Running);
    stage.fail("each.0.fetch", "broken");
    assert_eq!(stage.error("each").code, "broken");
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn a_body_may_branch_ask_and_hold_another_map() {
    let inner = json!({
        "id": "inner", "kind": "map", "over": "$host.disks", "as": "disk",
        "body": { "steps": [set("seen", json!({ "what": "=host.name + '/' + disk" }))] },
    });
    let judge = json!({ "id": "judge", "kind": "condition", "expression": "size(host.disks) > 1" });
    let each = json!({
        "id": "each", "kind": "map", "over": "$input.hosts", "as": "host",
        "body": {
            "steps": [judge, gate("ask"), inner],
            "edges": [when("judge", "ask", "judge.result"), default("judge", "inner")],
        },
    });
    let hosts = json!({ "hosts": [
        { "name": "one", "disks": ["a"] }, { "name": "two", "disks": ["b", "c"] },
    ] });
    let mut stage = Stage::start_with(workflow([each], []), hosts);
    assert_eq!(
        stage.output("each.0.inner.0.seen"),
        json!({ "what": "one/a" })
    );
    assert_eq!(stage.status("each.0.ask"), StepStatus::Skipped);
    assert_eq!(stage.status("each.1.inner"), StepStatus::Skipped);
    assert_eq!(stage.run(), RunStatus::Waiting);
    stage
        .decide("each.1.ask", Decision::Approve)
        .expect("it is open");
    let results = stage.output("each")["results"].clone();
    assert_eq!(
        results[0]["inner"]["results"][0],
        json!({ "what": "one/a" })
    );
    assert_eq!(results[1]["ask"]["by"], "ann");
}

#[test]
fn each_item_has_a_gate_of_its_own() {
    let stage = Stage::start(workflow([map(json!([1, 2]), body([gate("ask")], []))], []));
    let ids = [stage.gate("each.0.ask").id, stage.gate("each.1.ask").id];
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_loop_goes_round_until_its_condition_holds() {
    let probe = with(
        read("probe"),
        "with",
        json!({ "round": "$index", "before": "$previous" }),
    );
    let again = with(
        repeat("probe.ok", body([probe], [])),
        "every_ms",
        json!(1_000),
    );
    let mut stage = Stage::start(workflow([again, read("after")], [edge("again", "after")]));
    assert_eq!(
        stage.step("again.0.probe").attempts[0].input,
        json!({ "round": 0, "before": null })
    );
    stage.succeed("again.0.probe", json!({ "ok": false }));
    assert_eq!(stage.status("again"), StepStatus::WaitingForTimer);
    assert_eq!(stage.run(), RunStatus::Waiting);
    stage.after_ms(999);
    assert_eq!(stage.calls.len(), 1);
    stage.after_ms(1);
    assert_eq!(
        stage.step("again.1.probe").attempts[0].input,
        json!({ "round": 1, "before": { "ok": false } })
    );
    stage.succeed("again.1.probe", json!({ "ok": true }));
    let output = json!({ "result": { "ok": true }, "iterations": 2 });
    assert_eq!(stage.output("again"), output);
    assert_eq!(stage.status("after"), StepStatus::InProgress);
}

#[test]
fn a_loop_that_never_gets_there_fails_after_its_last_round() {
    let count = set(
        "count",
        json!({ "n": "=previous == null ? 1 : previous.n + 1" }),
    );
    let again = with(
        repeat("count.n > 100", body([count], [])),
        "max_iterations",
        json!(50),
    );
    let stage = Stage::start(workflow([again], []));
    let error = stage.error("again");
    assert_eq!(error.code, "iterations_exhausted");
    assert_eq!(
        error.data,
        Some(json!({ "result": { "n": 50 }, "iterations": 50 }))
    );
    assert_eq!(stage.end().1, Some(EndReason::Error));
}

#[test]
fn ten_thousand_rounds_of_pure_steps_are_one_turn_and_no_recursion() {
    let count = set(
        "count",
        json!({ "n": "=previous == null ? 1 : previous.n + 1" }),
    );
    let until = format!("count.n == {ITERATIONS_MAX}");
    let again = with(
        repeat(&until, body([count], [])),
        "max_iterations",
        json!(ITERATIONS_MAX),
    );
    let stage = Stage::start(workflow([again], []));
    assert_eq!(stage.output("again")["iterations"], ITERATIONS_MAX);
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn a_run_that_would_grow_without_end_fails_instead() {
    let list = json!(vec![0; ITERATIONS_MAX]);
    let inner = json!({
        "id": "inner", "kind": "map", "over": list, "body": { "steps": [set("x", json!({}))] },
    });
    let stage = Stage::start(workflow(
        [map(json!([1, 2, 3, 4, 5, 6]), body([inner], []))],
        [],
    ));
    assert_eq!(stage.error("each").code, "run_too_large");
    assert!(stage.state.steps.len() <= STEP_RUNS_MAX);
}

#[test]
fn cancelling_ends_what_a_map_holds_and_waits_for_its_tools() {
    let each = map(
        json!([1, 2]),
        body([read("fetch"), gate("ask")], [edge("fetch", "ask")]),
    );
    let mut stage = Stage::start(workflow([each], []));
    stage.succeed("each.0.fetch", json!(null));
    stage.cancel();
    assert_eq!(stage.stops, ["each.1.fetch"]);
    assert_eq!(stage.run(), RunStatus::Cancelling);
    stage.succeed("each.1.fetch", json!(null));
    assert_eq!(stage.end().0, EndState::Cancelled);
    assert_eq!(stage.status("each"), StepStatus::Cancelled);
    assert_eq!(stage.status("each.1.ask"), StepStatus::Cancelled);
}

#[test]
fn an_effect_in_an_item_is_guarded_by_the_gate_of_that_item() {
    let order = with(effect("order"), "approval", json!({ "message": "Buy?" }));
    let order = with(order, "with", json!({ "symbol": "$item" }));
    let mut stage = Stage::start(workflow([map(json!(["A", "B"]), body([order], []))], []));
    stage
        .decide("each.1.order.approval", Decision::Approve)
        .expect("it is open");
    assert_eq!(stage.calls, [("each.1.order".to_owned(), 1)]);
    let shown = stage.gate("each.0.order.approval").question.action;
    assert_eq!(shown.expect("the action").input, json!({ "symbol": "A" }));
}
