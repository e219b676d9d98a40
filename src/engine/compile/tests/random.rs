//! Random workflows that are wrong in random ways.

use serde_json::{Value, json};

use super::catalogue;
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::{Stock, compiled};
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// A workflow that compiled before one to four things in it were changed.
pub(super) fn broken(chance: &mut Chance) -> (Workflow, Catalogue) {
    let stock = stock();
    loop {
        let (workflow, _) = compiled(chance, &stock);
        let mut document = serde_json::to_value(workflow).expect("it serialises");
        for _ in 0..1 + chance.below(4) {
            spoil(chance, &mut document);
        }
        // What does not parse any more is not broken but something else.
        if let Ok(workflow) = serde_json::from_value(document) {
            return (workflow, stock.catalogue);
        }
    }
}

pub(super) fn stock() -> Stock {
    Stock {
        catalogue: catalogue(),
        tools: vec!["t.read", "t.effect"],
        undo_tools: vec!["t.effect"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    }
}

/// The pointer of a random list of steps or edges: the workflow's, or one in a body.
fn level(chance: &mut Chance, document: &Value) -> String {
    let mut pointer = String::new();
    loop {
        let steps = document.pointer(&format!("{pointer}/steps"));
        let count = steps.and_then(Value::as_array).map_or(0, Vec::len);
        let deeper = format!("{pointer}/steps/{}/body", chance.below(count));
        if chance.percent(60) || document.pointer(&deeper).is_none() {
            return pointer;
        }
        pointer = deeper;
    }
}

fn spoil(chance: &mut Chance, document: &mut Value) {
    let level = level(chance, document);
    let holder = document.pointer_mut(&level).expect("it is there");
    if holder.get("edges").is_none() {
        holder["edges"] = json!([]);
    }
    let steps = holder["steps"].as_array().map_or(0, Vec::len);
    let edges = holder["edges"].as_array().map_or(0, Vec::len);
    if steps == 0 {
        return;
    }
    let id = |holder: &Value, at: usize| holder["steps"][at]["id"].clone();
    let (one, other) = (chance.below(steps), chance.below(steps));
    if chance.percent(45) {
        let (from, to) = (id(holder, one), id(holder, other));
        let at = chance.below(edges);
        let list = holder["edges"].as_array_mut().expect("a list");
        match chance.below(10) {
            0 => list.push(json!({ "from": from, "to": to })),
            1 => list.push(json!({ "from": from, "to": from })),
            2 => list.push(json!({ "from": from, "to": "nowhere" })),
            3 => list.push(json!({ "from": from, "to": to, "default": true })),
            4 => list.push(json!({ "from": from, "to": to, "when": "input.yes = true" })),
            5 => list.push(json!({ "from": from, "to": to, "on": "rejected" })),
            _ if edges == 0 => {}
            6 => drop(list.remove(at)),
            7 => {
                let again = list[at].clone();
                list.push(again);
            }
            8 => list[at]["default"] = json!(true),
            _ => {
                let names = list[at]["to"].as_str().unwrap_or_default();
                list[at]["to"] = json!(format!("{names}x"));
            }
        }
        return;
    }
    let other = id(holder, other);
    let other = other.as_str().unwrap_or_default();
    spoil_step(chance, &mut holder["steps"][one], other);
}

fn spoil_step(chance: &mut Chance, step: &mut Value, other: &str) {
    let fields: &[(&str, Value)] = &[
        ("id", json!("My Step")),
        ("id", json!("input")),
        ("id", json!(other)),
        ("id", json!("größe\u{202e}")),
        ("name", json!("x".repeat(300))),
        ("tool", json!("t.raed")),
        ("tool", json!("t.strict")),
        ("with", json!({ "x": format!("${other}.done") })),
        (
            "with",
            json!({ "deep": [{ "a/b": format!("=size({other}x) > 0") }] }),
        ),
        ("with", json!({ "ulr": 7 })),
        ("with", json!({ "a": "$5 off", "b": "= 1 +" })),
        ("with", json!([])),
        (
            "set",
            json!({ "x": format!("${other}.x"), "y": "$inptu.yes" }),
        ),
        ("rule", json!("all_success")),
        ("rule", json!("one_success")),
        ("timeout_ms", json!(0)),
        ("timeout_ms", json!(u64::MAX)),
        ("timeout_ms", json!("never")),
        (
            "retry",
            json!({ "max_attempts": 0, "base_ms": 9, "cap_ms": 8 }),
        ),
        ("weight", json!(5_000)),
        ("show", json!([other, "plain", "$input..yes"])),
        ("approval", json!({ "approvers": [] })),
        (
            "compensate",
            json!({ "tool": "t.strict", "with": { "url": true } }),
        ),
        (
            "concurrency",
            json!({ "max": 0, "key": format!("${other}") }),
        ),
        ("until", json!("True or nothing")),
        ("expression", json!("siez(input.list) > 0")),
        ("over", json!(7)),
        ("as", json!(other)),
        ("as", json!("The Item")),
        ("max_failed", json!(1)),
        ("max_parallel", json!(0)),
        ("max_iterations", json!(0)),
        ("every_ms", json!(u64::MAX)),
        ("for_ms", json!("$nothing")),
        ("at", json!("2030-01-01T00:00:00Z")),
        ("version", json!(0)),
        ("kind", json!("join")),
        ("kind", json!("parallel")),
        ("kind", json!("condition")),
        ("kind", json!("human_gate")),
        ("kind", json!("wait")),
    ];
    if chance.percent(25) {
        // One of its own fields goes.
        if let Some(fields) = step.as_object_mut() {
            let at = chance.below(fields.len());
            let name = fields.keys().nth(at).cloned().unwrap_or_default();
            if !matches!(name.as_str(), "id" | "kind") {
                fields.shift_remove(&name);
            }
        }
    } else if let Some((field, value)) = chance.pick(fields) {
        step[*field] = value.clone();
    }
}
