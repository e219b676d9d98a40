//! Random workflows that compile.

use serde_json::{Map, Value, json};

use super::chance::Chance;
use crate::engine::compile::compile;
use crate::engine::plan::Plan;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

const STEPS_MAX: usize = 10;

/// Draws until one compiles: most do.
pub(super) fn compiled(chance: &mut Chance) -> Plan {
    for _ in 0..200 {
        let document = draw(chance);
        let workflow: Workflow =
            serde_json::from_value(document).expect("the generator writes well-formed documents");
        if let Ok(plan) = compile(&workflow, &catalogue()) {
            return plan;
        }
    }
    panic!("two hundred workflows in a row did not compile: the generator has gone wrong");
}

fn catalogue() -> Catalogue {
    Catalogue::new([
        ToolSpec::plain("t.read", EffectClass::Read),
        ToolSpec::plain("t.effect", EffectClass::Effect),
    ])
}

fn draw(chance: &mut Chance) -> Value {
    let count = 1 + chance.below(STEPS_MAX);
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for to in 1..count {
        for _ in 0..1 + chance.below(2) {
            let edge = (chance.below(to), to);
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        }
    }
    let fan = |step: usize| {
        let outgoing = edges.iter().filter(|(from, _)| *from == step).count();
        (edges.iter().filter(|(_, to)| *to == step).count(), outgoing)
    };
    let steps: Vec<Value> = (0..count)
        .map(|at| draw_step(chance, at, fan(at)))
        .collect();
    let edges: Vec<Value> = draw_edges(chance, &steps, &edges);
    let mut workflow = json!({ "name": "Random", "steps": steps, "edges": edges });
    if chance.percent(30) {
        workflow["max_in_flight"] = json!(1 + chance.below(2));
    }
    if chance.percent(10) {
        workflow["timeout_ms"] = json!(1 + chance.below(20_000));
    }
    workflow
}

fn draw_step(chance: &mut Chance, at: usize, (incoming, outgoing): (usize, usize)) -> Value {
    let mut step = Map::new();
    let mut set = |name: &str, value: Value| step.insert(name.to_owned(), value);
    set("id", json!(format!("s{at}")));
    let kind = match chance.below(10) {
        0 | 1 if incoming >= 2 => "join",
        0 if outgoing >= 2 => "parallel",
        1 | 2 if outgoing >= 2 => "condition",
        3 | 4 => "human_gate",
        5 => "transform",
        _ => "tool_call",
    };
    set("kind", json!(kind));
    match kind {
        "join" => {
            let rules = [
                "all_success",
                "none_failed_min_one_success",
                "all_done",
                "one_success",
            ];
            set("rule", json!(rules[chance.below(rules.len())]));
        }
        "condition" => {
            set(
                "expression",
                json!(if chance.percent(50) {
                    "input.yes"
                } else {
                    "!input.yes"
                }),
            );
        }
        "transform" => {
            // Now and then a binding that finds nothing, which is an error of the step.
            set(
                "set",
                json!({ "x": if chance.percent(90) { "$input.yes" } else { "$input.nothing" } }),
            );
        }
        "tool_call" => {
            set(
                "tool",
                json!(if chance.percent(60) {
                    "t.read"
                } else {
                    "t.effect"
                }),
            );
            if chance.percent(40) {
                set(
                    "retry",
                    json!({ "max_attempts": 1 + chance.below(4), "base_ms": 100, "cap_ms": 1_000, "no_retry": ["final"] }),
                );
            }
        }
        _ => {}
    }
    if matches!(kind, "tool_call" | "human_gate") && chance.percent(40) {
        set("timeout_ms", json!(1 + chance.below(3_000)));
    }
    if kind != "human_gate" && chance.percent(12) {
        set("approval", json!({ "message": "May it?" }));
    }
    if chance.percent(40) {
        set("on_error", json!("continue"));
    }
    Value::Object(step)
}

fn draw_edges(chance: &mut Chance, steps: &[Value], edges: &[(usize, usize)]) -> Vec<Value> {
    let mut drawn: Vec<Value> = Vec::new();
    for (from, step) in steps.iter().enumerate() {
        let leaving: Vec<usize> = edges
            .iter()
            .filter(|(source, _)| *source == from)
            .map(|(_, to)| *to)
            .collect();
        let branches = step["kind"] == "condition" || (leaving.len() >= 2 && chance.percent(20));
        let rejects = step["kind"] == "human_gate" && leaving.len() >= 2 && chance.percent(40);
        for (at, to) in leaving.iter().enumerate() {
            let mut edge = json!({ "from": format!("s{from}"), "to": format!("s{to}") });
            match (branches, rejects, at) {
                (_, true, 0) => edge["on"] = json!("rejected"),
                (true, false, 0) => edge["default"] = json!(true),
                (true, false, _) => {
                    edge["when"] = json!(if chance.percent(50) {
                        "input.yes"
                    } else {
                        "!input.yes"
                    })
                }
                (_, true, _) | (false, false, _) => {}
            }
            drawn.push(edge);
        }
    }
    drawn
}
