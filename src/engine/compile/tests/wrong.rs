//! Each way in which a workflow can be wrong, with the smallest workflow that is.

use serde_json::{Value, json};

use super::{condition, default, edge, join, rejected, strict, tool, transform, when, workflow};
use crate::engine::limits::{
    DEFINITION_BYTES_MAX, EDGES_MAX, NAME_CHARS_MAX, PROBLEMS_MAX, STEPS_MAX,
};

/// A workflow that has one problem, and where it is expected to be found.
pub(super) struct Wrong {
    pub code: &'static str,
    pub workflow: Value,
    /// The step, the edge and the field that the report names.
    pub place: (Option<&'static str>, Option<usize>, Option<&'static str>),
}

pub(super) fn wrong(code: &'static str, workflow: Value) -> Wrong {
    Wrong {
        code,
        workflow,
        place: (None, None, None),
    }
}

impl Wrong {
    pub(super) fn at(mut self, step: &'static str) -> Self {
        self.place.0 = Some(step);
        self
    }

    pub(super) fn on(mut self, edge: usize) -> Self {
        self.place.1 = Some(edge);
        self
    }

    pub(super) fn field(mut self, field: &'static str) -> Self {
        self.place.2 = Some(field);
        self
    }
}

pub(super) fn everything_wrong() -> Vec<Wrong> {
    [
        about_the_whole(),
        about_steps(),
        about_the_shape(),
        about_references(),
        about_gates(),
        super::wrong_bodies::about_bodies(),
        super::wrong_cases::about_cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn about_the_whole() -> Vec<Wrong> {
    let long = "x".repeat(NAME_CHARS_MAX + 1);
    let many: Vec<Value> = (0..=STEPS_MAX).map(|at| tool(&format!("s{at}"))).collect();
    let dense = vec![json!({ "from": "a", "to": "b" }); EDGES_MAX + 1];
    let with = |field: &str, value: Value| {
        let mut workflow = workflow([tool("a")], []);
        workflow[field] = value;
        workflow
    };
    let schema = |schema: Value| with("inputs", schema);
    vec![
        wrong("name_missing", with("name", json!("  "))).field("name"),
        wrong("name_too_long", with("name", json!(long))).field("name"),
        wrong("no_steps", workflow([], [])).field("steps"),
        wrong("too_large", json!({ "name": "W", "steps": many })),
        wrong(
            "too_large",
            json!({ "name": "W", "steps": [tool("a"), tool("b")], "edges": dense }),
        ),
        wrong(
            "too_large",
            with("description", json!("x".repeat(DEFINITION_BYTES_MAX))),
        ),
        wrong(
            "too_many_problems",
            json!({ "name": "W", "steps": many[..PROBLEMS_MAX + 2] }),
        ),
        wrong("bad_number", with("timeout_ms", json!(0))).field("timeout_ms"),
        wrong("bad_number", with("timeout_ms", json!(u64::MAX))).field("timeout_ms"),
        wrong("bad_number", with("max_in_flight", json!(0))).field("max_in_flight"),
        wrong("bad_input_schema", schema(json!({ "type": "string" }))).field("inputs"),
        wrong(
            "bad_input_schema",
            schema(json!({ "type": "object", "properties": { "a": 1 } })),
        )
        .field("inputs"),
        wrong(
            "bad_input_schema",
            schema(json!({ "type": "object", "required": ["a"] })),
        )
        .field("inputs.required.0"),
    ]
}

fn about_steps() -> Vec<Wrong> {
    let one = |step: Value| workflow([step], []);
    let with = |field: &str, value: Value| {
        let mut step = tool("a");
        step[field] = value;
        one(step)
    };
    let step = |kind: &str, field: &str, value: Value| {
        one(json!({ "id": "a", "kind": kind, field: value }))
    };
    let retry = |max: u32, base: u64, cap: u64| {
        with(
            "retry",
            json!({ "max_attempts": max, "base_ms": base, "cap_ms": cap }),
        )
    };
    let long = "x".repeat(NAME_CHARS_MAX + 1);
    vec![
        wrong("bad_step_id", one(tool("Upper")))
            .at("Upper")
            .field("id"),
        wrong("bad_step_id", one(tool(""))).at("").field("id"),
        wrong("reserved_step_id", one(tool("input")))
            .at("input")
            .field("id"),
        wrong("reserved_step_id", one(tool("if")))
            .at("if")
            .field("id"),
        wrong("duplicate_step_id", workflow([tool("a"), tool("a")], []))
            .at("a")
            .field("id"),
        wrong("name_too_long", with("name", json!(long)))
            .at("a")
            .field("name"),
        wrong(
            "missing_field",
            one(json!({ "id": "a", "kind": "tool_call" })),
        )
        .at("a")
        .field("tool"),
        wrong(
            "missing_field",
            one(json!({ "id": "a", "kind": "transform" })),
        )
        .at("a")
        .field("set"),
        wrong("missing_field", with("tool", json!("t.strict")))
            .at("a")
            .field("with.url"),
        wrong("unknown_tool", with("tool", json!("t.none")))
            .at("a")
            .field("tool"),
        wrong("unknown_field", strict(json!({ "url": "u", "tpyo": 1 })))
            .at("a")
            .field("with.tpyo"),
        wrong("wrong_type", strict(json!({ "url": 7 })))
            .at("a")
            .field("with.url"),
        wrong(
            "wrong_range",
            one(json!({ "id": "a", "kind": "tool_call", "tool": "t.web", "with": { "expect_status": ["2xx"] } })),
        )
        .at("a")
        .field("with.expect_status"),
        wrong("bad_value", with("with", json!([1])))
            .at("a")
            .field("with"),
        wrong("bad_value", with("with", json!({ "a": "$" })))
            .at("a")
            .field("with.a"),
        wrong("bad_value", with("with", json!({ "a": "= 1 +" })))
            .at("a")
            .field("with.a"),
        wrong(
            "bad_value",
            step("transform", "set", json!({ "a": "$input..b" })),
        )
        .at("a")
        .field("set.a"),
        wrong("field_not_for_kind", with("rule", json!("all_done")))
            .at("a")
            .field("rule"),
        wrong("field_not_for_kind", with("show", json!(["$input"])))
            .at("a")
            .field("show"),
        wrong("bad_number", with("timeout_ms", json!(0)))
            .at("a")
            .field("timeout_ms"),
        wrong("bad_number", with("weight", json!(1_001)))
            .at("a")
            .field("weight"),
        wrong("bad_number", retry(0, 1, 1))
            .at("a")
            .field("retry.max_attempts"),
        wrong("bad_number", retry(101, 1, 1))
            .at("a")
            .field("retry.max_attempts"),
        wrong("bad_number", retry(2, 9, 8))
            .at("a")
            .field("retry.base_ms"),
        wrong("bad_number", retry(2, 0, u64::MAX))
            .at("a")
            .field("retry.cap_ms"),
    ]
}

fn about_the_shape() -> Vec<Wrong> {
    let abc = || [tool("a"), tool("b"), tool("c")];
    let mut both = edge("a", "b");
    both["when"] = json!("true");
    both["default"] = json!(true);
    let fork = |edges: Vec<Value>| workflow([condition("a", "true"), tool("b"), tool("c")], edges);
    vec![
        wrong("unknown_step", workflow([tool("a")], [edge("a", "none")]))
            .on(0)
            .field("to"),
        wrong("unknown_step", workflow([tool("a")], [edge("none", "a")]))
            .on(0)
            .field("from"),
        wrong(
            "duplicate_edge",
            workflow([tool("a"), tool("b")], [edge("a", "b"), edge("a", "b")]),
        )
        .on(1),
        wrong(
            "default_with_when",
            workflow([condition("a", "true"), tool("b")], [both]),
        )
        .on(0),
        wrong(
            "on_without_gate",
            workflow([tool("a"), tool("b")], [rejected("a", "b")]),
        )
        .on(0)
        .field("on"),
        wrong(
            "two_defaults",
            workflow(
                [condition("a", "true"), tool("b"), tool("c"), tool("d")],
                [when("a", "b", "true"), default("a", "c"), default("a", "d")],
            ),
        )
        .at("a"),
        wrong(
            "default_without_when",
            workflow([tool("a"), tool("b")], [default("a", "b")]),
        )
        .at("a"),
        wrong(
            "no_default_branch",
            fork(vec![when("a", "b", "true"), when("a", "c", "false")]),
        )
        .at("a"),
        wrong(
            "no_default_branch",
            fork(vec![edge("a", "b"), edge("a", "c")]),
        )
        .at("a"),
        wrong(
            "parallel_needs_two",
            workflow(
                [json!({ "id": "a", "kind": "parallel" }), tool("b")],
                [edge("a", "b")],
            ),
        )
        .at("a"),
        wrong(
            "join_needs_two",
            workflow([tool("a"), join("b", "all_done")], [edge("a", "b")]),
        )
        .at("b"),
        wrong("isolated_step", workflow(abc(), [edge("a", "b")])).at("c"),
        wrong(
            "disjoint_graph",
            workflow(
                [tool("a"), tool("b"), tool("c"), tool("d"), tool("e")],
                [edge("a", "b"), edge("b", "c"), edge("d", "e")],
            ),
        )
        .at("d"),
        // A step that leads to itself is a cycle and nothing else.
        wrong("cycle", workflow([tool("a")], [edge("a", "a")]))
            .at("a")
            .on(0),
        wrong(
            "cycle",
            workflow(abc(), [edge("a", "b"), edge("b", "c"), edge("c", "a")]),
        )
        .at("a")
        .on(2),
    ]
}

fn about_references() -> Vec<Wrong> {
    let reads = |text: &str| {
        let mut workflow = workflow(
            [tool("a"), transform("b", text), tool("c")],
            [edge("a", "b"), edge("b", "c")],
        );
        workflow["inputs"] =
            json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        workflow["variables"] = json!({ "limit": 200 });
        workflow
    };
    let branch = |expression: &str| {
        workflow(
            [condition("a", expression), tool("b"), tool("c")],
            [when("a", "b", "true"), default("a", "c")],
        )
    };
    vec![
        wrong("unknown_reference", reads("$nobody.x"))
            .at("b")
            .field("set.x"),
        wrong("unknown_reference", reads("= nobody.x + 1"))
            .at("b")
            .field("set.x"),
        wrong("not_upstream", reads("$c.done"))
            .at("b")
            .field("set.x"),
        wrong("not_upstream", reads("$b.x")).at("b").field("set.x"),
        wrong("unknown_path", reads("$input.town"))
            .at("b")
            .field("set.x"),
        wrong("unknown_path", reads("$context.town"))
            .at("b")
            .field("set.x"),
        wrong("unknown_path", reads("$a.hotels"))
            .at("b")
            .field("set.x"),
        wrong("unknown_path", reads("=size(a.hotels) > 0"))
            .at("b")
            .field("set.x"),
        wrong(
            "missing_field",
            workflow(
                [
                    json!({ "id": "a", "kind": "condition" }),
                    tool("b"),
                    tool("c"),
                ],
                [when("a", "b", "true"), default("a", "c")],
            ),
        )
        .at("a")
        .field("expression"),
        wrong("bad_expression", branch("1 +"))
            .at("a")
            .field("expression"),
        wrong(
            "bad_expression",
            workflow(
                [condition("a", "true"), tool("b"), tool("c")],
                [when("a", "b", "== 1"), default("a", "c")],
            ),
        )
        .on(0)
        .field("when"),
        wrong("unknown_reference", branch("nobody.x > 1"))
            .at("a")
            .field("expression"),
        wrong(
            "not_upstream",
            workflow(
                [condition("a", "true"), tool("b"), tool("c")],
                [when("a", "b", "c.done"), default("a", "c")],
            ),
        )
        .on(0)
        .field("when"),
    ]
}

fn about_gates() -> Vec<Wrong> {
    let gate = |field: &str, value: Value| {
        workflow(
            [json!({ "id": "a", "kind": "human_gate", field: value })],
            [],
        )
    };
    let mut approved = tool("a");
    approved["approval"] = json!({ "approvers": [] });
    // a → gate → end and a → end: the join does not need the gate.
    let past = |rule: &str, on_error: &str| {
        workflow(
            [
                tool("a"),
                json!({ "id": "gate", "kind": "human_gate", "on_error": on_error }),
                tool("b"),
                join("end", rule),
            ],
            [
                edge("a", "gate"),
                edge("a", "b"),
                edge("gate", "end"),
                edge("b", "end"),
            ],
        )
    };
    // As above, and the answer "rejected" leads somewhere too, so that what is behind the gate is skipped.
    let past_answered = |rule: &str| {
        let mut workflow = past(rule, "fail");
        workflow["steps"]
            .as_array_mut()
            .expect("a list")
            .push(tool("note"));
        workflow["edges"]
            .as_array_mut()
            .expect("a list")
            .push(rejected("gate", "note"));
        workflow
    };
    vec![
        wrong("gate_without_approvers", gate("approvers", json!([])))
            .at("a")
            .field("approvers"),
        wrong("gate_without_approvers", gate("approvers", json!([" "])))
            .at("a")
            .field("approvers"),
        wrong("gate_without_approvers", workflow([approved], []))
            .at("a")
            .field("approval.approvers"),
        wrong("bad_value", gate("show", json!(["plain"])))
            .at("a")
            .field("show.0"),
        wrong("bad_number", gate("timeout_ms", json!(0)))
            .at("a")
            .field("timeout_ms"),
        wrong("field_not_for_kind", gate("approval", json!({})))
            .at("a")
            .field("approval"),
        wrong("gate_bypassed", past("one_success", "fail"))
            .at("end")
            .field("rule"),
        wrong("gate_bypassed", past("all_done", "continue"))
            .at("end")
            .field("rule"),
        wrong(
            "gate_bypassed",
            past_answered("none_failed_min_one_success"),
        )
        .at("end")
        .field("rule"),
        wrong("gate_bypassed", past_answered("all_done"))
            .at("end")
            .field("rule"),
        // Both ways out of one fork, joined by a step that wants all of them.
        wrong(
            "never_runs",
            workflow(
                [condition("a", "true"), tool("b"), tool("c"), tool("d")],
                [
                    when("a", "b", "true"),
                    default("a", "c"),
                    edge("b", "d"),
                    edge("c", "d"),
                ],
            ),
        )
        .at("d"),
        wrong(
            "unreachable",
            workflow(
                [tool("a"), tool("b"), tool("c")],
                [edge("a", "b"), edge("b", "a"), edge("b", "c")],
            ),
        )
        .at("c"),
    ]
}
