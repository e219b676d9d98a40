//! Laying out the graph: the run's own steps first, then the bodies of maps and loops, level by level; before a step
//! that carries `approval:` its gate, behind one that carries `compensate:` the call that undoes it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Compiling, EdgeSource, Graph, Role, Source, in_words};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::StepId;
use crate::engine::limits::BODY_DEPTH_MAX;
use crate::engine::plan::{Outline, OutlineEdge, OutlineStep};
use crate::engine::workflow::{Edge, EdgeTrigger, ErrorPolicy, Step, StepKind};

/// The steps and edges of one body, and the step that holds it.
struct Level<'a> {
    owner: Option<usize>,
    pointer: Arc<str>,
    steps: &'a [Step],
    edges: &'a [Edge],
}

/// A graph in the making.
#[derive(Default)]
struct Layout<'a> {
    steps: Vec<OutlineStep>,
    sources: Vec<Source<'a>>,
    edges: Vec<OutlineEdge>,
    edge_sources: Vec<Option<EdgeSource>>,
}

/// One of the two steps that an edge names.
#[derive(Clone, Copy)]
pub(super) enum EdgeEnd {
    From,
    To,
}

impl EdgeEnd {
    pub(super) fn field(self) -> &'static str {
        match self {
            EdgeEnd::From => "from",
            EdgeEnd::To => "to",
        }
    }
}

/// The ends of ways, by the ids of a body's steps.
type Ends<'a> = BTreeMap<&'a StepId, End>;

/// Where ways into a step lead, and where ways out of it begin.
#[derive(Clone, Copy)]
struct End {
    entry: usize,
    exit: usize,
}

impl<'a> Compiling<'a> {
    /// Reports what nests too deep. Answers whether nothing does.
    pub(super) fn check_depth(&mut self) -> bool {
        let mut depths: Vec<usize> = Vec::with_capacity(self.places.steps().len());
        for placed in self.places.steps() {
            let depth = placed.owner.map_or(0, |owner| depths[owner] + 1);
            if depth > BODY_DEPTH_MAX {
                let message = format!("Maps and loops nest more than {BODY_DEPTH_MAX} deep.");
                let problem = Diagnostic::new("nested_too_deep", message)
                    .step(&placed.step.id)
                    .at(self.places.pointer(depths.len()))
                    .fix("Make the inner part a workflow of its own, and call it as a `subworkflow`.");
                self.report(problem);
                return false;
            }
            depths.push(depth);
        }
        true
    }

    pub(super) fn graph(&mut self) -> Graph<'a> {
        let mut layout = Layout::default();
        let mut levels = VecDeque::from([Level {
            owner: None,
            pointer: "".into(),
            steps: &self.workflow.steps,
            edges: &self.workflow.edges,
        }]);
        while let Some(level) = levels.pop_front() {
            let first = layout.steps.len();
            let ends = layout.add_steps(&level);
            self.add_edges(&mut layout, &level, &ends);
            for owner in first..layout.steps.len() {
                let source = layout.sources[owner];
                if let (Some(body), Role::Itself) = (&source.step.body, source.role) {
                    let written = self.places.find(source.step.id.as_str());
                    levels.push_back(Level {
                        owner: Some(owner),
                        pointer: self.places.body_pointer(written).into(),
                        steps: &body.steps,
                        edges: &body.edges,
                    });
                }
            }
        }
        Graph {
            outline: Outline::new(layout.steps, layout.edges),
            sources: layout.sources,
            edge_sources: layout.edge_sources,
        }
    }

    fn add_edges(&mut self, layout: &mut Layout<'a>, level: &Level<'a>, ends: &Ends<'a>) {
        let inside = level.owner.map(|owner| layout.steps[owner].id.clone());
        for (position, edge) in level.edges.iter().enumerate() {
            let source = EdgeSource {
                position,
                inside: inside.clone(),
                body: Arc::clone(&level.pointer),
            };
            if let Some((from, to)) = self.edge_ends(edge, &source, ends) {
                layout.edges.push(OutlineEdge {
                    from,
                    to,
                    label: edge.label.clone(),
                    when: edge.when.clone(),
                    default: edge.default,
                    on: edge.on,
                });
                layout.edge_sources.push(Some(source));
            }
        }
    }

    fn edge_ends(
        &mut self,
        edge: &Edge,
        source: &EdgeSource,
        ends: &Ends<'a>,
    ) -> Option<(usize, usize)> {
        if let (Some(from), Some(to)) = (ends.get(&edge.from), ends.get(&edge.to)) {
            // The answer "rejected" leaves from the gate, also when the gate came from `approval:`.
            let rejected = edge.on == Some(EdgeTrigger::Rejected);
            return Some((if rejected { from.entry } else { from.exit }, to.entry));
        }
        for (which, end) in [(EdgeEnd::From, &edge.from), (EdgeEnd::To, &edge.to)] {
            if !ends.contains_key(end) && !self.only_counts() {
                let known: Vec<&str> = ends.keys().map(|id| id.as_str()).take(12).collect();
                let elsewhere = self.places.find(end.as_str()).is_some();
                let message = if elsewhere {
                    format!("A way names `{end}`, which is not among the steps that it connects.")
                } else {
                    format!("A way names `{end}`, which is not a step.")
                };
                let mut problem = Diagnostic::new("unknown_step", message)
                    .edge(source.position)
                    .at(source.pointer())
                    .field(which.field())
                    .fix(format!("Name one of {}.", known.join(", ")))
                    .repair(self.known_end(source, which, edge, ends.keys()));
                problem.step = source.inside.clone();
                self.report(problem);
            }
        }
        None
    }
}

impl<'a> Layout<'a> {
    fn add_steps(&mut self, level: &Level<'a>) -> Ends<'a> {
        let mut ends = Vec::with_capacity(level.steps.len());
        let mut gates = Vec::new();
        for step in level.steps {
            let entry = self.steps.len();
            if step.approval.is_some() {
                gates.push(entry);
                self.add(step, Role::Approval, level.owner);
            }
            let exit = self.steps.len();
            ends.push((&step.id, End { entry, exit }));
            self.add(step, Role::Itself, level.owner);
            if step.compensate.is_some() {
                self.add(step, Role::Undo, level.owner);
            }
        }
        for gate in gates {
            self.edges.push(OutlineEdge {
                from: gate,
                to: gate + 1,
                label: None,
                when: None,
                default: false,
                on: None,
            });
            self.edge_sources.push(None);
        }
        ends.into_iter().collect()
    }

    fn add(&mut self, step: &'a Step, role: Role, parent: Option<usize>) {
        let at = self.steps.len();
        self.steps.push(OutlineStep {
            parent,
            undoes: (role == Role::Undo).then(|| at - 1),
            ..outline_step(step, role)
        });
        self.sources.push(Source { step, role });
    }
}

fn outline_step(step: &Step, role: Role) -> OutlineStep {
    let name = step
        .name
        .clone()
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| in_words(&step.id));
    let tries = |retry: Option<&crate::engine::workflow::RetryPolicy>| {
        retry.map_or(1, |retry| retry.max_attempts)
    };
    let itself = OutlineStep {
        id: step.id.clone(),
        name,
        kind: step.kind,
        tool: step.tool.clone().or_else(|| step.workflow.clone()),
        weight: step.weight.unwrap_or(1),
        max_attempts: tries(step.retry.as_ref()),
        parent: None,
        undoes: None,
        goes_on: step.on_error == Some(ErrorPolicy::Continue),
    };
    match role {
        Role::Itself => itself,
        Role::Approval => OutlineStep {
            id: step.id.approval_gate(),
            name: format!("Approve: {}", itself.name),
            kind: StepKind::HumanGate,
            tool: None,
            weight: 1,
            max_attempts: 1,
            ..itself
        },
        Role::Undo => OutlineStep {
            id: step.id.undo(),
            name: format!("Undo: {}", itself.name),
            kind: StepKind::ToolCall,
            tool: step.compensate.as_ref().map(|undo| undo.tool.clone()),
            // It is not part of the way to the end.
            weight: 0,
            max_attempts: tries(
                step.compensate
                    .as_ref()
                    .and_then(|undo| undo.retry.as_ref()),
            ),
            ..itself
        },
    }
}
