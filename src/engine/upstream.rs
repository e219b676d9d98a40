//! What a step can read: the input, the variables, the item of the map around it, and what comes before it, each with the
//! fields that its schema names. For the lists from which an author picks; what is really there is checked by `compile`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

use super::edit::{holder_of, level};
use super::ids::StepId;
use super::tool::Catalogue;
use super::workflow::{Edge, Step, StepKind, Workflow};

/// How deep the fields of a schema are listed.
const DEPTH_MAX: usize = 3;
/// Names in one list.
const NAMES_MAX: usize = 500;

/// Something that can be read at some place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readable {
    /// As it is written, without the `$`: `probe.results`.
    pub path: String,
    /// Where it comes from, for people.
    pub from: String,
    /// The type that the schema names; empty when it names none.
    pub kind: String,
}

struct Listing<'a> {
    workflow: &'a Workflow,
    catalogue: &'a Catalogue,
    names: Vec<Readable>,
}

/// What can be read at this step; at none: what the conditions of the first edges can read, which is the input alone.
/// With `and_itself` also its own output, as the edges behind it can.
pub fn readable_at(
    workflow: &Workflow,
    catalogue: &Catalogue,
    step: Option<&StepId>,
    and_itself: bool,
) -> Vec<Readable> {
    let mut listing = Listing {
        workflow,
        catalogue,
        names: Vec::new(),
    };
    if let Some(step) = step {
        listing.add_around(step, and_itself);
    }
    listing.add_input();
    listing.names.truncate(NAMES_MAX);
    listing.names
}

impl Listing<'_> {
    /// What comes before the step, and before each map and loop around it.
    fn add_around(&mut self, step: &StepId, and_itself: bool) {
        let mut at = step.clone();
        let mut with_own = and_itself;
        while let Some(holder) = holder_of(self.workflow, &at) {
            let Some((steps, edges)) = level(self.workflow, holder.as_ref()) else {
                return;
            };
            let before = before(edges, &at);
            for step in steps {
                if before.contains(&step.id) || (with_own && step.id == at) {
                    self.add_step(step);
                }
            }
            with_own = false;
            let Some(holder) = holder else {
                return;
            };
            self.add_iteration(&holder);
            at = holder;
        }
    }

    fn add_iteration(&mut self, holder: &StepId) {
        let Some(step) = super::edit::find(self.workflow, holder) else {
            return;
        };
        let from = called(step);
        let names: &[(&str, &str)] = match step.kind {
            StepKind::Map => &[("item", ""), ("index", "integer")],
            StepKind::Loop => &[("index", "integer"), ("previous", "object")],
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => &[],
        };
        for (name, kind) in names {
            self.add(name, &from, kind);
        }
        if let Some(name) = &step.item_name {
            self.add(name, &from, "");
        }
    }

    fn add_step(&mut self, step: &Step) {
        let from = called(step);
        let id = step.id.as_str();
        let output = match step.kind {
            StepKind::ToolCall | StepKind::Wait => step
                .tool
                .as_deref()
                .and_then(|tool| self.catalogue.get(tool))
                .map(|spec| &spec.output_schema),
            StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Map
            | StepKind::Loop
            | StepKind::Subworkflow
            | StepKind::External => None,
        };
        self.add(id, &from, output.map_or("", kind_of));
        if let Some(schema) = output {
            self.add_fields(id, schema, &from, DEPTH_MAX);
        }
        let own: &[(&str, &str)] = match step.kind {
            StepKind::Condition => &[("result", "boolean")],
            StepKind::HumanGate => &[
                ("decision", "string"),
                ("by", "string"),
                ("comment", "string"),
            ],
            StepKind::Map => &[
                ("results", "array"),
                ("errors", "array"),
                ("succeeded", "integer"),
                ("failed", "integer"),
            ],
            StepKind::Loop => &[("result", ""), ("iterations", "integer")],
            StepKind::ToolCall
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => &[],
        };
        for (name, kind) in own {
            self.add(&format!("{id}.{name}"), &from, kind);
        }
        for name in step.set.iter().flat_map(|set| set.keys()) {
            self.add(&format!("{id}.{name}"), &from, "");
        }
    }

    fn add_input(&mut self) {
        if let Some(schema) = &self.workflow.inputs {
            self.add("input", "The input", "object");
            self.add_fields("input", schema, "The input", DEPTH_MAX);
        }
        for name in self.workflow.variables.keys() {
            self.add(&format!("context.{name}"), "A variable", "");
        }
    }

    /// The fields that the schema of an object names, each under its path.
    fn add_fields(&mut self, path: &str, schema: &Value, from: &str, depth: usize) {
        let fields = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in fields.into_iter().flatten() {
            if self.names.len() >= NAMES_MAX || !is_word(name) {
                continue;
            }
            let path = format!("{path}.{name}");
            self.add(&path, from, kind_of(schema));
            if depth > 1 {
                self.add_fields(&path, schema, from, depth - 1);
            }
        }
    }

    fn add(&mut self, path: &str, from: &str, kind: &str) {
        self.names.push(Readable {
            path: path.to_owned(),
            from: from.to_owned(),
            kind: kind.to_owned(),
        });
    }
}

/// Whether a path can name it without quotes.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn called(step: &Step) -> String {
    step.name.clone().unwrap_or_else(|| step.id.to_string())
}

fn kind_of(schema: &Value) -> &str {
    schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The steps from which a way leads to this one.
fn before(edges: &[Edge], step: &StepId) -> BTreeSet<StepId> {
    let mut before = BTreeSet::new();
    let mut open = vec![step.clone()];
    while let Some(at) = open.pop() {
        for edge in edges.iter().filter(|edge| edge.to == at) {
            if edge.from != *step && before.insert(edge.from.clone()) {
                open.push(edge.from.clone());
            }
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tool::{EffectClass, ToolSpec};
    use serde_json::json;

    fn paths(workflow: &Workflow, step: &str, and_itself: bool) -> Vec<String> {
        let mut probe = ToolSpec::plain("t.probe", EffectClass::Read);
        probe.output_schema = json!({ "type": "object", "properties": {
            "up": { "type": "boolean" },
            "first": { "type": "object", "properties": { "ms": { "type": "integer" }, "odd name": {} } },
        } });
        let catalogue = Catalogue::new([probe]);
        let names = readable_at(workflow, &catalogue, Some(&step.into()), and_itself);
        names.into_iter().map(|name| name.path).collect()
    }

    fn draft() -> Workflow {
        let document = json!({
            "name": "Draft",
            "inputs": { "type": "object", "properties": { "hosts": { "type": "array" } } },
            "variables": { "region": "eu" },
            "steps": [
                { "id": "probe", "kind": "tool_call", "tool": "t.probe", "with": {} },
                { "id": "each", "kind": "map", "over": "$input.hosts", "as": "host", "body": {
                    "steps": [
                        { "id": "inner", "kind": "transform", "set": { "x": 1 } },
                        { "id": "after", "kind": "human_gate" },
                        { "id": "beside", "kind": "parallel" },
                    ],
                    "edges": [{ "from": "inner", "to": "after" }, { "from": "after", "to": "inner" }],
                } },
                { "id": "elsewhere", "kind": "parallel" },
            ],
            "edges": [{ "from": "probe", "to": "each" }],
        });
        serde_json::from_value(document).expect("a workflow")
    }

    #[test]
    fn a_step_reads_what_comes_before_it_at_every_level() {
        assert_eq!(
            paths(&draft(), "after", false),
            [
                "inner",
                "inner.x",
                "item",
                "index",
                "host",
                "probe",
                "probe.up",
                "probe.first",
                "probe.first.ms",
                "input",
                "input.hosts",
                "context.region",
            ]
        );
        assert_eq!(
            paths(&draft(), "probe", false),
            ["input", "input.hosts", "context.region"]
        );
    }

    #[test]
    fn the_ways_behind_a_step_read_it_too() {
        let names = paths(&draft(), "probe", true);
        assert_eq!(names[..2], ["probe", "probe.up"]);
        assert!(!paths(&draft(), "nobody", true).contains(&"probe".to_owned()));
    }
}
