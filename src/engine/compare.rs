//! Two versions of a workflow side by side: what has changed, in words, and both pictures with what is different marked.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::caption::caption;
use super::compile::{has_too_many_parts, in_words};
use super::diff::{Change, EdgeEnds, What, diff};
use super::edit;
use super::ids::StepId;
use super::layout::{Graph, Picture, Placed, Route, SIZES, layout};
use super::workflow::{Edge, Step, Workflow};

/// The older and the newer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In the order of the newer document; none when the two are equal.
    pub changes: Vec<Told>,
    pub old: Side,
    pub new: Side,
}

/// A change as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub sentence: String,
    pub mark: Mark,
    /// What stood there and what stands there, where the sentence can only hint at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Added,
    Removed,
    Changed,
}

impl Mark {
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Added => "added",
            Mark::Removed => "removed",
            Mark::Changed => "changed",
        }
    }
}

/// A version as it is drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub width: i32,
    pub height: i32,
    pub steps: Vec<DrawnStep>,
    pub edges: Vec<DrawnEdge>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnStep {
    pub placed: Placed,
    pub name: String,
    /// The tool, or the kind.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnEdge {
    pub route: Route,
    /// What leads this way; empty when nothing has to be said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// Both may be drafts that do not compile.
pub fn compare(old: &Workflow, new: &Workflow) -> Comparison {
    let changes = diff(old, new);
    Comparison {
        old: side(old, &Marks::of(&changes, Version::Old)),
        new: side(new, &Marks::of(&changes, Version::New)),
        changes: changes.iter().map(told).collect(),
    }
}

fn told(change: &Change) -> Told {
    let field = match &change.what {
        What::WorkflowChanged(field)
        | What::StepChanged { field, .. }
        | What::EdgeChanged { field, .. } => Some(field),
        What::StepAdded { .. }
        | What::StepRemoved { .. }
        | What::StepRenamed
        | What::StepMoved { .. }
        | What::StepsReordered
        | What::EdgeAdded(_)
        | What::EdgeRemoved(_)
        | What::EdgesReordered => None,
    };
    Told {
        sentence: change.to_string(),
        mark: mark_of(&change.what),
        old: field.and_then(|field| field.old.clone()),
        new: field.and_then(|field| field.new.clone()),
    }
}

fn mark_of(what: &What) -> Mark {
    match what {
        What::StepAdded { .. } | What::EdgeAdded(_) => Mark::Added,
        What::StepRemoved { .. } | What::EdgeRemoved(_) => Mark::Removed,
        What::WorkflowChanged(_)
        | What::StepRenamed
        | What::StepChanged { .. }
        | What::StepMoved { .. }
        | What::StepsReordered
        | What::EdgeChanged { .. }
        | What::EdgesReordered => Mark::Changed,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Old,
    New,
}

/// What is marked in the picture of one version. Edges of removed steps go by the ids of the version they are in.
struct Marks {
    steps: BTreeMap<StepId, Mark>,
    edges: BTreeMap<EdgeEnds, Mark>,
}

impl Marks {
    fn of(changes: &[Change], version: Version) -> Self {
        let mut marks = Self {
            steps: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        // The ids of the changes' edges are those of the newer version.
        let mut old_ids: BTreeMap<&StepId, &StepId> = BTreeMap::new();
        for change in changes {
            if let Some(about) = &change.about
                && let (Some(old), Some(new)) = (&about.old, &about.new)
            {
                old_ids.insert(new, old);
            }
        }
        for change in changes {
            let mark = mark_of(&change.what);
            if let Some(about) = &change.about {
                let id = match version {
                    Version::Old => &about.old,
                    Version::New => &about.new,
                };
                if let Some(id) = id {
                    marks.steps.entry(id.clone()).or_insert(mark);
                }
            }
            let edge = match &change.what {
                What::EdgeAdded(edge) | What::EdgeRemoved(edge) => Some(edge),
                What::EdgeChanged { edge, .. } => Some(edge),
                What::WorkflowChanged(_)
                | What::StepAdded { .. }
                | What::StepRemoved { .. }
                | What::StepRenamed
                | What::StepChanged { .. }
                | What::StepMoved { .. }
                | What::StepsReordered
                | What::EdgesReordered => None,
            };
            if let Some(edge) = edge {
                let mut edge = edge.clone();
                if version == Version::Old {
                    for end in [&mut edge.from, &mut edge.to] {
                        if let Some(old) = old_ids.get(end) {
                            *end = (*old).clone();
                        }
                    }
                }
                marks.edges.insert(edge, mark);
            }
        }
        marks
    }
}

fn side(workflow: &Workflow, marks: &Marks) -> Side {
    let Picture {
        width,
        height,
        steps,
        edges,
    } = match has_too_many_parts(workflow) {
        true => Picture::default(),
        false => layout(&Graph::of_workflow(workflow), &SIZES),
    };
    Side {
        width,
        height,
        steps: steps
            .into_iter()
            .map(|placed| drawn_step(workflow, placed, marks))
            .collect(),
        edges: edges
            .into_iter()
            .map(|route| drawn_edge(workflow, route, marks))
            .collect(),
    }
}

fn drawn_step(workflow: &Workflow, placed: Placed, marks: &Marks) -> DrawnStep {
    let step = edit::find(workflow, &placed.step);
    // What is no step of the document is the gate that an `approval` stands for.
    let (name, what) = match step {
        Some(step) => (name_of(step), what_of(step)),
        None => ("Approval".to_owned(), "asks first".to_owned()),
    };
    DrawnStep {
        mark: marks.steps.get(&placed.step).copied(),
        placed,
        name,
        what,
    }
}

fn name_of(step: &Step) -> String {
    let name = step.name.clone().filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| in_words(&step.id))
}

fn what_of(step: &Step) -> String {
    let kind = || step.kind.as_str().replace('_', " ");
    step.tool.clone().unwrap_or_else(kind)
}

fn drawn_edge(workflow: &Workflow, route: Route, marks: &Marks) -> DrawnEdge {
    let body = edit::level(workflow, route.inside.as_ref());
    let position = route.position.and_then(|at| usize::try_from(at).ok());
    let edge = body.and_then(|(_, edges)| edges.get(position?));
    let ends = |edge: &Edge| EdgeEnds {
        from: edge.from.clone(),
        to: edge.to.clone(),
        on: edge.on,
    };
    DrawnEdge {
        route,
        label: edge.map(label_of).unwrap_or_default(),
        mark: edge.and_then(|edge| marks.edges.get(&ends(edge)).copied()),
    }
}

fn label_of(edge: &Edge) -> String {
    let Edge {
        from,
        label,
        on,
        default,
        when,
        ..
    } = edge;
    let (label, when) = (label.as_deref(), when.as_deref());
    caption(from.as_str(), label, *on, *default, when).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workflow(document: Value) -> Workflow {
        serde_json::from_value(document).expect("a workflow")
    }

    #[test]
    fn what_came_and_went_is_marked_on_its_side() {
        let old = workflow(json!({
            "name": "W",
            "steps": [
                { "id": "a", "kind": "parallel" },
                { "id": "gone", "kind": "parallel" },
                { "id": "c", "kind": "human_gate", "message": "Well?" },
            ],
            "edges": [{ "from": "a", "to": "gone" }, { "from": "a", "to": "c" }],
        }));
        let new = workflow(json!({
            "name": "W",
            "steps": [
                { "id": "a", "kind": "parallel" },
                { "id": "c", "kind": "human_gate", "message": "Really?" },
                { "id": "come", "kind": "external", "timeout_ms": 1000 },
            ],
            "edges": [{ "from": "a", "to": "c" }, { "from": "c", "to": "come" }],
        }));
        let comparison = compare(&old, &new);
        let marks = |side: &Side| -> Vec<(String, Option<Mark>)> {
            let steps = side.steps.iter();
            steps
                .map(|drawn| (drawn.placed.step.to_string(), drawn.mark))
                .collect()
        };
        let pair = |id: &str, mark| (id.to_owned(), mark);
        assert_eq!(
            marks(&comparison.old),
            [
                pair("a", None),
                pair("gone", Some(Mark::Removed)),
                pair("c", Some(Mark::Changed))
            ]
        );
        assert_eq!(
            marks(&comparison.new),
            [
                pair("a", None),
                pair("c", Some(Mark::Changed)),
                pair("come", Some(Mark::Added))
            ]
        );
        let of_edges = |side: &Side| -> Vec<Option<Mark>> {
            side.edges.iter().map(|edge| edge.mark).collect()
        };
        assert_eq!(of_edges(&comparison.old), [Some(Mark::Removed), None]);
        assert_eq!(of_edges(&comparison.new), [None, Some(Mark::Added)]);
        let question = comparison
            .changes
            .iter()
            .find(|told| told.new == Some(json!("Really?")));
        assert_eq!(
            question.and_then(|told| told.old.clone()),
            Some(json!("Well?"))
        );
        assert_eq!(compare(&new, &new).changes, []);
    }
}
