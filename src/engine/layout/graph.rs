//! What is drawn: steps and the edges between them, body by body, made from a draft or from an outline, so that the
//! builder and the viewer show one picture. Nothing here knows where anything stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::engine::ids::StepId;
use crate::engine::limits::{EDGES_MAX, STEPS_MAX};
use crate::engine::plan::{Outline, OutlineEdge};
use crate::engine::workflow::{Edge, EdgeTrigger, Step, StepKind, Workflow};

/// The steps and edges of a picture.
///
/// The gate that `approval:` stands for is a step of its own, as it is in a run; only so can it be seen to wait. What
/// `compensate:` stands for is not: no edge leads to it, and until a run fails it is nothing but a property of its step.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The workflow's own steps first; what a step holds comes behind the body that the step is in.
    pub(super) bodies: Vec<Body>,
}

/// Steps that stand inside the same box, in their author's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Body {
    pub holder: Option<StepId>,
    pub depth: u32,
    pub nodes: Vec<Node>,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub id: StepId,
    /// The body that it holds.
    pub body: Option<usize>,
}

/// An edge between two nodes of a body, by their positions.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// Where the author wrote it; none between a gate made from `approval:` and its step.
    pub position: Option<u32>,
    /// One of several ways to go on.
    pub is_branch: bool,
}

/// Steps and edges of a body as they were written, and which body that is.
struct Level<'a> {
    body: usize,
    steps: &'a [Step],
    edges: &'a [Edge],
}

/// Where the edges that lead to a step end, and where those that leave it begin.
#[derive(Clone, Copy)]
struct Ends {
    entry: usize,
    exit: usize,
}

impl Graph {
    /// Of a draft, which may be broken in every way: edges to what is not in the same body are left out, of two steps
    /// with one id the first is kept (what is further out comes first), and what is past the bounds of a workflow is
    /// not drawn.
    pub fn of_workflow(workflow: &Workflow) -> Self {
        let mut graph = Self::empty();
        let mut drawn: BTreeSet<StepId> = BTreeSet::new();
        let mut edges = 0;
        let mut levels = VecDeque::from([Level {
            body: 0,
            steps: &workflow.steps,
            edges: &workflow.edges,
        }]);
        while let Some(level) = levels.pop_front() {
            let mut ends: BTreeMap<&StepId, Ends> = BTreeMap::new();
            for step in level.steps {
                if drawn.len() >= STEPS_MAX || !drawn.insert(step.id.clone()) {
                    continue;
                }
                ends.insert(&step.id, graph.add_step(level.body, step, &mut drawn));
                let Some(&Node {
                    body: Some(body), ..
                }) = graph.bodies[level.body].nodes.last()
                else {
                    continue;
                };
                let inside = step.body.as_ref();
                levels.push_back(Level {
                    body,
                    steps: inside.map_or(&[], |inside| &inside.steps),
                    edges: inside.map_or(&[], |inside| &inside.edges),
                });
            }
            for (position, edge) in level.edges.iter().enumerate() {
                if let Some(link) = link(edge, position, &ends)
                    && edges < EDGES_MAX
                {
                    edges += 1;
                    graph.bodies[level.body].links.push(link);
                }
            }
        }
        graph
    }

    /// Of what a run follows: the same picture as that of the workflow it was compiled from.
    pub fn of_outline(outline: &Outline) -> Self {
        let mut graph = Self::empty();
        // Per step of the outline: its body here, and where in it.
        let mut spots: Vec<Option<(usize, usize)>> = vec![None; outline.steps.len()];
        let mut drawn = 0;
        let mut open = VecDeque::from([(0, Some(0))]);
        while let Some((body, source)) = open.pop_front() {
            let steps = source.map_or(&[][..], |source| &outline.bodies()[source].steps);
            for &at in steps {
                let step = &outline.steps[at];
                if step.undoes.is_some() || drawn >= STEPS_MAX {
                    continue;
                }
                drawn += 1;
                let inside = outline.body_inside(at);
                let holds = (inside.is_some() || outline.is_container(at))
                    .then(|| graph.add_body(body, &step.id));
                open.extend(holds.map(|holds| (holds, inside)));
                spots[at] = Some((body, graph.bodies[body].nodes.len()));
                graph.bodies[body].nodes.push(Node {
                    id: step.id.clone(),
                    body: holds,
                });
            }
        }
        graph.add_links(outline, &spots);
        graph
    }

    fn add_links(&mut self, outline: &Outline, spots: &[Option<(usize, usize)>]) {
        let mut written = vec![0; self.bodies.len()];
        let spot = |step: usize| spots.get(step).copied().flatten();
        for edge in outline.edges.iter().take(EDGES_MAX) {
            let (Some((body, from)), Some((other, to))) = (spot(edge.from), spot(edge.to)) else {
                continue;
            };
            let position = (!is_made_by_compile(outline, edge)).then(|| {
                written[body] += 1;
                written[body] - 1
            });
            if body == other {
                self.bodies[body].links.push(Link {
                    from,
                    to,
                    position,
                    is_branch: edge.when.is_some() || edge.default || edge.on.is_some(),
                });
            }
        }
    }

    fn empty() -> Self {
        Self {
            bodies: vec![Body::default()],
        }
    }

    fn add_body(&mut self, around: usize, holder: &StepId) -> usize {
        self.bodies.push(Body {
            holder: Some(holder.clone()),
            depth: self.bodies[around].depth + 1,
            ..Body::default()
        });
        self.bodies.len() - 1
    }

    /// The step behind its gate, if it has one.
    fn add_step(&mut self, body: usize, step: &Step, drawn: &mut BTreeSet<StepId>) -> Ends {
        let gate = step.id.approval_gate();
        let is_gated = step.approval.is_some() && drawn.insert(gate.clone());
        let holds = (is_holder(step)).then(|| self.add_body(body, &step.id));
        let Body { nodes, links, .. } = &mut self.bodies[body];
        let entry = nodes.len();
        let exit = entry + usize::from(is_gated);
        if is_gated {
            nodes.push(Node {
                id: gate,
                body: None,
            });
            links.push(Link {
                from: entry,
                to: exit,
                position: None,
                is_branch: false,
            });
        }
        nodes.push(Node {
            id: step.id.clone(),
            body: holds,
        });
        Ends { entry, exit }
    }
}

/// A map or a loop, also one that is still empty; and whatever else a draft has put steps into.
fn is_holder(step: &Step) -> bool {
    match step.kind {
        StepKind::Map | StepKind::Loop => true,
        StepKind::ToolCall
        | StepKind::HumanGate
        | StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform
        | StepKind::Wait
        | StepKind::Subworkflow
        | StepKind::External => step
            .body
            .as_ref()
            .is_some_and(|body| !body.steps.is_empty()),
    }
}

fn link(edge: &Edge, position: usize, ends: &BTreeMap<&StepId, Ends>) -> Option<Link> {
    let (from, to) = (ends.get(&edge.from)?, ends.get(&edge.to)?);
    // As `compile` has it: "rejected" is an answer of the gate.
    let is_rejection = edge.on == Some(EdgeTrigger::Rejected);
    Some(Link {
        from: if is_rejection { from.entry } else { from.exit },
        to: to.entry,
        position: u32::try_from(position).ok(),
        is_branch: edge.when.is_some() || edge.default || edge.on.is_some(),
    })
}

/// The edge from a gate that `approval:` stands for to the step behind it. Only an answer leaves such a gate otherwise.
fn is_made_by_compile(outline: &Outline, edge: &OutlineEdge) -> bool {
    edge.on.is_none() && outline.steps[edge.from].id == outline.steps[edge.to].id.approval_gate()
}
