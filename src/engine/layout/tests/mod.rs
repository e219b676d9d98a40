//! Pictures that a person can judge, and what has to hold for every picture.

mod drawings;
mod promises;
mod random;

use serde_json::{Value, json};

use super::{Graph, Picture, Placed, Sizes, layout};
use crate::engine::workflow::Workflow;

/// One px is one character.
const CHARACTERS: Sizes = Sizes {
    step_width: 7,
    step_height: 3,
    column_gap: 4,
    row_gap: 3,
    padding: 2,
    heading: 2,
};

/// A draft, from `a -> b`, `a -> b: when` and names that stand alone, in that order; steps are there as they are named.
fn draft(lines: &[&str]) -> Value {
    let mut steps: Vec<&str> = Vec::new();
    let mut edges = Vec::new();
    for line in lines {
        let (ends, when) = match line.split_once(": ") {
            Some((ends, when)) => (ends, Some(when)),
            None => (*line, None),
        };
        for pair in ends.split(" -> ").collect::<Vec<_>>().windows(2) {
            edges.push(json!({ "from": pair[0], "to": pair[1] }));
            if let (Some(when), Some(edge)) = (when, edges.last_mut()) {
                edge["when"] = json!(when);
            }
        }
        for id in ends.split(" -> ") {
            if !steps.contains(&id) {
                steps.push(id);
            }
        }
    }
    let steps: Vec<Value> = steps
        .iter()
        .map(|id| json!({ "id": id, "kind": "join" }))
        .collect();
    json!({ "name": "Draft", "steps": steps, "edges": edges })
}

fn workflow(document: Value) -> Workflow {
    serde_json::from_value(document).expect("a well-formed draft")
}

fn picture(document: Value) -> Picture {
    layout(&Graph::of_workflow(&workflow(document)), &CHARACTERS)
}

fn placed<'a>(picture: &'a Picture, id: &str) -> &'a Placed {
    let mut steps = picture.steps.iter();
    steps
        .find(|step| step.step.as_str() == id)
        .expect("a step of the picture")
}
