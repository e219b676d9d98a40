//! Repairs of edges: one too many, one missing, one that says two things.

use fixedbitset::FixedBitSet;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::rule;
use crate::engine::compile::bodies::EdgeEnd;
use crate::engine::compile::{Compiling, EdgeSource, Graph, Role, is_reserved, is_wellformed};
use crate::engine::diagnostic::Repair;
use crate::engine::ids::StepId;
use crate::engine::limits::EXPRESSION_BYTES_MAX;
use crate::engine::patch::PatchOperation;
use crate::engine::plan::OutlineEdge;
use crate::engine::reads;
use crate::engine::rename::rename_in;
use crate::engine::spelling::closest;
use crate::engine::workflow::{Edge, JoinRule, Step, StepKind};

/// Of two edges between the same steps: one, with both conditions.
pub(in super::super) fn one_edge_of_two(
    graph: &Graph<'_>,
    first: usize,
    second: usize,
) -> Option<Repair> {
    let sources = [first, second].map(|edge| graph.edge_sources[edge].as_ref());
    let [Some(kept), Some(gone)] = sources else {
        return None;
    };
    let remove = PatchOperation::remove(gone.pointer());
    let edges = &graph.outline.edges;
    if let (Some(one), Some(other)) = (&edges[first].when, &edges[second].when)
        && one != other
    {
        let either = format!("({one}) || ({other})");
        if either.len() <= EXPRESSION_BYTES_MAX {
            let join = PatchOperation::replace(format!("{}/when", kept.pointer()), either);
            return Some(Repair::new(
                "Join their conditions with `||`",
                vec![join, remove],
            ));
        }
    }
    Some(Repair::one("Remove the second one", remove))
}

pub(in super::super) fn without_edge(graph: &Graph<'_>, edge: usize) -> Option<Repair> {
    let pointer = graph.edge_sources[edge].as_ref()?.pointer();
    let shape = &graph.outline.edges[edge];
    let label = format!(
        "Remove the way from `{}` to `{}`",
        graph.written_id(shape.from),
        graph.written_id(shape.to)
    );
    Some(Repair::one(label, PatchOperation::remove(pointer)))
}

/// Which of the two to keep follows from what else leaves the step.
pub(in super::super) fn default_or_when(graph: &Graph<'_>, edge: usize) -> Option<Repair> {
    let pointer = graph.edge_sources[edge].as_ref()?.pointer();
    let edges = &graph.outline.edges;
    let leaving = graph.outline.outgoing(edges[edge].from).iter();
    let others: Vec<&OutlineEdge> = leaving
        .filter(|other| **other != edge)
        .map(|&other| &edges[other])
        .collect();
    let has_default = others.iter().any(|other| other.default);
    let has_condition = others.iter().any(|other| other.when.is_some());
    let (label, field) = if !has_default && has_condition {
        ("Keep it as the default", "when")
    } else {
        ("Keep its condition", "default")
    };
    let remove = PatchOperation::remove(format!("{pointer}/{field}"));
    Some(Repair::one(label, remove))
}

pub(in super::super) fn after_failure(graph: &Graph<'_>, edge: usize) -> Option<Repair> {
    let pointer = graph.edge_sources[edge].as_ref()?.pointer();
    let from = graph.written_id(graph.outline.edges[edge].from);
    Some(Repair::one(
        format!("Take it when `{from}` fails"),
        PatchOperation::add(format!("{pointer}/on"), "failed"),
    ))
}

/// The edges that leave a step, as the author knows them: each with its pointer.
fn leaving<'g>(graph: &'g Graph<'_>, step: usize) -> Vec<(String, &'g OutlineEdge)> {
    let edges = graph.outline.outgoing(step).iter();
    edges
        .filter_map(|&edge| {
            let source = graph.edge_sources[edge].as_ref()?;
            Some((source.pointer(), &graph.outline.edges[edge]))
        })
        .collect()
}

pub(in super::super) fn first_default(graph: &Graph<'_>, step: usize) -> Option<Repair> {
    let edges = leaving(graph, step);
    let mut defaults = edges.iter().filter(|(_, edge)| edge.default);
    let (_, kept) = defaults.next()?;
    let kept = graph.written_id(kept.to);
    // From the end, so that positions before stay what they are.
    let others = defaults.rev();
    let patch = others.map(|(pointer, _)| PatchOperation::remove(pointer.as_str()));
    Some(Repair::new(
        format!("Keep only the one to `{kept}`"),
        patch.collect(),
    ))
}

pub(in super::super) fn no_defaults(graph: &Graph<'_>, step: usize) -> Option<Repair> {
    let edges = leaving(graph, step);
    let defaults = edges.iter().filter(|(_, edge)| edge.default);
    let patch: Vec<PatchOperation> = defaults
        .map(|(pointer, _)| PatchOperation::remove(format!("{pointer}/default")))
        .collect();
    (!patch.is_empty()).then(|| Repair::new("Take it in every case", patch))
}

/// One way out of a condition for when it holds, another one for when not.
pub(in super::super) fn every_case(graph: &Graph<'_>, step: usize) -> Option<Repair> {
    let edges = leaving(graph, step);
    let normal: Vec<&(String, &OutlineEdge)> =
        edges.iter().filter(|(_, edge)| edge.on.is_none()).collect();
    let conditional = normal.iter().filter(|(_, edge)| edge.when.is_some());
    let plain = normal.iter().filter(|(_, edge)| edge.when.is_none());
    let (conditional, plain): (Vec<_>, Vec<_>) = (conditional.collect(), plain.collect());
    let otherwise = |to: usize| {
        let to = graph.written_id(to);
        format!("Go to `{to}` in every other case")
    };
    if !conditional.is_empty() {
        if let Some((pointer, edge)) = plain.last() {
            let make = PatchOperation::add(format!("{pointer}/default"), true);
            return Some(Repair::one(otherwise(edge.to), make));
        }
        let [_, .., (pointer, edge)] = conditional[..] else {
            return None;
        };
        let patch = vec![
            PatchOperation::remove(format!("{pointer}/when")),
            PatchOperation::add(format!("{pointer}/default"), true),
        ];
        return Some(Repair::new(otherwise(edge.to), patch));
    }
    let id = graph.written_id(step).as_str();
    let fallback = plain
        .iter()
        .position(|(_, edge)| edge.default)
        .unwrap_or(plain.len().checked_sub(1)?);
    let first = (0..plain.len()).find(|&at| at != fallback)?;
    if !is_wellformed(id) || is_reserved(id) {
        return None;
    }
    let (yes, no) = (plain[first], plain[fallback]);
    let mut patch = vec![PatchOperation::add(
        format!("{}/when", yes.0),
        format!("{id}.result == true"),
    )];
    if yes.1.default {
        patch.push(PatchOperation::remove(format!("{}/default", yes.0)));
    }
    if !no.1.default {
        patch.push(PatchOperation::add(format!("{}/default", no.0), true));
    }
    let (yes, no) = (graph.written_id(yes.1.to), graph.written_id(no.1.to));
    Some(Repair::new(
        format!("Go to `{yes}` when it is true, otherwise to `{no}`"),
        patch,
    ))
}

fn is_plain(edge: &Edge) -> bool {
    edge.when.is_none() && !edge.default && edge.on.is_none()
}

impl<'a> Compiling<'a> {
    /// An edge names a step that is not there: the one that was meant, or no edge.
    pub(in super::super) fn known_end<'k>(
        &mut self,
        source: &EdgeSource,
        end: EdgeEnd,
        edge: &Edge,
        known: impl ExactSizeIterator<Item = &'k &'k StepId>,
    ) -> Option<Repair> {
        let (named, other) = match end {
            EdgeEnd::From => (&edge.from, &edge.to),
            EdgeEnd::To => (&edge.to, &edge.from),
        };
        let names = known.map(|id| id.as_str());
        let meant = if self.affords(names.len()) {
            closest(named.as_str(), names.filter(|id| *id != other.as_str()))
        } else {
            None
        };
        let pointer = source.pointer();
        Some(match meant {
            Some(meant) => {
                let correct = PatchOperation::replace(format!("{pointer}/{}", end.field()), meant);
                Repair::one(format!("Write `{meant}`"), correct)
            }
            None => Repair::one("Remove the way", PatchOperation::remove(pointer)),
        })
    }

    fn add_edge(&self, owner: Option<usize>, edge: Value) -> PatchOperation {
        let body = self.places.body_pointer(owner);
        if self.places.edges_of(owner).is_empty() {
            PatchOperation::add(format!("{body}/edges"), json!([edge]))
        } else {
            PatchOperation::add(format!("{body}/edges/-"), edge)
        }
    }

    fn follow(&self, owner: Option<usize>, from: &StepId, to: &StepId) -> Repair {
        Repair::one(
            format!("Let `{to}` follow `{from}`"),
            self.add_edge(owner, json!({ "from": from, "to": to })),
        )
    }

    /// A step that nothing is connected to follows the one before it in the document.
    pub(in super::super) fn beside_its_neighbour(&self, id: &StepId) -> Option<Repair> {
        let placed = self.places.steps()[self.places.find(id.as_str())?];
        let beside = self.places.steps_of(placed.owner);
        let (from, to) = match placed.slot.checked_sub(1) {
            Some(before) => (&beside.get(before)?.id, id),
            None => (id, &beside.get(1)?.id),
        };
        Some(self.follow(placed.owner, from, to))
    }

    /// A second graph follows the end of the first.
    pub(in super::super) fn behind_the_rest(
        &self,
        graph: &Graph<'_>,
        main: &BTreeSet<usize>,
        apart: &BTreeSet<usize>,
    ) -> Option<Repair> {
        let outline = &graph.outline;
        let ends = |step: &&usize| {
            outline.outgoing(**step).is_empty() && graph.sources[**step].role == Role::Itself
        };
        let last = graph.written_id(*main.iter().rfind(ends)?);
        let starts = |step: &&usize| outline.incoming(**step).is_empty();
        let first = graph.written_id(*apart.iter().find(starts)?);
        let owner = self.places.steps()[self.places.find(first.as_str())?].owner;
        Some(self.follow(owner, last, first))
    }

    /// A step that reads another one follows it, unless that would make a circle.
    pub(in super::super) fn comes_first(
        &mut self,
        graph: &Graph<'_>,
        read: usize,
        reader: usize,
    ) -> Option<Repair> {
        let from = graph.written_id(read);
        let outer = self.places.steps()[self.places.find(from.as_str())?].owner;
        let mut at = self.places.find(graph.written_id(reader).as_str())?;
        while self.places.steps()[at].owner != outer {
            at = self.places.steps()[at].owner?;
        }
        let to = &self.places.steps()[at].step.id;
        let outline = &graph.outline;
        if to == from || !self.affords(outline.steps.len() + outline.edges.len()) {
            return None;
        }
        let mut seen = FixedBitSet::with_capacity(outline.steps.len());
        let mut open = vec![outline.position(to.as_str())?];
        while let Some(step) = open.pop() {
            if graph.written_id(step) == from {
                return None;
            }
            if !seen.put(step) {
                open.extend(
                    outline
                        .outgoing(step)
                        .iter()
                        .map(|&edge| outline.edges[edge].to),
                );
            }
        }
        Some(self.follow(outer, from, to))
    }

    /// The workflow without a step that does nothing: what led to it leads on.
    pub(in super::super) fn without_step(&mut self, id: &StepId) -> Option<Repair> {
        let at = self.places.find(id.as_str())?;
        let placed = self.places.steps()[at];
        let edges = self.places.edges_of(placed.owner);
        let is_bare = placed.step.approval.is_none()
            && placed.step.compensate.is_none()
            // After a failure only such a join goes on.
            && placed.step.rule != Some(JoinRule::AllDone);
        let is_last = self.places.steps_of(placed.owner).len() < 2;
        let cost = self.places.steps().len() + edges.len();
        if !is_bare || is_last || !self.affords(cost) || self.is_read(id) {
            return None;
        }
        let touching = |end: fn(&Edge) -> &StepId| -> Vec<usize> {
            let all = edges.iter().enumerate();
            all.filter(|(_, edge)| end(edge) == id)
                .map(|(position, _)| position)
                .collect()
        };
        let (arriving, leaving) = (touching(|edge| &edge.to), touching(|edge| &edge.from));
        let all_plain = |some: &[usize]| some.iter().all(|&edge| is_plain(&edges[edge]));
        let body = self.places.body_pointer(placed.owner);
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut patch = Vec::new();
        match (&arriving[..], &leaving[..]) {
            (some, []) | ([], some) if all_plain(some) => gone.extend(some),
            (_, [next]) if all_plain(&leaving) && !arriving.contains(next) => {
                let to = &edges[*next].to;
                for &edge in &arriving {
                    let is_there = |other: &Edge| {
                        (&other.from, &other.to, other.on)
                            == (&edges[edge].from, to, edges[edge].on)
                    };
                    if edges.iter().any(is_there) || edges[edge].from == *to {
                        gone.insert(edge);
                    } else {
                        let path = format!("{body}/edges/{edge}/to");
                        patch.push(PatchOperation::replace(path, to.as_str()));
                    }
                }
                gone.insert(*next);
            }
            _ => return None,
        }
        let gone = gone.into_iter().rev();
        patch.extend(gone.map(|edge| PatchOperation::remove(format!("{body}/edges/{edge}"))));
        patch.push(PatchOperation::remove(self.places.pointer(at)));
        Some(Repair::new(format!("Remove the step `{id}`"), patch))
    }

    /// Does any text name the step?
    fn is_read(&self, id: &StepId) -> bool {
        let mut is_read = false;
        reads::rewrite(&self.places, None, |_, language, text| {
            is_read |=
                text.contains(id.as_str()) && rename_in(language, text, id.as_str(), "x").is_some();
            None
        });
        is_read
    }

    /// A step that waits for ways of which a run takes only one: a join before it goes on after either.
    pub(in super::super) fn either_way(
        &mut self,
        graph: &Graph<'_>,
        step: usize,
    ) -> Option<Repair> {
        let id = graph.written_id(step);
        let at = self.places.find(id.as_str())?;
        let placed = self.places.steps()[at];
        let either = JoinRule::NoneFailedMinOneSuccess;
        if placed.step.kind == StepKind::Join && graph.sources[step].role == Role::Itself {
            return Some(rule(self.places.field(at, &["rule"]), either));
        }
        let edges = self.places.edges_of(placed.owner);
        if !self.affords(edges.len()) {
            return None;
        }
        let join = Step {
            id: StepId::new(self.free_id(&format!("{id}_ways"))),
            kind: StepKind::Join,
            rule: Some(either),
            ..Step::default()
        };
        let body = self.places.body_pointer(placed.owner);
        let arriving = edges.iter().enumerate().filter(|(_, edge)| edge.to == *id);
        let mut patch: Vec<PatchOperation> = arriving
            .map(|(position, _)| {
                let path = format!("{body}/edges/{position}/to");
                PatchOperation::replace(path, join.id.as_str())
            })
            .collect();
        let edge = json!({ "from": join.id, "to": id });
        let written = serde_json::to_value(&join).ok()?;
        patch.push(self.add_edge(placed.owner, edge));
        patch.push(PatchOperation::add(self.places.pointer(at), written));
        Some(Repair::new(
            format!("Join the ways first, in a step `{}`", join.id),
            patch,
        ))
    }
}
