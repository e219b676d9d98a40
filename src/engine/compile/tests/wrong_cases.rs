//! What can be wrong with the test cases of a workflow.

use serde_json::{Value, json};

use super::wrong::{Wrong, wrong};
use super::{edge, tool, workflow};
use crate::engine::bounds::tests::nested;
use crate::engine::limits::{CASE_BYTES_MAX, CASES_MAX, NAME_CHARS_MAX, VALUE_DEPTH_MAX};

/// A call, a gate, something outside, a pure step and a map; with these cases.
fn with_cases(cases: Value) -> Value {
    let ids = ["ask", "outside", "pure", "each"];
    let steps = [
        tool("a"),
        json!({ "id": "ask", "kind": "human_gate" }),
        json!({ "id": "outside", "kind": "external" }),
        json!({ "id": "pure", "kind": "transform", "set": { "x": 1 } }),
        json!({ "id": "each", "kind": "map", "over": [1], "body": { "steps": [tool("inner")] } }),
    ];
    let mut workflow = workflow(steps, ids.map(|id| edge("a", id)));
    workflow["cases"] = cases;
    workflow
}

fn one(given: Value, expect: Value) -> Value {
    with_cases(json!([{ "name": "c", "given": given, "expect": expect }]))
}

fn answers(step: &str, answer: Value) -> Value {
    one(json!({ "steps": { step: answer } }), json!({}))
}

pub(super) fn about_cases() -> Vec<Wrong> {
    let named = |name: &str| with_cases(json!([{ "name": name }]));
    let many: Vec<Value> = (0..=CASES_MAX)
        .map(|at| json!({ "name": format!("c{at}") }))
        .collect();
    let large = "x".repeat(CASE_BYTES_MAX);
    let deep = nested(VALUE_DEPTH_MAX + 1);
    let decision = json!({ "decision": "approve", "by": "ann" });
    vec![
        wrong("too_many_cases", with_cases(json!(many))).field("cases"),
        wrong(
            "duplicate_case_name",
            with_cases(json!([{ "name": "c" }, { "name": "c" }])),
        )
        .field("cases.1.name"),
        wrong("case_name_missing", named(" ")).field("cases.0.name"),
        wrong("case_name_too_long", named(&"x".repeat(NAME_CHARS_MAX + 1))).field("cases.0.name"),
        wrong(
            "case_too_large",
            one(json!({ "input": { "x": large } }), json!({})),
        )
        .field("cases.0"),
        wrong(
            "case_too_large",
            one(json!({ "input": { "x": deep } }), json!({})),
        )
        .field("cases.0.given.input"),
        wrong("case_too_large", one(json!({}), json!({ "output": deep })))
            .field("cases.0.expect.output"),
        wrong("case_too_large", answers("a", json!({ "returns": deep })))
            .at("a")
            .field("cases.0.given.steps.a"),
        wrong("unknown_step", answers("nobody", json!({ "returns": 1 })))
            .at("nobody")
            .field("cases.0.given.steps.nobody"),
        // The path leads through a step that holds no other.
        wrong(
            "unknown_step",
            answers("a.0.inner", json!({ "returns": 1 })),
        )
        .at("a.0.inner")
        .field("cases.0.given.steps.a.0.inner"),
        wrong(
            "unknown_step",
            one(
                json!({ "acts": [{ "do": "skip", "step": "each.x.inner", "by": "ann" }] }),
                json!({}),
            ),
        )
        .at("each.x.inner")
        .field("cases.0.given.acts.0.step"),
        wrong(
            "unknown_step",
            one(
                json!({}),
                json!({ "steps": { "inner.0.each": "completed" } }),
            ),
        )
        .at("inner.0.each")
        .field("cases.0.expect.steps.inner.0.each"),
        wrong(
            "unknown_step",
            one(json!({}), json!({ "calls": { "b": 1 } })),
        )
        .at("b")
        .field("cases.0.expect.calls.b"),
        wrong("bad_case_answer", answers("pure", json!({ "returns": 1 })))
            .at("pure")
            .field("cases.0.given.steps.pure"),
        wrong("bad_case_answer", answers("a", decision.clone()))
            .at("a")
            .field("cases.0.given.steps.a"),
        wrong("bad_case_answer", answers("each.0.inner", decision))
            .at("inner")
            .field("cases.0.given.steps.each.0.inner"),
        wrong("bad_case_answer", answers("ask", json!({ "returns": 1 })))
            .at("ask")
            .field("cases.0.given.steps.ask"),
        wrong(
            "bad_case_answer",
            answers("outside", json!({ "lost": "x" })),
        )
        .at("outside")
        .field("cases.0.given.steps.outside"),
        wrong(
            "bad_case_answer",
            answers("outside", json!({ "fails": { "code": "timeout" } })),
        )
        .at("outside")
        .field("cases.0.given.steps.outside"),
    ]
}
