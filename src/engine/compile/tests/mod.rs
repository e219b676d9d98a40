//! Every problem that `compile` can report, each with the smallest workflow that has it.

use serde_json::{Value, json};
use std::collections::BTreeSet;

mod random;
mod repairs;
mod wrong;
mod wrong_bodies;
mod wrong_cases;

use super::{compile, compile_saved};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::StepId;
use crate::engine::limits::STEPS_MAX;
use crate::engine::plan::Plan;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::{StepKind, Workflow, slug_of};
use wrong::everything_wrong;

#[test]
fn every_problem_is_reported_with_its_code_and_place() {
    for case in everything_wrong() {
        let problems = problems(&case.workflow);
        let (step, edge, field) = case.place;
        let found = problems.iter().any(|problem| {
            problem.code == case.code
                && problem.step.as_ref().map(StepId::as_str) == step
                && problem.edge == edge
                && problem.field.as_deref() == field
        });
        assert!(
            found,
            "no `{}` at {:?} in {problems:#?}\nof {:#}",
            case.code, case.place, case.workflow
        );
    }
}

#[test]
fn a_workflow_with_one_problem_gets_one_report() {
    // What cannot be reached comes with the circle that is in the way; what is too many comes behind many.
    for case in everything_wrong()
        .into_iter()
        .filter(|case| !matches!(case.code, "unreachable" | "too_many_problems"))
    {
        let problems = problems(&case.workflow);
        assert_eq!(problems.len(), 1, "{}: {problems:#?}", case.code);
    }
}

#[test]
fn a_version_that_was_saved_is_carried_out_also_when_a_rule_has_come_since() {
    let reads = |value: &str| {
        json!({
            "name": "W",
            "steps": [tool("a"), { "id": "b", "kind": "transform", "set": { "x": value } }],
            "edges": [edge("a", "b")],
        })
    };
    let saved = |document: &Value| compile_saved(&parsed(document), &catalogue()).is_ok();
    let later = reads("='extra' in a && a.extra > 1");
    assert_eq!(problems(&later)[0].code, "unknown_path");
    assert!(saved(&later));
    assert!(!saved(&reads("$a.extra")), "what always was a mistake");
}

#[test]
fn every_problem_is_a_sentence_with_an_end() {
    for case in everything_wrong() {
        for problem in problems(&case.workflow) {
            for text in [Some(&problem.message), problem.fix.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(text.ends_with('.'), "{}: {text}", problem.code);
                assert!(!text.ends_with(".."), "{}: {text}", problem.code);
            }
        }
    }
}

/// A new problem needs a case above.
#[test]
fn no_code_is_without_a_case() {
    let sources = [
        include_str!("../mod.rs"),
        include_str!("../bodies.rs"),
        include_str!("../cases.rs"),
        include_str!("../kinds.rs"),
        include_str!("../graph.rs"),
        include_str!("../inputs.rs"),
        include_str!("../references.rs"),
        include_str!("../routes.rs"),
        include_str!("../size.rs"),
        include_str!("../steps.rs"),
    ];
    let quoted = |text: &str| {
        text.trim_start()
            .strip_prefix('"')?
            .split('"')
            .next()
            .map(str::to_owned)
    };
    let mut codes: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| source.split("Diagnostic::new(").skip(1))
        .filter_map(quoted)
        .collect();
    codes.extend(["bad_expression".to_owned(), "bad_value".to_owned()]);
    let tried: BTreeSet<String> = everything_wrong()
        .iter()
        .map(|case| case.code.to_owned())
        .collect();
    assert_eq!(codes, tried);
}

#[test]
fn what_lies_behind_a_cycle_is_named_beside_it() {
    let behind = workflow(
        [tool("a"), tool("b"), tool("c")],
        [edge("a", "b"), edge("b", "a"), edge("b", "c")],
    );
    let codes: Vec<_> = problems(&behind)
        .into_iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(codes, ["cycle", "unreachable"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut bad = workflow(
        [
            json!({ "id": "a", "kind": "tool_call", "tool": "t.none" }),
            transform("b", "$nobody"),
        ],
        [edge("a", "b"), edge("a", "z")],
    );
    bad["name"] = json!("");
    let codes: Vec<_> = problems(&bad)
        .into_iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(
        codes,
        [
            "name_missing",
            "unknown_step",
            "unknown_tool",
            "unknown_reference"
        ]
    );
}

#[test]
fn joins_behind_a_branch_and_gates_on_the_only_way_are_fine() {
    // The gate lies on one branch: whoever takes the other has nothing to clear.
    let branch = workflow(
        [
            condition("a", "true"),
            json!({ "id": "gate", "kind": "human_gate" }),
            tool("b"),
            join("end", "none_failed_min_one_success"),
        ],
        [
            when("a", "gate", "true"),
            default("a", "b"),
            edge("gate", "end"),
            edge("b", "end"),
        ],
    );
    let one_success = {
        let mut workflow = branch.clone();
        workflow["steps"][3]["rule"] = json!("one_success");
        workflow
    };
    // Both answers lead to the join, and nothing else does.
    let both_answers = workflow(
        [
            json!({ "id": "gate", "kind": "human_gate" }),
            tool("publish"),
            tool("note"),
            join("end", "none_failed_min_one_success"),
        ],
        [
            edge("gate", "publish"),
            rejected("gate", "note"),
            edge("publish", "end"),
            edge("note", "end"),
        ],
    );
    for workflow in [branch, one_success, both_answers] {
        assert_eq!(problems(&workflow), []);
    }
}

#[test]
fn a_diamond_has_three_levels() {
    let diamond = workflow(
        [tool("a"), tool("b"), tool("c"), tool("d")],
        [
            edge("a", "b"),
            edge("a", "c"),
            edge("b", "d"),
            edge("c", "d"),
        ],
    );
    assert_eq!(
        plan(&diamond).outline.topological(),
        [(0, 0), (1, 1), (2, 1), (3, 2)]
    );
}

#[test]
fn the_context_of_the_design_is_accepted() {
    let mut flight = workflow(
        [
            json!({ "id": "search_hotels", "kind": "tool_call", "tool": "t.read", "with": { "text": "$context.query" } }),
            json!({ "id": "filter", "kind": "transform", "set": { "list": "$search_hotels.done", "max": 200 } }),
        ],
        [edge("search_hotels", "filter")],
    );
    flight["inputs"] = json!({ "type": "object", "properties": { "query": { "type": "string" } } });
    assert_eq!(problems(&flight), []);
}

#[test]
fn an_approval_becomes_a_gate_before_its_step() {
    let mut order = tool("order");
    order["approval"] = json!({ "message": "Buy?" });
    let plan = plan(&workflow([tool("quote"), order], [edge("quote", "order")]));
    let ids: Vec<_> = plan
        .outline
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.kind))
        .collect();
    let expected = [
        ("quote", StepKind::ToolCall),
        ("order.approval", StepKind::HumanGate),
        ("order", StepKind::ToolCall),
    ];
    assert_eq!(ids, expected);
    let ways: Vec<_> = plan
        .outline
        .edges
        .iter()
        .map(|edge| (edge.from, edge.to))
        .collect();
    assert_eq!(ways, [(1, 2), (0, 1)]);
    assert_eq!(plan.steps[2].approved_by, Some(1));
}

#[test]
fn addresses_are_made_from_names() {
    let slug = |name: &str| {
        slug_of(&Workflow {
            name: name.to_owned(),
            ..Workflow::default()
        })
    };
    assert_eq!(slug("System health check"), "system-health-check");
    assert_eq!(slug("  Ärger & Co.  "), "rger-co");
    assert_eq!(slug("—"), "workflow");
    assert_eq!(slug(&"a".repeat(90)).len(), 64);
}

#[test]
fn a_long_chain_and_a_wide_fan_compile() {
    let ids: Vec<String> = (0..STEPS_MAX).map(|at| format!("s{at}")).collect();
    let chain: Vec<Value> = ids
        .windows(2)
        .map(|pair| edge(&pair[0], &pair[1]))
        .collect();
    let fan: Vec<Value> = ids[1..].iter().map(|id| edge("s0", id)).collect();
    for edges in [chain, fan] {
        let steps: Vec<Value> = ids.iter().map(|id| tool(id)).collect();
        let workflow = json!({ "name": "W", "steps": steps, "edges": edges });
        assert_eq!(plan(&workflow).outline.steps.len(), STEPS_MAX);
    }
}

fn problems(document: &Value) -> Vec<Diagnostic> {
    compile(&parsed(document), &catalogue())
        .err()
        .unwrap_or_default()
}

fn plan(document: &Value) -> Plan {
    compile(&parsed(document), &catalogue()).expect("it compiles")
}

fn parsed(document: &Value) -> Workflow {
    serde_json::from_value(document.clone()).expect("a well-formed document")
}

fn catalogue() -> Catalogue {
    let spec = |name: &str, input_schema: Value| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        input_schema,
        output_schema: json!({ "type": "object", "properties": { "done": { "type": "boolean" } } }),
        effect: EffectClass::Read,
        effect_by: None,
        fails_outside: None,
        default_timeout_ms: 1_000,
        max_parallel: None,
    };
    let url = json!({ "url": { "type": "string" } });
    let strict = json!({ "type": "object", "properties": url, "required": ["url"], "additionalProperties": false });
    Catalogue::new([
        spec("t.read", json!({ "type": "object" })),
        spec("t.strict", strict),
        ToolSpec::plain("t.effect", EffectClass::Effect),
        ToolSpec::web("t.web"),
    ])
}

fn workflow(
    steps: impl IntoIterator<Item = Value>,
    edges: impl IntoIterator<Item = Value>,
) -> Value {
    json!({ "name": "W", "steps": Vec::from_iter(steps), "edges": Vec::from_iter(edges) })
}

fn tool(id: &str) -> Value {
    json!({ "id": id, "kind": "tool_call", "tool": "t.read" })
}

fn strict(with: Value) -> Value {
    workflow(
        [json!({ "id": "a", "kind": "tool_call", "tool": "t.strict", "with": with })],
        [],
    )
}

fn transform(id: &str, value: &str) -> Value {
    json!({ "id": id, "kind": "transform", "set": { "x": value } })
}

fn condition(id: &str, expression: &str) -> Value {
    json!({ "id": id, "kind": "condition", "expression": expression })
}

fn join(id: &str, rule: &str) -> Value {
    json!({ "id": id, "kind": "join", "rule": rule })
}

fn edge(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to })
}

fn when(from: &str, to: &str, condition: &str) -> Value {
    json!({ "from": from, "to": to, "when": condition })
}

fn default(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to, "default": true })
}

fn rejected(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to, "on": "rejected" })
}
