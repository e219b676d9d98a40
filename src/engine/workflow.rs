//! A workflow as a person writes it: the document the builder edits and a file in git holds. It may be wrong in
//! every way that still parses; `compile` turns it into a `Plan` or says everything that is wrong with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::ids::StepId;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    pub name: String,
    /// The stable short name in addresses; made from `name` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// JSON Schema of the input, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// Constants that `$context.x` finds before the input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// The run fails with reason `timeout` when it takes longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Attempts of one run in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
}

/// One step. Which fields it may carry depends on its kind; `compile` says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub kind: StepKind,
    /// `tool_call`: the tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// `tool_call`: the input, with `$` references and `=` expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    /// `transform`: the fields of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<BTreeMap<String, Value>>,
    /// `condition`: the CEL expression whose value the outgoing edges look at as `<id>.result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// `join`: when to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<JoinRule>,
    /// `human_gate`: what the person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `human_gate`: references to what the person has to see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<String>,
    /// `human_gate`: who may answer, by name; anyone who may decide when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Vec<String>>,
    /// Any kind but a gate: a person must allow exactly this before it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// `tool_call`: of one attempt. `human_gate`: of the wait for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<ErrorPolicy>,
    /// Share in the run's progress; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

impl Default for StepId {
    fn default() -> Self {
        StepId::new("")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    #[default]
    ToolCall,
    HumanGate,
    Condition,
    Parallel,
    Join,
    Transform,
}

impl StepKind {
    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::ToolCall => "tool_call",
            StepKind::HumanGate => "human_gate",
            StepKind::Condition => "condition",
            StepKind::Parallel => "parallel",
            StepKind::Join => "join",
            StepKind::Transform => "transform",
        }
    }
}

/// Airflow's names for when a step with several predecessors goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRule {
    /// Every predecessor succeeded and led here.
    #[default]
    AllSuccess,
    /// None failed and at least one led here: right after a branch.
    NoneFailedMinOneSuccess,
    /// All have ended, however; skipped only when not one of them led here.
    AllDone,
    /// As soon as the first one succeeds.
    OneSuccess,
}

impl JoinRule {
    pub fn as_str(self) -> &'static str {
        match self {
            JoinRule::AllSuccess => "all_success",
            JoinRule::NoneFailedMinOneSuccess => "none_failed_min_one_success",
            JoinRule::AllDone => "all_done",
            JoinRule::OneSuccess => "one_success",
        }
    }
}

/// What a failed step does to its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPolicy {
    /// The run fails; what is still running is stopped.
    #[default]
    Fail,
    /// The run goes on. Steps that need this one's success are skipped; an `all_done` join is not.
    Continue,
}

/// A gate before the step that carries it. It shows the step's resolved input, and what runs afterwards must
/// hash to what was shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Total tries, the first included.
    pub max_attempts: u32,
    #[serde(default = "default_base_ms")]
    pub base_ms: u64,
    #[serde(default = "default_cap_ms")]
    pub cap_ms: u64,
    /// Error codes after which another try is pointless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_retry: Vec<String>,
}

fn default_base_ms() -> u64 {
    1_000
}

fn default_cap_ms() -> u64 {
    60_000
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: StepId,
    pub to: StepId,
    /// CEL; the edge is taken when it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Taken when no edge with `when` is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// From a gate: the way after this answer. Without such an edge a rejected gate fails its step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EdgeTrigger>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeTrigger {
    Rejected,
}

/// The short name that a workflow has in addresses: its `slug`, or its name in lower case with dashes.
pub fn slug_of(workflow: &Workflow) -> String {
    let source = workflow.slug.as_deref().unwrap_or(&workflow.name);
    let mut slug = String::new();
    for c in source.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug: String = slug.trim_end_matches('-').chars().take(64).collect();
    if slug.is_empty() {
        "workflow".to_owned()
    } else {
        slug
    }
}
