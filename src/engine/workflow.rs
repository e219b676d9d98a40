//! A workflow as a person writes it: the document the builder edits and a file in git holds. It may be wrong in
//! every way that still parses; `compile` turns it into a `Plan` or says everything that is wrong with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::ids::StepId;
use super::rehearse::case::Case;

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
    /// Runs that may be under way at once; the others wait their turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Whatever fails the run, what was done is undone first, where its steps say how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compensate: bool,
    /// What it has to do, to be tried without a server. No run sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
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
    /// `tool_call`: the tool's name. `wait`: the tool that is asked again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// `tool_call`, `wait`, `subworkflow`, `external`: the input, with `$` references and `=` expressions.
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
    /// `map`, `loop`: the steps that are done for each item, or again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// `map`: the list. Its body reads `item` and `index` (from 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Value>,
    /// `map`: another name for the item, by which inner maps can read it too.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub item_name: Option<String>,
    /// `map`: items under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// `map`: what one failed item does to the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_item_error: Option<ItemErrorPolicy>,
    /// `map` that goes on past failed items: so many may fail; one more fails the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed: Option<u32>,
    /// `loop`: CEL over the body's steps; the loop ends when it is true. `wait` with a tool: CEL over `result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// `loop`: the step fails when `until` is not true after so many rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// `loop`: the pause between two rounds. `wait` with a tool: between two questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// `wait`: how long, in milliseconds; a number or where to find one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<Value>,
    /// `wait`: until when, as RFC 3339; the text or where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Value>,
    /// `subworkflow`: the slug of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// `subworkflow`: its version's number. Saving the workflow pins the current one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Of one attempt, of the wait for an answer, or of a whole wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<Timeout>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<ErrorPolicy>,
    /// `tool_call`: how to undo it, should the run fail later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Compensation>,
    /// `tool_call`: at most so many at once over all runs, for the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
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
    Map,
    Loop,
    Wait,
    Subworkflow,
    External,
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
            StepKind::Map => "map",
            StepKind::Loop => "loop",
            StepKind::Wait => "wait",
            StepKind::Subworkflow => "subworkflow",
            StepKind::External => "external",
        }
    }
}

/// The steps inside a `map` or a `loop`. They see what comes before the step that holds them; outside, only that
/// step's own value is seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
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
    /// The run fails, and what it has done is undone first, in reverse order, where steps say how.
    Compensate,
}

/// What a failed item does to a `map`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemErrorPolicy {
    /// The step fails; the other items are stopped.
    #[default]
    Fail,
    /// The others go on; the failed ones are listed in the step's value.
    Continue,
}

/// How a `tool_call` is undone: another call, made when the run fails after the step has succeeded. Its input may
/// read the step's own output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compensation {
    pub tool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<Timeout>,
}

/// At most `max` at once, over all runs, of what has the same key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    pub max: u32,
    /// A text, a reference or an expression; the same for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
}

/// How long something may take: milliseconds, or `never` for what may wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    Ms(u64),
    Never,
}

const NEVER: &str = "never";

impl Serialize for Timeout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Timeout::Ms(ms) => serializer.serialize_u64(*ms),
            Timeout::Never => serializer.serialize_str(NEVER),
        }
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl serde::de::Visitor<'_> for Reading {
            type Value = Timeout;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("milliseconds, or `never`")
            }
            fn visit_u64<E: serde::de::Error>(self, ms: u64) -> Result<Timeout, E> {
                Ok(Timeout::Ms(ms))
            }
            fn visit_i64<E: serde::de::Error>(self, ms: i64) -> Result<Timeout, E> {
                let unexpected = serde::de::Unexpected::Signed(ms);
                u64::try_from(ms)
                    .map(Timeout::Ms)
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timeout, E> {
                if text == NEVER {
                    Ok(Timeout::Never)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Reading)
    }
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
    pub timeout_ms: Option<Timeout>,
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

impl RetryPolicy {
    /// So many tries, with the pauses that are usual.
    pub fn of(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            base_ms: default_base_ms(),
            cap_ms: default_cap_ms(),
            no_retry: Vec::new(),
        }
    }
}
/// The first pause between two tries when a policy does not say.
pub const DEFAULT_BASE_MS: u64 = 1_000;
/// The longest pause between two tries when a policy does not say.
pub const DEFAULT_CAP_MS: u64 = 60_000;

fn default_base_ms() -> u64 {
    DEFAULT_BASE_MS
}

fn default_cap_ms() -> u64 {
    DEFAULT_CAP_MS
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
    /// The way after this: a gate that was rejected, or a step that failed (its fallback). Without such an edge a
    /// rejected gate fails its step, and a failed step does what its error policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EdgeTrigger>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeTrigger {
    Rejected,
    Failed,
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
    match slug.as_str() {
        "" => "workflow".to_owned(),
        word if ADDRESSES.contains(&word) => format!("{word}-workflow"),
        _ => slug,
    }
}

/// What stands in addresses where a slug would: `/workflows/new`, `/api/v1/workflows/validate`.
const ADDRESSES: &[&str] = &["import", "new", "validate"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_made_of_the_name_and_hides_behind_no_address() {
        for (name, slug) in [
            ("Fetch & ask!", "fetch-ask"),
            ("…", "workflow"),
            ("New", "new-workflow"),
            ("validate", "validate-workflow"),
            ("Newer", "newer"),
        ] {
            let workflow = Workflow {
                name: name.to_owned(),
                ..Workflow::default()
            };
            assert_eq!(slug_of(&workflow), slug);
        }
    }
}
