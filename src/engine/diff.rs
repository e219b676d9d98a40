//! What a person wants to read between two versions of a workflow: which steps and edges came, went, changed, moved or
//! got another name. Steps are matched by id first and then by likeness; a step that was renamed takes the references
//! to it along, so that following it is no change of its own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

mod matching;
mod sentence;
#[cfg(test)]
mod tests;

use super::compile::in_words;
use super::ids::StepId;
use super::patch::below;
use super::places::Places;
use super::workflow::{Edge, EdgeTrigger, Step, StepKind, Workflow};
use matching::{Pairs, is_reordered};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The step it is about, so that a picture can colour it; none where it is about an edge or the workflow itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// The map or loop in whose body that step or edge is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<About>,
    #[serde(flatten)]
    pub what: What,
}

/// A step in both versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its id in the older version; none when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<StepId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<StepId>,
    /// As people read it, in the newer version if it is there.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum What {
    /// A field of the workflow itself: its name, an input, a constant, a limit.
    WorkflowChanged(FieldChange),
    StepAdded {
        kind: StepKind,
    },
    StepRemoved {
        kind: StepKind,
    },
    /// Another id; everything else is told apart.
    StepRenamed,
    StepChanged {
        kind: StepKind,
        #[serde(flatten)]
        field: FieldChange,
    },
    /// Into the body `inside`, or out of all bodies when there is none.
    StepMoved {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<About>,
    },
    /// The steps of one body are written in another order; nothing is done differently.
    StepsReordered,
    EdgeAdded(EdgeEnds),
    EdgeRemoved(EdgeEnds),
    EdgeChanged {
        #[serde(flatten)]
        edge: EdgeEnds,
        #[serde(flatten)]
        field: FieldChange,
    },
    EdgesReordered,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// `with.url`.
    pub field: String,
    /// The same as a JSON Pointer into the step, edge or workflow.
    pub at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// An edge. Ids are those of the newer version, where its steps are there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeEnds {
    pub from: StepId,
    pub to: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EdgeTrigger>,
}

/// From the older to the newer: first what concerns the whole, then the steps and then the edges, each in the order of
/// the document. Nothing when the two are equal.
pub fn diff(old: &Workflow, new: &Workflow) -> Vec<Change> {
    if old == new {
        return Vec::new();
    }
    let (places, after) = (Places::new(old), Places::new(new));
    let pairs = Pairs::of(old, &places, &after);
    // With every step called as it is called now, what is left are changes of their own.
    let followed = pairs.follow_renames(old, &places, &after);
    let before = Places::new(&followed);
    let difference = Difference {
        was: &places,
        before: &before,
        after: &after,
        pairs: &pairs,
    };
    let mut changes: Vec<Change> = header(&followed, new)
        .into_iter()
        .map(|field| Change {
            about: None,
            inside: None,
            what: What::WorkflowChanged(field),
        })
        .collect();
    difference.steps(&mut changes);
    difference.edges(&mut changes);
    changes
}

struct Difference<'a> {
    /// The older version, as it was.
    was: &'a Places<'a>,
    /// The older version with the ids of the newer.
    before: &'a Places<'a>,
    after: &'a Places<'a>,
    pairs: &'a Pairs,
}

impl Difference<'_> {
    fn about_old(&self, at: usize) -> About {
        match self.pairs.new_of(at) {
            Some(new) => self.about_new(new),
            None => About {
                old: Some(self.was.steps()[at].step.id.clone()),
                new: None,
                name: name(self.was.steps()[at].step),
            },
        }
    }

    fn about_new(&self, at: usize) -> About {
        let step = self.after.steps()[at].step;
        let old = self.pairs.old_of(at);
        About {
            old: old.map(|old| self.was.steps()[old].step.id.clone()),
            new: Some(step.id.clone()),
            name: name(step),
        }
    }

    fn steps(&self, changes: &mut Vec<Change>) {
        let mut removed = self.pairs.removed().into_iter().peekable();
        for (at, placed) in self.after.steps().iter().enumerate() {
            let Some(old) = self.pairs.old_of(at) else {
                changes.push(Change {
                    about: Some(self.about_new(at)),
                    inside: placed.owner.map(|owner| self.about_new(owner)),
                    what: What::StepAdded {
                        kind: placed.step.kind,
                    },
                });
                continue;
            };
            while let Some(gone) = removed.next_if(|gone| *gone < old) {
                changes.push(self.removal(gone));
            }
            self.step(old, at, changes);
        }
        changes.extend(removed.map(|gone| self.removal(gone)));
        for (old, new) in self.bodies() {
            let stays = |at: usize| {
                let now = self.pairs.new_of(at)?;
                (self.after.steps()[now].owner == new).then_some(self.after.steps()[now].slot)
            };
            let here = self.was.steps().iter().enumerate();
            let here = here.filter(|(_, placed)| placed.owner == old);
            if is_reordered(here.filter_map(|(at, _)| stays(at))) {
                changes.push(Change {
                    about: None,
                    inside: new.map(|owner| self.about_new(owner)),
                    what: What::StepsReordered,
                });
            }
        }
    }

    fn removal(&self, at: usize) -> Change {
        let placed = &self.was.steps()[at];
        Change {
            about: Some(self.about_old(at)),
            inside: placed.owner.map(|owner| self.about_old(owner)),
            what: What::StepRemoved {
                kind: placed.step.kind,
            },
        }
    }

    fn step(&self, old: usize, new: usize, changes: &mut Vec<Change>) {
        let (before, after) = (&self.before.steps()[old], &self.after.steps()[new]);
        let about = self.about_new(new);
        let inside = after.owner.map(|owner| self.about_new(owner));
        let mut push = |what| {
            changes.push(Change {
                about: Some(about.clone()),
                inside: inside.clone(),
                what,
            });
        };
        if self.was.steps()[old].step.id != after.step.id {
            push(What::StepRenamed);
        }
        if before.owner.map(|owner| self.pairs.new_of(owner)) != after.owner.map(Some) {
            push(What::StepMoved {
                from: before.owner.map(|owner| self.about_old(owner)),
            });
        }
        for field in changed_fields(&fields_of(before.step), &fields_of(after.step)) {
            push(What::StepChanged {
                kind: after.step.kind,
                field,
            });
        }
    }

    /// The bodies that are there before and after, the workflow's own first.
    fn bodies(&self) -> Vec<(Option<usize>, Option<usize>)> {
        let mut bodies = vec![(None, None)];
        for (at, placed) in self.after.steps().iter().enumerate() {
            if let (Some(old), Some(_)) = (self.pairs.old_of(at), &placed.step.body) {
                bodies.push((Some(old), Some(at)));
            }
        }
        bodies
    }

    fn edges(&self, changes: &mut Vec<Change>) {
        for (old, new) in self.bodies() {
            let inside = new.map(|owner| self.about_new(owner));
            let (before, after) = (self.before.edges_of(old), self.after.edges_of(new));
            changes.extend(edge_changes(before, after).into_iter().map(|what| Change {
                about: None,
                inside: inside.clone(),
                what,
            }));
        }
        // A body that is not there any more, or was not there before, goes or comes with the step that holds it.
        for (at, placed) in self.was.steps().iter().enumerate() {
            let now = self
                .pairs
                .new_of(at)
                .map(|now| self.after.steps()[now].step);
            if placed.step.body.is_some() && now.is_some_and(|step| step.body.is_none()) {
                let gone = self.before.edges_of(Some(at)).iter().map(ends);
                changes.extend(gone.map(|edge| Change {
                    about: None,
                    inside: Some(self.about_old(at)),
                    what: What::EdgeRemoved(edge),
                }));
            }
        }
    }
}

fn ends(edge: &Edge) -> EdgeEnds {
    EdgeEnds {
        from: edge.from.clone(),
        to: edge.to.clone(),
        on: edge.on,
    }
}

/// Edges are the same when they connect the same steps after the same; else when they connect the same steps.
fn edge_changes(before: &[Edge], after: &[Edge]) -> Vec<What> {
    let mut old_of: Vec<Option<usize>> = vec![None; after.len()];
    let mut is_kept = vec![false; before.len()];
    let keys: [fn(&Edge) -> EdgeEnds; 2] = [ends, |edge| EdgeEnds {
        on: None,
        ..ends(edge)
    }];
    for key in keys {
        let mut open: BTreeMap<EdgeEnds, BTreeSet<usize>> = BTreeMap::new();
        for (at, edge) in before.iter().enumerate().filter(|(at, _)| !is_kept[*at]) {
            open.entry(key(edge)).or_default().insert(at);
        }
        for (at, edge) in after.iter().enumerate() {
            let alike = open.get_mut(&key(edge)).filter(|_| old_of[at].is_none());
            if let Some(old) = alike.and_then(BTreeSet::pop_first) {
                old_of[at] = Some(old);
                is_kept[old] = true;
            }
        }
    }
    let mut changes = Vec::new();
    let mut removed = (0..before.len()).filter(|&at| !is_kept[at]).peekable();
    for (at, edge) in after.iter().enumerate() {
        let Some(old) = old_of[at] else {
            changes.push(What::EdgeAdded(ends(edge)));
            continue;
        };
        while let Some(gone) = removed.next_if(|gone| *gone < old) {
            changes.push(What::EdgeRemoved(ends(&before[gone])));
        }
        for field in changed_fields(&object(&before[old]), &object(edge)) {
            changes.push(What::EdgeChanged {
                edge: ends(edge),
                field,
            });
        }
    }
    changes.extend(removed.map(|gone| What::EdgeRemoved(ends(&before[gone]))));
    if is_reordered(old_of.into_iter().flatten()) {
        changes.push(What::EdgesReordered);
    }
    changes
}

/// What people read: the given name, or the id in words.
fn name(step: &Step) -> String {
    let given = step.name.as_deref().filter(|name| !name.trim().is_empty());
    given.map_or_else(|| in_words(&step.id), str::to_owned)
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        // Steps, edges and workflows are objects.
        Ok(_) | Err(_) => Map::new(),
    }
}

/// The step's own fields: what is inside its body is compared step by step.
fn fields_of(step: &Step) -> Map<String, Value> {
    let itself = Step {
        body: None,
        ..step.clone()
    };
    let mut fields = object(&itself);
    fields.shift_remove("id");
    if let Some(body) = &step.body
        && body.steps.is_empty()
    {
        fields.insert("body".to_owned(), Value::Object(Map::new()));
    }
    fields
}

fn header(old: &Workflow, new: &Workflow) -> Vec<FieldChange> {
    let itself = |workflow: &Workflow| {
        let mut fields = object(&Workflow {
            steps: Vec::new(),
            edges: Vec::new(),
            ..workflow.clone()
        });
        fields.shift_remove("steps");
        fields
    };
    changed_fields(&itself(old), &itself(new))
}

fn changed_fields(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    collect_fields(old, new, ("", ""), &mut changes);
    changes
}

/// Objects are compared field by field, everything else as a whole. `way` is where they are, as dots and as a pointer.
fn collect_fields(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    way: (&str, &str),
    changes: &mut Vec<FieldChange>,
) {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    for name in new.keys().chain(gone) {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            continue;
        }
        let field = if way.0.is_empty() {
            name.clone()
        } else {
            format!("{}.{name}", way.0)
        };
        let at = below(way.1, name);
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                collect_fields(before, after, (&field, &at), changes);
            }
            _ => changes.push(FieldChange {
                field,
                at,
                old: before.cloned(),
                new: after.cloned(),
            }),
        }
    }
}
