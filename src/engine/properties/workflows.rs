//! Random workflows that compile: every kind of step, maps and loops inside each other, limits and undoing.

use serde_json::{Map, Value, json};

use super::chance::Chance;
use crate::engine::compile::compile;
use crate::engine::plan::Plan;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

const STEPS_MAX: usize = 9;
/// How deep maps and loops nest here.
const DEPTH_MAX: usize = 2;

/// What random workflows are made of.
pub(crate) struct Stock {
    pub catalogue: Catalogue,
    /// Names of tools; one that is here twice is drawn twice as often.
    pub tools: Vec<&'static str>,
    /// For what undoes a step.
    pub undo_tools: Vec<&'static str>,
    /// Asked again and again by waiting steps; its answer has a number `ok`.
    pub asked: &'static str,
    /// Slugs of workflows that can be run as steps.
    pub workflows: Vec<String>,
}

/// Draws until one compiles: most do.
pub(crate) fn compiled(chance: &mut Chance, stock: &Stock) -> (Workflow, Plan) {
    for _ in 0..200 {
        let mut drawing = Drawing {
            chance,
            stock,
            made: 0,
        };
        let document = drawing.workflow();
        let workflow: Workflow =
            serde_json::from_value(document).expect("the generator writes well-formed documents");
        if let Ok(plan) = compile(&workflow, &stock.catalogue) {
            return (workflow, plan);
        }
    }
    panic!("two hundred workflows in a row did not compile: the generator has gone wrong");
}

struct Drawing<'a> {
    chance: &'a mut Chance,
    stock: &'a Stock,
    /// Steps so far, so that ids differ over all bodies.
    made: usize,
}

impl Drawing<'_> {
    fn workflow(&mut self) -> Value {
        let count = 1 + self.chance.below(STEPS_MAX);
        let mut workflow = self.body(count, 0);
        workflow["name"] = json!("Random");
        if self.chance.percent(30) {
            workflow["max_in_flight"] = json!(1 + self.chance.below(2));
        }
        if self.chance.percent(10) {
            workflow["timeout_ms"] = json!(1 + self.chance.below(20_000));
        }
        if self.chance.percent(15) {
            workflow["compensate"] = json!(true);
        }
        if self.chance.percent(10) {
            workflow["concurrency"] = json!({ "max": 1 });
        }
        workflow
    }

    /// Steps and the edges between them.
    fn body(&mut self, count: usize, depth: usize) -> Value {
        let first = self.made;
        self.made += count;
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for to in 1..count {
            for _ in 0..1 + self.chance.below(2) {
                let edge = (self.chance.below(to), to);
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
            .map(|at| self.step(first + at, fan(at), depth))
            .collect();
        let edges = draw_edges(self.chance, &steps, &edges, first);
        json!({ "steps": steps, "edges": edges })
    }

    fn step(&mut self, at: usize, (incoming, outgoing): (usize, usize), depth: usize) -> Value {
        let mut step = Map::new();
        step.insert("id".to_owned(), json!(format!("s{at}")));
        let kind = match self.chance.below(16) {
            0 | 1 if incoming >= 2 => "join",
            0 if outgoing >= 2 => "parallel",
            1 | 2 if outgoing >= 2 => "condition",
            3 | 4 => "human_gate",
            5 => "transform",
            6 if depth < DEPTH_MAX => "map",
            7 if depth < DEPTH_MAX => "loop",
            8 => "wait",
            9 if !self.stock.workflows.is_empty() => "subworkflow",
            10 => "external",
            _ => "tool_call",
        };
        step.insert("kind".to_owned(), json!(kind));
        step.extend(self.fields_of(kind, depth));
        if matches!(
            kind,
            "tool_call" | "human_gate" | "external" | "subworkflow"
        ) && self.chance.percent(40)
        {
            step.insert("timeout_ms".to_owned(), json!(1 + self.chance.below(3_000)));
        }
        if kind != "human_gate" && self.chance.percent(12) {
            step.insert("approval".to_owned(), json!({ "message": "May it?" }));
        }
        let policy = match self.chance.below(10) {
            0..4 => Some("continue"),
            4 => Some("compensate"),
            _ => None,
        };
        if let Some(policy) = policy {
            step.insert("on_error".to_owned(), json!(policy));
        }
        Value::Object(step)
    }

    fn fields_of(&mut self, kind: &str, depth: usize) -> Map<String, Value> {
        let fields = match kind {
            "join" => {
                let rules = [
                    "all_success",
                    "none_failed_min_one_success",
                    "all_done",
                    "one_success",
                ];
                json!({ "rule": rules[self.chance.below(rules.len())] })
            }
            "condition" => {
                json!({ "expression": if self.chance.percent(50) { "input.yes" } else { "!input.yes" } })
            }
            // Now and then a binding that finds nothing, which is an error of the step.
            "transform" => {
                json!({ "set": { "x": if self.chance.percent(90) { "$input.yes" } else { "$input.nothing" } } })
            }
            "map" => self.map(depth),
            "loop" => {
                let count = 1 + self.chance.below(2);
                json!({
                    "until": if self.chance.percent(80) { "index >= 1" } else { "index >= 9" },
                    "max_iterations": 1 + self.chance.below(3),
                    "every_ms": self.chance.below(2) * 700,
                    "body": self.body(count, depth + 1),
                })
            }
            "wait" if self.chance.percent(50) => json!({ "for_ms": self.chance.below(3_000) }),
            "wait" => {
                json!({ "tool": self.stock.asked, "until": "result.ok >= 2", "every_ms": 300, "timeout_ms": 2_000 })
            }
            "subworkflow" => {
                let known = &self.stock.workflows;
                let workflow = &known[self.chance.below(known.len())];
                json!({ "workflow": workflow, "version": 1, "with": { "yes": "$input.yes" } })
            }
            "tool_call" => self.call(),
            _ => json!({}),
        };
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn map(&mut self, depth: usize) -> Value {
        let count = 1 + self.chance.below(3);
        let items: Vec<usize> = (0..self.chance.below(4)).collect();
        let mut fields = json!({ "over": items, "body": self.body(count, depth + 1) });
        if self.chance.percent(40) {
            fields["max_parallel"] = json!(1 + self.chance.below(2));
        }
        if self.chance.percent(50) {
            fields["on_item_error"] = json!("continue");
            if self.chance.percent(40) {
                fields["max_failed"] = json!(self.chance.below(2));
            }
        }
        fields
    }

    fn call(&mut self) -> Value {
        let tools = &self.stock.tools;
        let tool = tools[self.chance.below(tools.len())];
        let mut fields = json!({ "tool": tool });
        let retry = |attempts: usize| json!({ "max_attempts": attempts, "base_ms": 100, "cap_ms": 1_000, "no_retry": ["final"] });
        if self.chance.percent(40) {
            fields["retry"] = retry(1 + self.chance.below(4));
        }
        if self.chance.percent(25) {
            let tools = &self.stock.undo_tools;
            let tool = tools[self.chance.below(tools.len())];
            fields["compensate"] =
                json!({ "tool": tool, "retry": retry(1 + self.chance.below(2)) });
        }
        if self.chance.percent(15) {
            fields["concurrency"] = json!({ "max": 1, "key": "db" });
        }
        fields
    }
}

fn draw_edges(
    chance: &mut Chance,
    steps: &[Value],
    edges: &[(usize, usize)],
    first: usize,
) -> Vec<Value> {
    let mut drawn: Vec<Value> = Vec::new();
    for (from, step) in steps.iter().enumerate() {
        let leaving: Vec<usize> = edges
            .iter()
            .filter(|(source, _)| *source == from)
            .map(|(_, to)| *to)
            .collect();
        let branches = step["kind"] == "condition" || (leaving.len() >= 2 && chance.percent(20));
        let rejects = step["kind"] == "human_gate" && leaving.len() >= 2 && chance.percent(40);
        let falls_back = step["kind"] == "tool_call" && leaving.len() >= 2 && chance.percent(15);
        for (at, to) in leaving.iter().enumerate() {
            let (from, to) = (format!("s{}", first + from), format!("s{}", first + to));
            let mut edge = json!({ "from": from, "to": to });
            match (branches, rejects, falls_back, at) {
                (_, true, _, 0) => edge["on"] = json!("rejected"),
                (false, _, true, 0) => edge["on"] = json!("failed"),
                (true, false, _, 0) => edge["default"] = json!(true),
                (true, false, _, _) => {
                    edge["when"] = json!(if chance.percent(50) {
                        "input.yes"
                    } else {
                        "!input.yes"
                    })
                }
                (_, true, _, _) | (false, false, _, _) => {}
            }
            drawn.push(edge);
        }
    }
    drawn
}
