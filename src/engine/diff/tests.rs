//! Every kind of change is reported as exactly that, and nothing is left out.

use serde_json::{Value, json};

use super::{Change, diff};
use crate::engine::ids::StepId;
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::{Stock, compiled};
use crate::engine::rename::rename_step;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

fn parsed(document: &Value) -> Workflow {
    serde_json::from_value(document.clone()).expect("well-formed")
}

fn sentences(old: &Value, new: &Value) -> Vec<String> {
    let changes = diff(&parsed(old), &parsed(new));
    changes.iter().map(Change::to_string).collect()
}

fn document() -> Value {
    json!({
        "name": "W",
        "inputs": { "type": "object", "properties": { "city": { "type": "string" } } },
        "steps": [
            { "id": "a", "kind": "tool_call", "tool": "t.read", "with": { "url": "u", "n": 1 } },
            { "id": "gate", "name": "Publish?", "kind": "human_gate", "show": ["$a.done"] },
            { "id": "each", "kind": "map", "over": [1], "body": {
                "steps": [{ "id": "b", "kind": "transform", "set": { "x": "$a.done" } },
                          { "id": "c", "kind": "tool_call", "tool": "t.effect" }],
                "edges": [{ "from": "b", "to": "c" }] } },
            { "id": "end", "kind": "join" }
        ],
        "edges": [{ "from": "a", "to": "gate", "when": "a.done" }, { "from": "gate", "to": "each" },
                  { "from": "each", "to": "end" }, { "from": "a", "to": "end", "default": true }]
    })
}

#[test]
fn each_change_is_one_plain_sentence() {
    let check = |change: &dyn Fn(&mut Value), expected: &[&str]| {
        let mut new = document();
        change(&mut new);
        assert_eq!(sentences(&document(), &new), expected);
    };
    check(&|_| {}, &[]);
    check(
        &|new| new["steps"][1]["timeout_ms"] = json!(172_800_000),
        &["Step *Publish?* now waits 2 days instead of 30 days."],
    );
    check(
        &|new| new["steps"][1]["timeout_ms"] = json!("never"),
        &["Step *Publish?* now waits for ever instead of 30 days."],
    );
    check(
        &|new| new["steps"][0]["with"]["url"] = json!("v"),
        &["Step *A*: `with.url` is now `\"v\"` instead of `\"u\"`."],
    );
    check(
        &|new| new["steps"][0]["timeout_ms"] = json!(90_000),
        &["Step *A*: `timeout_ms` is new: 90 seconds."],
    );
    check(
        &|new| new["inputs"]["properties"]["town"] = json!({ "type": "string" }),
        &["The workflow: `inputs.properties.town` is new: `{\"type\":\"string\"}`."],
    );
    check(
        &|new| new["max_in_flight"] = json!(3),
        &["The workflow: `max_in_flight` is new: `3`."],
    );
    check(
        &|new| new["edges"][0]["when"] = json!("!a.done"),
        &["The way from `a` to `gate`: `when` is now `\"!a.done\"` instead of `\"a.done\"`."],
    );
    check(
        &|new| new["edges"][1]["on"] = json!("rejected"),
        &["The way from `gate` to `each` after a rejection: `on` is new: `\"rejected\"`."],
    );
    check(
        &|new| drop(new["edges"].as_array_mut().map(|edges| edges.remove(3))),
        &["The way from `a` to `end` was removed."],
    );
    check(
        &|new| new["steps"].as_array_mut().expect("a list").swap(0, 1),
        &["The steps are written in another order."],
    );
    check(
        &|new| new["edges"].as_array_mut().expect("a list").swap(0, 1),
        &["The ways are written in another order."],
    );
}

#[test]
fn steps_that_come_go_move_and_change_their_name_are_told_apart() {
    let mut moved = document();
    let step = moved["steps"][2]["body"]["steps"][1].take();
    moved["steps"][2]["body"] = json!({ "steps": [moved["steps"][2]["body"]["steps"][0]] });
    moved["steps"].as_array_mut().expect("a list").push(step);
    let expected = [
        "Step *C* was moved out of *Each*.",
        "The way from `b` to `c` was removed inside *Each*.",
    ];
    assert_eq!(sentences(&document(), &moved), expected);
    let back = [
        "Step *C* was moved into *Each*.",
        "A way from `b` to `c` was added inside *Each*.",
    ];
    assert_eq!(sentences(&moved, &document()), back);

    let renamed = rename_step(&parsed(&document()), &"a".into(), &"probe".into());
    let renamed = serde_json::to_value(renamed).expect("it serialises");
    let expected = ["Step *Probe* is now called `probe` instead of `a`."];
    assert_eq!(sentences(&document(), &renamed), expected);

    let mut added = document();
    added["steps"]
        .as_array_mut()
        .expect("a list")
        .insert(1, json!({ "id": "n", "kind": "parallel" }));
    assert_eq!(
        sentences(&document(), &added),
        ["Step *N*, several at once, was added."]
    );
    assert_eq!(sentences(&added, &document()), ["Step *N* was removed."]);
}

#[test]
fn swapped_names_are_two_changes_of_names() {
    let steps = |a: &str, b: &str| {
        json!({ "name": "W",
                "steps": [{ "id": a, "kind": "tool_call", "tool": "t.read" },
                          { "id": b, "kind": "transform", "set": { "x": format!("${a}.done") } }],
                "edges": [{ "from": a, "to": b }] })
    };
    let expected = [
        "Step *C* is now called `c` instead of `a`.",
        "Step *D* is now called `d` instead of `b`.",
    ];
    assert_eq!(sentences(&steps("a", "b"), &steps("c", "d")), expected);
}

fn drawn(chance: &mut Chance) -> Workflow {
    let stock = Stock {
        catalogue: Catalogue::new([
            ToolSpec::plain("t.read", EffectClass::Read),
            ToolSpec::plain("t.effect", EffectClass::Effect),
        ]),
        tools: vec!["t.read", "t.effect"],
        undo_tools: vec!["t.effect"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    };
    compiled(chance, &stock).0
}

/// A change of a random workflow, and the kinds of change that are expected.
fn changed(chance: &mut Chance, old: &Workflow) -> (Workflow, &'static str) {
    let mut new = old.clone();
    let at = chance.below(new.steps.len());
    let edge = chance.below(new.edges.len());
    match chance.below(7) {
        0 => {
            let name = StepId::new("another_name");
            (rename_step(old, &old.steps[at].id, &name), "step_renamed")
        }
        1 => {
            new.steps[at].name = Some("Another title".to_owned());
            (new, "step_changed")
        }
        2 => {
            let mut step = new.steps[at].clone();
            step.id = StepId::new("one_more");
            step.body = None;
            new.steps.insert(at, step);
            (new, "step_added")
        }
        3 if new.edges.is_empty() => {
            new.timeout_ms = Some(77);
            (new, "workflow_changed")
        }
        3 => {
            drop(new.edges.remove(edge));
            (new, "edge_removed")
        }
        4 if !new.edges.is_empty() => {
            new.edges[edge].label = Some("another way".to_owned());
            (new, "edge_changed")
        }
        5 if new.steps.len() > 1 && new.steps[at].body.is_none() => {
            drop(new.steps.remove(at));
            (new, "step_removed")
        }
        4..=6 => {
            new.variables.insert("more".to_owned(), json!(1));
            (new, "workflow_changed")
        }
        _ => (new, ""),
    }
}

#[test]
fn a_change_of_a_random_workflow_is_reported_as_exactly_that() {
    for seed in 0..600 {
        let mut chance = Chance::new(seed);
        let old = drawn(&mut chance);
        assert_eq!(diff(&old, &old), []);
        let (new, expected) = changed(&mut chance, &old);
        let changes = serde_json::to_value(diff(&old, &new)).expect("it serialises");
        let back: Vec<Change> = serde_json::from_value(changes.clone()).expect("it reads back");
        assert_eq!(back, diff(&old, &new));
        let kinds: Vec<&str> = changes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|change| change["change"].as_str())
            .collect();
        assert_eq!(kinds, [expected], "seed {seed}: {changes:#}");
    }
}

/// Whatever differs is reported: two workflows that nothing is said about are equal.
#[test]
fn workflows_without_a_difference_are_equal() {
    for seed in 0..400 {
        let mut chance = Chance::new(seed);
        let old = drawn(&mut chance);
        let mut new = old.clone();
        for _ in 0..1 + chance.below(3) {
            new = changed(&mut chance, &new).0;
        }
        for (one, other) in [(&old, &new), (&new, &old), (&old, &drawn(&mut chance))] {
            assert_eq!(diff(one, other).is_empty(), one == other, "seed {seed}");
        }
    }
}

#[test]
fn test_cases_are_told_apart_by_their_names() {
    let with = |cases: Value| json!({ "name": "W", "steps": [{ "id": "a", "kind": "parallel" }], "cases": cases });
    let old = with(json!([{ "name": "stays" }, { "name": "goes" }, { "name": "turns" }]));
    let new = with(json!([
        { "name": "stays" },
        { "name": "turns", "expect": { "state": "failed" } },
        { "name": "comes" },
    ]));
    assert_eq!(
        sentences(&old, &new),
        ["Of the test cases, *turns* is different, *comes* is new, *goes* is gone."]
    );
    let turned = with(json!([{ "name": "turns" }, { "name": "goes" }, { "name": "stays" }]));
    assert_eq!(
        sentences(&old, &turned),
        ["The test cases are written in another order."]
    );
}
