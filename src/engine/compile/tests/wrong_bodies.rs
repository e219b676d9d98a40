//! What can be wrong with maps, loops, waits, and what is done elsewhere.

use serde_json::{Value, json};

use super::wrong::{Wrong, wrong};
use super::{edge, tool, workflow};

/// A workflow of this one step.
fn only(step: Value) -> Value {
    workflow([step], [])
}

fn map(body: Value) -> Value {
    json!({ "id": "each", "kind": "map", "over": "$input.list", "body": body })
}

fn repeat(fields: Value) -> Value {
    let mut step = json!({
        "id": "again", "kind": "loop", "until": "inner.done == true", "body": { "steps": [tool("inner")] },
    });
    if let (Some(step), Value::Object(fields)) = (step.as_object_mut(), fields) {
        step.extend(fields);
    }
    step
}

fn one() -> Value {
    json!({ "steps": [tool("inner")] })
}

pub(super) fn about_bodies() -> Vec<Wrong> {
    let mut cases = about_maps_and_loops();
    cases.extend(about_waits());
    cases.extend(about_what_is_done_elsewhere());
    cases
}

fn about_maps_and_loops() -> Vec<Wrong> {
    let nested = (0..6).fold(json!({ "steps": [tool("inner")] }), |body, depth| {
        json!({ "steps": [{ "id": format!("m{depth}"), "kind": "map", "over": [1], "body": body }] })
    });
    let with = |mut step: Value, field: &str, value: Value| {
        step[field] = value;
        only(step)
    };
    let foreign = json!({ "steps": [tool("inner")], "edges": [edge("outside", "inner")] });
    let reads = |what: &str| json!({ "id": "after", "kind": "transform", "set": { "x": what } });
    let two = |reader: Value| workflow([map(one()), reader], [edge("each", "after")]);
    vec![
        wrong("missing_field", only(map(json!({ "steps": [] }))))
            .at("each")
            .field("body"),
        wrong(
            "missing_field",
            only(json!({ "id": "each", "kind": "map", "body": one() })),
        )
        .at("each")
        .field("over"),
        wrong("bad_value", with(map(one()), "over", json!(5)))
            .at("each")
            .field("over"),
        wrong("bad_number", with(map(one()), "max_parallel", json!(0)))
            .at("each")
            .field("max_parallel"),
        wrong(
            "max_failed_without_continue",
            with(map(one()), "max_failed", json!(2)),
        )
        .at("each")
        .field("max_failed"),
        wrong("bad_value", with(map(one()), "as", json!("inner")))
            .at("each")
            .field("as"),
        wrong("bad_value", with(map(one()), "as", json!("Item 1")))
            .at("each")
            .field("as"),
        wrong(
            "nested_too_deep",
            workflow(nested["steps"].as_array().cloned().unwrap_or_default(), []),
        )
        .at("m0"),
        wrong(
            "unknown_step",
            workflow([tool("outside"), map(foreign)], [edge("outside", "each")]),
        )
        .at("each")
        .on(0)
        .field("from"),
        wrong("not_upstream", two(reads("$inner.x")))
            .at("after")
            .field("set.x"),
        wrong("unknown_path", two(reads("$each.result")))
            .at("after")
            .field("set.x"),
        wrong("unknown_reference", two(reads("$item")))
            .at("after")
            .field("set.x"),
        wrong("unknown_reference", two(reads("$previous")))
            .at("after")
            .field("set.x"),
        wrong("unknown_reference", two(reads("$index")))
            .at("after")
            .field("set.x"),
        wrong(
            "missing_field",
            only(json!({ "id": "again", "kind": "loop", "body": one() })),
        )
        .at("again")
        .field("until"),
        wrong("bad_expression", only(repeat(json!({ "until": "1 +" }))))
            .at("again")
            .field("until"),
        wrong(
            "unknown_reference",
            only(repeat(json!({ "until": "nobody.ok" }))),
        )
        .at("again")
        .field("until"),
        wrong("bad_number", only(repeat(json!({ "max_iterations": 0 }))))
            .at("again")
            .field("max_iterations"),
        wrong("field_not_for_kind", {
            let mut step = tool("a");
            step["body"] = one();
            only(step)
        })
        .at("a")
        .field("body"),
    ]
}

fn about_waits() -> Vec<Wrong> {
    let wait = |fields: Value| {
        let mut step = json!({ "id": "pause", "kind": "wait" });
        if let (Some(step), Value::Object(fields)) = (step.as_object_mut(), fields) {
            step.extend(fields);
        }
        only(step)
    };
    vec![
        wrong("wait_for_what", wait(json!({}))).at("pause"),
        wrong(
            "wait_for_what",
            wait(json!({ "for_ms": 5, "at": "$input.at" })),
        )
        .at("pause"),
        wrong("bad_value", wait(json!({ "for_ms": 5, "every_ms": 7 })))
            .at("pause")
            .field("every_ms"),
        wrong("missing_field", wait(json!({ "tool": "t.read" })))
            .at("pause")
            .field("until"),
        wrong(
            "bad_number",
            wait(json!({ "tool": "t.read", "until": "result.ok", "every_ms": 1 })),
        )
        .at("pause")
        .field("every_ms"),
        wrong(
            "poll_changes_world",
            wait(json!({ "tool": "t.effect", "until": "result.ok" })),
        )
        .at("pause")
        .field("tool"),
        wrong("bad_value", {
            let mut step = tool("a");
            step["timeout_ms"] = json!("never");
            only(step)
        })
        .at("a")
        .field("timeout_ms"),
    ]
}

fn about_what_is_done_elsewhere() -> Vec<Wrong> {
    let limited = |limit: Value| {
        let mut workflow = only(tool("a"));
        workflow["concurrency"] = limit;
        workflow
    };
    let undone = |undo: Value| {
        let mut step = tool("a");
        step["compensate"] = undo;
        only(step)
    };
    vec![
        wrong(
            "missing_field",
            only(json!({ "id": "sub", "kind": "subworkflow" })),
        )
        .at("sub")
        .field("workflow"),
        wrong(
            "bad_number",
            only(json!({ "id": "sub", "kind": "subworkflow", "workflow": "w", "version": 0 })),
        )
        .at("sub")
        .field("version"),
        wrong(
            "bad_value",
            only(json!({ "id": "out", "kind": "external", "with": 5 })),
        )
        .at("out")
        .field("with"),
        wrong("bad_number", limited(json!({ "max": 0 }))).field("concurrency.max"),
        wrong("bad_value", limited(json!({ "max": 1, "key": "$a.x" }))).field("concurrency.key"),
        wrong("unknown_tool", undone(json!({ "tool": "t.none" })))
            .at("a")
            .field("compensate.tool"),
        wrong(
            "unknown_reference",
            undone(json!({ "tool": "t.read", "with": { "x": "$nobody.x" } })),
        )
        .at("a")
        .field("compensate.with.x"),
        wrong(
            "bad_number",
            undone(json!({ "tool": "t.read", "retry": { "max_attempts": 0 } })),
        )
        .at("a")
        .field("compensate.retry.max_attempts"),
    ]
}
