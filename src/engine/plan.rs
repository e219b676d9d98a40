//! A workflow that compiled. The `Outline` is what a viewer needs and travels to the browser; the `Plan` adds what
//! only deciding needs (parsed expressions, policies), so that a page that shows runs carries no expression engine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::binding::Binding;
use super::expression::Expression;
use super::ids::StepId;
use super::tool::ToolSpec;
use super::workflow::{EdgeTrigger, ErrorPolicy, JoinRule, RetryPolicy, StepKind};

/// The graph of a plan, for showing and folding. Indexes are positions in `steps` and `edges`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OutlineData", into = "OutlineData")]
pub struct Outline {
    pub steps: Vec<OutlineStep>,
    pub edges: Vec<OutlineEdge>,
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
    pub fn new(steps: Vec<OutlineStep>, edges: Vec<OutlineEdge>) -> Self {
        let index = steps
            .iter()
            .enumerate()
            .map(|(at, step)| (step.id.clone(), at))
            .collect();
        let mut incoming = vec![Vec::new(); steps.len()];
        let mut outgoing = vec![Vec::new(); steps.len()];
        for (at, edge) in edges.iter().enumerate() {
            if edge.from < steps.len() && edge.to < steps.len() {
                outgoing[edge.from].push(at);
                incoming[edge.to].push(at);
            }
        }
        Self {
            steps,
            edges,
            index,
            incoming,
            outgoing,
        }
    }

    pub fn position(&self, id: &StepId) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Edges that lead to the step.
    pub fn incoming(&self, step: usize) -> &[usize] {
        self.incoming.get(step).map_or(&[], Vec::as_slice)
    }

    /// Edges that leave the step.
    pub fn outgoing(&self, step: usize) -> &[usize] {
        self.outgoing.get(step).map_or(&[], Vec::as_slice)
    }

    /// Steps in an order in which every predecessor comes first (Kahn's algorithm, ties in the author's order),
    /// each with its level: 0 for a step without predecessors, else one more than its deepest predecessor.
    /// Shorter than `steps` when there is a cycle.
    pub fn topological(&self) -> Vec<(usize, usize)> {
        let mut open: Vec<usize> = (0..self.steps.len())
            .map(|step| self.incoming(step).len())
            .collect();
        let mut level = vec![0usize; self.steps.len()];
        let mut ready: std::collections::BTreeSet<usize> = (0..self.steps.len())
            .filter(|&step| open[step] == 0)
            .collect();
        let mut order = Vec::with_capacity(self.steps.len());
        while let Some(step) = ready.pop_first() {
            order.push((step, level[step]));
            for &edge in self.outgoing(step) {
                let to = self.edges[edge].to;
                level[to] = level[to].max(level[step] + 1);
                open[to] -= 1;
                if open[to] == 0 {
                    ready.insert(to);
                }
            }
        }
        order
    }
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
}

#[derive(Clone, Debug)]
pub struct PlanStep {
    pub work: Work,
    pub on_error: ErrorPolicy,
    /// The step whose approval this one needs before it may start.
    pub approved_by: Option<usize>,
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
    /// When a step of this kind with several predecessors starts.
    pub fn join_rule(&self) -> JoinRule {
        match self {
            Work::Join { rule } => *rule,
            Work::Tool { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Transform { .. } => JoinRule::AllSuccess,
        }
    }
}
