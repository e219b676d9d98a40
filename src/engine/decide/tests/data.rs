//! How much a run may hold: values, however they come together, end the run before they end the process.

use serde_json::{Value, json};

use super::stage::{Stage, edge, effect, gate, read, with, workflow};
use crate::engine::command::{Effect, RoomOf};
use crate::engine::event::{EndReason, EndState, Recorded};
use crate::engine::limits::{OUTPUT_BYTES_MAX, RUN_VALUE_BYTES_MAX};
use crate::engine::state::{RunState, StepStatus};

fn large() -> String {
    "x".repeat(900_000)
}

fn body(steps: impl IntoIterator<Item = Value>) -> Value {
    json!({ "steps": Vec::from_iter(steps), "edges": [] })
}

fn set(id: &str, value: Value) -> Value {
    json!({ "id": id, "kind": "transform", "set": value })
}

/// An effect that can be undone.
fn undoable(id: &str) -> Value {
    let undo = json!({ "tool": "t.effect", "with": { "all": format!("${id}") } });
    with(effect(id), "compensate", undo)
}

/// Steps that nothing follows, side by side.
fn fan<const N: usize>(ids: [&str; N]) -> Value {
    let split = json!({ "id": "split", "kind": "parallel" });
    let steps = [split].into_iter().chain(ids.map(read));
    workflow(steps, ids.map(|id| edge("split", id)))
}

fn assert_full(stage: &Stage, step: &str) {
    let error = stage.step(step).error.as_ref().expect("it failed");
    assert_eq!(error.code, "too_much_data");
    assert!(error.message.contains("artifacts"), "{}", error.message);
    assert_eq!(stage.end().0, EndState::Failed);
    assert!(stage.state.value_bytes() <= RUN_VALUE_BYTES_MAX + OUTPUT_BYTES_MAX as u64);
}

#[test]
fn a_map_that_copies_a_large_value_fails_its_run_and_not_the_process() {
    let copy = set("copy", json!({ "n": "$index", "all": "$input.large" }));
    let each = json!({ "id": "each", "kind": "map", "over": "$input.n", "body": body([copy]),
        "on_item_error": "continue", "max_failed": 10_000, "on_error": "continue" });
    let input = json!({ "large": large(), "n": Vec::from_iter(0..10_000) });
    let stage = Stage::start_with(workflow([each], []), input);
    // No item after the first for which there is no room, whatever the policies say.
    assert_full(&stage, "each.70.copy");
    assert!(stage.state.frames.len() < 110);
}

#[test]
fn a_loop_that_gathers_large_values_ends_with_a_sentence() {
    let again = json!({ "id": "again", "kind": "loop", "until": "false", "max_iterations": 1_000,
        "body": body([set("grow", json!({ "all": "$input.large", "before": "=index" }))]) });
    let stage = Stage::start_with(workflow([again], []), json!({ "large": large() }));
    assert_full(&stage, "again.70.grow");
}

#[test]
fn what_a_tool_says_counts_and_so_does_what_it_is_called_with() {
    let call = with(read("call"), "with", json!({ "all": "$input.large" }));
    let each = json!({ "id": "each", "kind": "map", "over": "$input.n", "body": body([call]),
        "max_parallel": 1 });
    let input = json!({ "large": large(), "n": Vec::from_iter(0..100) });
    let mut stage = Stage::start_with(workflow([each], []), input);
    for item in 0..35 {
        stage.succeed(&format!("each.{item}.call"), json!(large()));
    }
    assert_full(&stage, "each.35.call");
}

#[test]
fn a_replay_counts_the_same() {
    let each = json!({ "id": "each", "kind": "map", "over": "$input.n", "body": body([set("copy", json!({ "it": "$item" }))]) });
    let input = json!({ "n": ["a", { "b": "c" }, 3.5] });
    let stage = Stage::start_with(workflow([each, gate("ask")], [edge("each", "ask")]), input);
    assert!(stage.state.value_bytes() > 100);
    let events = stage.events.iter().cloned().zip(1..);
    let log: Vec<Recorded> = events
        .map(|(event, seq)| Recorded {
            seq,
            at: stage.now,
            event,
        })
        .collect();
    let replayed = RunState::replay(stage.state.outline.clone(), &log);
    assert_eq!(replayed.value_bytes(), stage.state.value_bytes());
}

#[test]
fn a_full_run_can_still_be_undone() {
    let mut document = workflow(
        [
            undoable("deploy"),
            json!({ "id": "again", "kind": "loop", "until": "false", "max_iterations": 1_000,
        "body": body([set("grow", json!({ "all": "$input.large", "n": "=index" }))]) }),
        ],
        [edge("deploy", "again")],
    );
    document["compensate"] = json!(true);
    let mut stage = Stage::start_with(document, json!({ "large": large() }));
    stage.succeed("deploy", json!(large()));
    assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
    stage.succeed("deploy.undo", json!({}));
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn the_outputs_of_a_workflow_are_bounded_together() {
    let mut stage = Stage::start(fan(["a", "b"]));
    stage.succeed("a", json!(large()));
    stage.succeed("b", json!(large()));
    let end = stage.state.end.clone().expect("it ended");
    assert_eq!(
        (end.state, end.reason),
        (EndState::Failed, Some(EndReason::Error))
    );
    let message = end.message.expect("a sentence");
    assert!(message.contains("artifact"), "{message}");
    assert_eq!(end.output, Value::Null);
}

#[test]
fn a_cancelled_run_leaves_out_what_is_too_large() {
    let mut stage = Stage::start(fan(["a", "b", "c"]));
    stage.succeed("a", json!(large()));
    stage.succeed("b", json!(large()));
    stage.cancel();
    stage.succeed("c", json!(1));
    let end = stage.state.end.clone().expect("it ended");
    assert_eq!((end.state, end.output), (EndState::Cancelled, Value::Null));
    assert!(end.message.expect("a sentence").contains("left out"));
}

#[test]
fn many_references_to_one_value_are_refused_before_they_are_copied() {
    let many = vec!["$input.large"; 1_000];
    let steps = [
        set("copies", json!({ "many": many })),
        with(gate("ask"), "show", json!(many)),
    ];
    for step in steps {
        let id = step["id"].as_str().expect("a name").to_owned();
        let stage = Stage::start_with(workflow([step], []), json!({ "large": large() }));
        let error = stage.step(&id).error.clone().expect("it failed");
        assert!(error.message.contains("larger than"), "{}", error.message);
    }
}

#[test]
fn what_fills_a_run_is_undone_when_a_loop_around_it_says_so() {
    for policy in ["again", "outer"] {
        let grow = set("grow", json!({ "all": "$input.large", "n": "=index" }));
        let mut again = json!({ "id": "again", "kind": "loop", "until": "false",
            "max_iterations": 1_000, "body": body([with(grow, "on_error", json!("continue"))]) });
        let mut outer = json!({ "id": "outer", "kind": "map", "over": [1],
            "on_item_error": "continue", "max_failed": 1 });
        let asks = if policy == "outer" {
            &mut outer
        } else {
            &mut again
        };
        asks["on_error"] = json!("compensate");
        outer["body"] = body([again]);
        let document = workflow([undoable("deploy"), outer], [edge("deploy", "outer")]);
        let mut stage = Stage::start_with(document, json!({ "large": large() }));
        stage.succeed("deploy", json!({ "number": 1 }));
        assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
        stage.succeed("deploy.undo", json!({}));
        assert_full(&stage, "outer.0.again.70.grow");
    }
}

#[test]
fn a_key_that_is_asked_for_is_short_however_long_its_value() {
    let keyed = with(
        read("call"),
        "concurrency",
        json!({ "max": 1, "key": "=input.large + item" }),
    );
    let each =
        json!({ "id": "each", "kind": "map", "over": ["a", "b", "a"], "body": body([keyed]) });
    let stage = Stage::start_with(workflow([each], []), json!({ "large": large() }));
    for event in &stage.events {
        let text = serde_json::to_string(event).expect("JSON");
        let is_start = text.contains("run_started");
        assert!(is_start || text.len() < 1_000, "{} bytes", text.len());
    }
    let keys: Vec<&RoomOf> = stage
        .others
        .iter()
        .flat_map(|effect| match effect {
            Effect::AskForRoom { rooms, .. } => rooms.iter().map(|room| &room.of),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] == keys[2] && keys[0] != keys[1]);
    for key in keys {
        assert!(format!("{key:?}").len() < 1_000, "the room of a large key");
    }
}
