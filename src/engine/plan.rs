//! A workflow that compiled. The `Outline` is what a viewer needs and travels to the browser; the `Plan` adds what
//! only deciding needs (parsed expressions, policies), so that a page that shows runs carries no expression engine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::binding::Binding;
use super::expression::Expression;
use super::ids::{StepId, StepPath};
use super::limits::{BODY_DEPTH_MAX, EDGES_MAX, STEPS_MAX};
use super::tool::ToolSpec;
use super::workflow::{EdgeTrigger, ErrorPolicy, ItemErrorPolicy, JoinRule, RetryPolicy, StepKind};

/// The graph of a plan, for showing and folding. Indexes are positions in `steps` and `edges`, over all bodies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OutlineData", into = "OutlineData")]
pub struct Outline {
    pub steps: Vec<OutlineStep>,
    pub edges: Vec<OutlineEdge>,
    /// The run's own steps first, then what is inside maps and loops.
    bodies: Vec<OutlineBody>,
    /// Per step: where it stands among the bodies.
    places: Vec<Place>,
    /// Per edge: its position among the edges of its body.
    edge_slots: Vec<usize>,
    index: BTreeMap<StepId, usize>,
    incoming: Vec<Vec<usize>>,
    outgoing: Vec<Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlineStep {
    pub id: StepId,
    /// What people read: the given name, or the id in words.
    pub name: String,
    pub kind: StepKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    pub weight: u32,
    /// Total tries a failing attempt has.
    pub max_attempts: u32,
    /// The map or loop in whose body it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// The step that it undoes. Such a step runs only while a failed run undoes what it has done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<usize>,
    /// What it is part of goes on although it has failed (`on_error: continue`). Not known of versions that were made
    /// before this was written down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlineEdge {
    pub from: usize,
    pub to: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EdgeTrigger>,
}

/// The steps of the run itself, or those inside one map or loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutlineBody {
    pub steps: Vec<usize>,
    /// How many edges connect them.
    pub edges: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    body: usize,
    /// Position among the steps of that body.
    slot: usize,
    /// The body inside it.
    inside: Option<usize>,
    undone_by: Option<usize>,
}

#[derive(Clone, Serialize, Deserialize)]
struct OutlineData {
    steps: Vec<OutlineStep>,
    edges: Vec<OutlineEdge>,
}

impl From<OutlineData> for Outline {
    fn from(data: OutlineData) -> Self {
        Outline::new(data.steps, data.edges)
    }
}

impl From<Outline> for OutlineData {
    fn from(outline: Outline) -> Self {
        OutlineData {
            steps: outline.steps,
            edges: outline.edges,
        }
    }
}

impl Outline {
    /// Of a workflow without steps.
    pub(in crate::engine) fn nothing() -> Arc<Self> {
        Arc::new(Self::new(Vec::new(), Vec::new()))
    }

    pub fn new(steps: Vec<OutlineStep>, edges: Vec<OutlineEdge>) -> Self {
        // One by one: to be collected they would have to be sorted, with all that sorts.
        let mut index = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            index.insert(step.id.clone(), at);
        }
        let (mut bodies, places) = bodies_of(&steps);
        let mut incoming = vec![Vec::new(); steps.len()];
        let mut outgoing = vec![Vec::new(); steps.len()];
        let mut edge_slots = Vec::with_capacity(edges.len());
        for (at, edge) in edges.iter().enumerate() {
            let body = places.get(edge.from).map_or(0, |place| place.body);
            edge_slots.push(bodies[body].edges);
            bodies[body].edges += 1;
            if edge.from < steps.len() && edge.to < steps.len() {
                outgoing[edge.from].push(at);
                incoming[edge.to].push(at);
            }
        }
        Self {
            steps,
            edges,
            bodies,
            places,
            edge_slots,
            index,
            incoming,
            outgoing,
        }
    }

    /// It is within the bounds, everything leads to steps that there are, and only maps and loops have something inside,
    /// not too deep: what `compile` has made is so, what came in a file need not be.
    pub fn is_sound(&self) -> bool {
        let is_there = |at: usize| at < self.steps.len();
        let is_step_sound = |(at, step): (usize, &OutlineStep)| {
            let owner = |inside: &usize| self.steps.get(*inside).and_then(|step| step.parent);
            let mut around = std::iter::successors(Some(at), owner).skip(1);
            let holds = around
                .by_ref()
                .take(BODY_DEPTH_MAX)
                .all(|owner| is_there(owner) && self.is_container(owner));
            holds
                && around.next().is_none()
                && step.undoes.is_none_or(is_there)
                && self.position(step.id.as_str()) == Some(at)
        };
        let is_edge_sound = |edge: &OutlineEdge| {
            is_there(edge.from)
                && is_there(edge.to)
                && self.body_of(edge.from) == self.body_of(edge.to)
        };
        self.steps.len() <= STEPS_MAX
            && self.edges.len() <= EDGES_MAX
            && self.steps.iter().enumerate().all(is_step_sound)
            && self.edges.iter().all(is_edge_sound)
    }

    pub fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The step that a path in a run leads to. An id alone names its step wherever that is.
    pub fn shape_of(&self, path: &StepPath) -> Option<usize> {
        let shape = self.position(path.last())?;
        let way = path.as_str().strip_suffix(path.last())?;
        if way.is_empty() {
            return Some(shape);
        }
        // Outwards, from `outer.2.each.3.` on: an iteration of the step around it, each time.
        let (mut way, mut inside) = (way, shape);
        while !way.is_empty() {
            let (owner, index) = way.strip_suffix('.')?.rsplit_once('.')?;
            index.parse::<u32>().ok()?;
            let around = self.steps[inside].parent?;
            way = owner.strip_suffix(self.steps[around].id.as_str())?;
            inside = around;
        }
        self.steps[inside].parent.is_none().then_some(shape)
    }

    /// The steps that are not inside a map or a loop.
    pub fn top(&self) -> &OutlineBody {
        &self.bodies[0]
    }

    pub fn bodies(&self) -> &[OutlineBody] {
        &self.bodies
    }

    /// The body that the step belongs to.
    pub fn body_of(&self, step: usize) -> usize {
        self.places[step].body
    }

    /// The body inside a map or a loop.
    pub fn body_inside(&self, step: usize) -> Option<usize> {
        self.places[step].inside
    }

    /// The step that undoes this one.
    pub fn undone_by(&self, step: usize) -> Option<usize> {
        self.places[step].undone_by
    }

    pub fn undoes_anything(&self) -> bool {
        self.steps.iter().any(|step| step.undoes.is_some())
    }

    /// Position of the step among those of its body.
    pub fn slot(&self, step: usize) -> usize {
        self.places[step].slot
    }

    /// Position of the edge among those of its body.
    pub fn edge_slot(&self, edge: usize) -> usize {
        self.edge_slots[edge]
    }

    /// Edges that lead to the step.
    pub fn incoming(&self, step: usize) -> &[usize] {
        self.incoming.get(step).map_or(&[], Vec::as_slice)
    }

    /// Edges that leave the step.
    pub fn outgoing(&self, step: usize) -> &[usize] {
        self.outgoing.get(step).map_or(&[], Vec::as_slice)
    }

    /// Is there a gate somewhere inside this map or loop?
    pub fn holds_gate(&self, step: usize) -> bool {
        let is_gate = |(_, step): &(usize, &OutlineStep)| step.kind == StepKind::HumanGate;
        let around = |&at: &usize| self.steps[at].parent;
        let mut gates = self.steps.iter().enumerate().filter(is_gate);
        gates.any(|(gate, _)| {
            std::iter::successors(Some(gate), around)
                .skip(1)
                .any(|at| at == step)
        })
    }

    /// Does it hold a body, and so work by what is inside?
    pub fn is_container(&self, step: usize) -> bool {
        match self.steps[step].kind {
            StepKind::Map | StepKind::Loop => true,
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => false,
        }
    }

    /// Steps in an order in which every predecessor comes first (Kahn's algorithm, ties in the author's order), a map
    /// or loop before what is inside; each with its level in its body: 0 for a step without predecessors, else one
    /// more than its deepest predecessor. Shorter than `steps` when there is a cycle.
    pub fn topological(&self) -> Vec<(usize, usize)> {
        let mut open: Vec<usize> = (0..self.steps.len())
            .map(|step| self.incoming(step).len())
            .collect();
        let mut level = vec![0usize; self.steps.len()];
        let mut ready: std::collections::BTreeSet<(usize, usize)> = (0..self.steps.len())
            .filter(|&step| open[step] == 0)
            .map(|step| (self.body_of(step), step))
            .collect();
        let mut order = Vec::with_capacity(self.steps.len());
        while let Some((_, step)) = ready.pop_first() {
            order.push((step, level[step]));
            for &edge in self.outgoing(step) {
                let to = self.edges[edge].to;
                level[to] = level[to].max(level[step] + 1);
                open[to] -= 1;
                if open[to] == 0 {
                    ready.insert((self.body_of(to), to));
                }
            }
        }
        order
    }
}

/// Groups the steps by the map or loop that holds them; the run's own come first.
fn bodies_of(steps: &[OutlineStep]) -> (Vec<OutlineBody>, Vec<Place>) {
    let mut bodies = vec![OutlineBody::default()];
    let mut body_in: BTreeMap<usize, usize> = BTreeMap::new();
    let mut places: Vec<Place> = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let body = match step.parent {
            None => 0,
            Some(owner) => *body_in.entry(owner).or_insert_with(|| {
                bodies.push(OutlineBody::default());
                bodies.len() - 1
            }),
        };
        places.push(Place {
            body,
            slot: bodies[body].steps.len(),
            inside: None,
            undone_by: None,
        });
        bodies[body].steps.push(at);
    }
    for (at, step) in steps.iter().enumerate() {
        if let Some(place) = step.undoes.and_then(|undone| places.get_mut(undone)) {
            place.undone_by = Some(at);
        }
    }
    for (owner, body) in body_in {
        if let Some(place) = places.get_mut(owner) {
            place.inside = Some(body);
        }
    }
    (bodies, places)
}

/// Everything `decide` needs. Made only by `compile`.
#[derive(Clone, Debug)]
pub struct Plan {
    pub outline: Arc<Outline>,
    /// One per step of the outline.
    pub steps: Vec<PlanStep>,
    /// One per edge of the outline: its condition.
    pub conditions: Vec<Option<Expression>>,
    pub variables: BTreeMap<String, Value>,
    pub timeout_ms: Option<u64>,
    pub max_in_flight: u32,
    pub concurrency: Option<Limit>,
    /// Whatever fails the run, what was done is undone first.
    pub compensate: bool,
}

#[derive(Clone, Debug)]
pub struct PlanStep {
    pub work: Work,
    pub on_error: ErrorPolicy,
    /// The step whose approval this one needs before it may start.
    pub approved_by: Option<usize>,
    pub limit: Option<Limit>,
}

/// At most `max` at once of what has the same key.
#[derive(Clone, Debug)]
pub struct Limit {
    pub max: u32,
    pub key: Binding,
}

/// What a step does. A closed set, matched by name everywhere.
#[derive(Clone, Debug)]
pub enum Work {
    Tool {
        spec: Arc<ToolSpec>,
        with: Binding,
        retry: RetryPolicy,
        timeout_ms: u64,
    },
    Gate(GateWork),
    Condition {
        expression: Expression,
    },
    Parallel,
    Join {
        rule: JoinRule,
    },
    Transform {
        set: Binding,
    },
    Map(MapWork),
    Loop(LoopWork),
    /// For some time, or until some time.
    Wait {
        until: WaitUntil,
    },
    /// Asks a tool again and again until its answer is the wanted one.
    Poll {
        spec: Arc<ToolSpec>,
        with: Binding,
        until: Expression,
        every_ms: u64,
        /// Of one question.
        call_timeout_ms: u64,
        /// Of the whole wait.
        timeout_ms: Option<u64>,
    },
    Subworkflow {
        workflow: String,
        /// Pinned when the workflow was saved; the current one for a workflow that never was.
        version: Option<u32>,
        with: Binding,
        retry: RetryPolicy,
        timeout_ms: Option<u64>,
    },
    External {
        with: Binding,
        retry: RetryPolicy,
        timeout_ms: Option<u64>,
    },
}

#[derive(Clone, Debug)]
pub struct MapWork {
    pub over: Binding,
    /// What the body calls the item, beside `item`.
    pub item_name: Option<String>,
    pub max_parallel: u32,
    pub on_item_error: ItemErrorPolicy,
    pub max_failed: u32,
}

#[derive(Clone, Debug)]
pub struct LoopWork {
    pub until: Expression,
    pub max_iterations: u32,
    /// Between two rounds.
    pub every_ms: u64,
}

#[derive(Clone, Debug)]
pub enum WaitUntil {
    /// Milliseconds from now.
    For(Binding),
    At(Binding),
}

#[derive(Clone, Debug)]
pub struct GateWork {
    pub message: String,
    /// Label and value of what the person is shown.
    pub show: Vec<(String, Binding)>,
    /// The step that this gate guards, when it came from `approval:`.
    pub guards: Option<usize>,
    pub approvers: Option<Vec<String>>,
    pub timeout_ms: Option<u64>,
}

impl Work {
    /// How a failed attempt is repeated. What makes no attempts has none.
    pub fn retry(&self) -> Option<&RetryPolicy> {
        match self {
            Work::Tool { retry, .. }
            | Work::Subworkflow { retry, .. }
            | Work::External { retry, .. } => Some(retry),
            Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. }
            | Work::Poll { .. } => None,
        }
    }

    /// When a step of this kind with several predecessors starts.
    pub fn join_rule(&self) -> JoinRule {
        match self {
            Work::Join { rule } => *rule,
            Work::Tool { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. }
            | Work::Poll { .. }
            | Work::Subworkflow { .. }
            | Work::External { .. } => JoinRule::AllSuccess,
        }
    }
}
