//! From a workflow to a plan, or to everything that is wrong with it. The same function answers in the builder, on
//! save and before a run; what it lets through, `decide` can execute.

mod bodies;
mod cases;
mod fields;
mod graph;
mod inputs;
mod kinds;
mod references;
mod repairs;
mod routes;
mod size;
mod steps;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

pub(in crate::engine) use cases::problems_of_case;
pub use size::{has_too_many_parts, too_long};

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Repair};
use super::expression::Expression;
use super::ids::StepId;
use super::limits::{IN_FLIGHT_DEFAULT, NAME_CHARS_MAX, PROBLEMS_MAX, RUN_TIMEOUT_MS_MAX};
use super::patch::PatchOperation;
use super::places::Places;
use super::plan::{Limit, Outline, Plan, PlanStep};
use super::tool::{Catalogue, ToolSpec};
use super::workflow::{Step, Workflow};

/// Compiles the workflow against the tools there are. All problems are reported at once, in the author's order.
pub fn compile(workflow: &Workflow, catalogue: &Catalogue) -> Result<Plan, Vec<Diagnostic>> {
    attempt(workflow, catalogue, repairs::EFFORT).map_err(|mut problems| {
        repairs::withdraw_what_only_moves(workflow, catalogue, &mut problems);
        problems
    })
}

/// Compiles a version that was saved. What a later release has come to call a mistake, and `decide` can execute all the
/// same, is none here: runs are under way on it.
pub fn compile_saved(workflow: &Workflow, catalogue: &Catalogue) -> Result<Plan, Vec<Diagnostic>> {
    let mut compiling = Compiling::new(workflow, catalogue, 0);
    compiling.is_saved = true;
    compiling.plan()
}

/// As `compile`, with so much work allowed for finding repairs.
fn attempt(
    workflow: &Workflow,
    catalogue: &Catalogue,
    effort: usize,
) -> Result<Plan, Vec<Diagnostic>> {
    Compiling::new(workflow, catalogue, effort).plan()
}

struct Compiling<'a> {
    workflow: &'a Workflow,
    catalogue: &'a Catalogue,
    places: Places<'a>,
    problems: Vec<Diagnostic>,
    /// Problems found beyond those that are reported.
    more_problems: usize,
    /// Without unique ids or steps there is no graph to look at, and more reports would only mislead.
    has_no_graph: bool,
    /// What finding repairs may still look at.
    effort: usize,
    /// Saved by an earlier release, perhaps: rules that have come since do not hold.
    is_saved: bool,
    /// Tools that steps have named: a thousand calls of one tool share its declaration.
    specs: BTreeMap<String, Arc<ToolSpec>>,
}

/// The outline, and where each of its parts came from.
struct Graph<'a> {
    outline: Outline,
    /// Per step of the outline.
    sources: Vec<Source<'a>>,
    /// Per edge of the outline: where it was written; none for an edge made here.
    edge_sources: Vec<Option<EdgeSource>>,
}

/// What a step of the outline was written as.
#[derive(Clone, Copy)]
struct Source<'a> {
    step: &'a Step,
    role: Role,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Itself,
    /// The gate before it.
    Approval,
    /// The call that undoes it.
    Undo,
}

/// Position in `edges`: of the workflow, or of the body of this map or loop.
#[derive(Clone)]
struct EdgeSource {
    position: usize,
    inside: Option<StepId>,
    /// JSON Pointer of what holds it.
    body: Arc<str>,
}

impl EdgeSource {
    fn pointer(&self) -> String {
        format!("{}/edges/{}", self.body, self.position)
    }
}

impl Graph<'_> {
    /// The problem, placed at that edge of the outline.
    fn at_edge(&self, mut problem: Diagnostic, edge: usize) -> Diagnostic {
        if let Some(source) = &self.edge_sources[edge] {
            problem.edge = Some(source.position);
            problem.step = source.inside.clone();
            problem.at = source.pointer();
        }
        problem
    }

    /// The step as it was written, also where this is a gate or an undoing made here.
    fn written(&self, step: usize) -> usize {
        match self.sources[step].role {
            Role::Itself => step,
            Role::Approval => step + 1,
            Role::Undo => step - 1,
        }
    }

    /// The id under which the author knows the step, also where it is a gate or an undoing made here.
    fn written_id(&self, step: usize) -> &StepId {
        &self.sources[step].step.id
    }
}

const RESERVED: &[&str] = &[
    "input", "context", "steps", "run", "item", "index", "previous", "result",
];
/// Words that CEL keeps for itself: a step of that name could not be read in a condition.
const CEL_WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl<'a> Compiling<'a> {
    fn new(workflow: &'a Workflow, catalogue: &'a Catalogue, effort: usize) -> Self {
        Self {
            workflow,
            catalogue,
            places: Places::new(workflow),
            problems: Vec::new(),
            more_problems: 0,
            has_no_graph: false,
            effort,
            is_saved: false,
            specs: BTreeMap::new(),
        }
    }

    fn plan(mut self) -> Result<Plan, Vec<Diagnostic>> {
        if !self.check_size() {
            return Err(self.problems);
        }
        self.check_header();
        self.check_ids();
        if self.has_no_graph {
            return Err(self.all_problems());
        }
        let graph = self.graph();
        let order = self.check_graph(&graph);
        let steps = self.plan_steps(&graph);
        let conditions = self.conditions(&graph);
        let concurrency = self.run_limit();
        if let Some(order) = order {
            let ancestors = references::ancestors(&graph.outline, &order);
            self.check_references(&graph, &ancestors, &steps, &conditions);
            self.check_routes(&graph, &order, &ancestors, &steps);
        }
        self.check_cases(&graph);
        if self.problems.is_empty() {
            Ok(self.assemble(graph, steps, conditions, concurrency))
        } else {
            Err(self.all_problems())
        }
    }

    fn report(&mut self, mut problem: Diagnostic) {
        self.has_no_graph |= matches!(
            problem.code.as_str(),
            "no_steps" | "too_large" | "duplicate_step_id" | "nested_too_deep"
        );
        if self.is_full() {
            self.more_problems += 1;
            return;
        }
        let step = problem.step.as_ref().filter(|_| problem.at.is_empty());
        if let Some(at) = step.and_then(|step| self.places.find(step.as_str())) {
            problem.at = self.places.pointer(at);
        }
        self.problems.push(problem);
    }

    /// Nobody reads more, and making the sentences would take longer than finding the problems.
    fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS_MAX
    }

    /// As `is_full`; what is found then is counted and not put into words.
    fn only_counts(&mut self) -> bool {
        self.more_problems += usize::from(self.is_full());
        self.is_full()
    }

    fn all_problems(mut self) -> Vec<Diagnostic> {
        if self.more_problems > 0 {
            let message = format!("There are {} more problems.", self.more_problems);
            let problem = Diagnostic::new("too_many_problems", message)
                .fix("Mend those above first; then the others are shown.");
            self.problems.push(problem);
        }
        self.problems
    }

    fn check_header(&mut self) {
        let workflow = self.workflow;
        if workflow.name.trim().is_empty() {
            let name = PatchOperation::replace("/name", "New workflow");
            self.report(
                Diagnostic::new("name_missing", "The workflow has no name.")
                    .field("name")
                    .fix("Give it one.")
                    .repair(Some(Repair::one("Call it “New workflow”", name))),
            );
        }
        if workflow.name.chars().count() > NAME_CHARS_MAX {
            let message = format!("The name is longer than {NAME_CHARS_MAX} characters.");
            self.report(
                Diagnostic::new("name_too_long", message)
                    .field("name")
                    .repair(Some(repairs::shorter_name("/name", &workflow.name))),
            );
        }
        if workflow.steps.is_empty() {
            self.report(
                Diagnostic::new("no_steps", "The workflow has no steps.")
                    .field("steps")
                    .fix("Add at least one step."),
            );
        }
        if let Some(ms) = workflow.timeout_ms {
            self.check_run_number("timeout_ms", ms, RUN_TIMEOUT_MS_MAX);
        }
        if let Some(max) = workflow.max_in_flight {
            self.check_run_number("max_in_flight", max.into(), u32::MAX.into());
        }
        if let Some(limit) = &workflow.concurrency {
            self.check_run_number("concurrency.max", limit.max.into(), u32::MAX.into());
        }
        self.check_input_schema();
    }

    /// A number of the workflow itself, from 1 on.
    fn check_run_number(&mut self, field: &str, value: u64, max: u64) {
        if (1..=max).contains(&value) {
            return;
        }
        let message =
            format!("`{field}` of the workflow is {value}; it must lie between 1 and {max}.");
        let pointer = format!("/{}", field.replace('.', "/"));
        self.report(
            Diagnostic::new("bad_number", message)
                .field(field)
                .repair(Some(repairs::clamped(pointer, field, value, 1, max))),
        );
    }

    fn check_input_schema(&mut self) {
        let Some(schema) = &self.workflow.inputs else {
            return;
        };
        let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
        let properties_fit = schema.get("properties").is_none_or(|properties| {
            properties.as_object().is_some_and(|fields| {
                fields
                    .values()
                    .all(|field| field.is_object() || field.is_boolean())
            })
        });
        if !is_object || !properties_fit {
            let problem = Diagnostic::new(
                "bad_input_schema",
                "`inputs` must be a JSON Schema of an object.",
            )
            .field("inputs")
            .fix("Write `inputs: { type: object, properties: { … } }`.")
            .repair(Some(repairs::object_schema(schema)));
            self.report(problem);
        }
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let described = schema.get("properties");
        for (at, name) in required.enumerate() {
            let Some(name) = name.as_str() else { continue };
            let is_described = described.is_some_and(|properties| properties.get(name).is_some());
            if !is_described && !self.only_counts() {
                let message = format!("`inputs` requires `{name}` but does not describe it.");
                let repair = self.describe_input(schema, at, name);
                self.report(
                    Diagnostic::new("bad_input_schema", message)
                        .field(format!("inputs.required.{at}"))
                        .fix(format!("Add `{name}` to `properties`."))
                        .repair(repair),
                );
            }
        }
    }

    fn check_ids(&mut self) {
        for at in 0..self.places.steps().len() {
            let step = self.places.steps()[at].step;
            let id = step.id.as_str();
            let is_taken = self.places.is_repeated(at);
            self.has_no_graph |= is_taken;
            let is_fine = is_wellformed(id) && !is_reserved(id) && !is_taken;
            if is_fine || self.only_counts() {
                continue;
            }
            let problem = if !is_wellformed(id) {
                Diagnostic::new("bad_step_id", format!("`{id}` cannot be a step id.")).fix(
                    "Use a lower-case letter, then letters, digits and `_`, 64 characters at most.",
                )
            } else if is_reserved(id) {
                Diagnostic::new("reserved_step_id", format!("`{id}` is a reserved word."))
                    .fix(format!("Call it `{id}_step`, for example."))
            } else {
                Diagnostic::new("duplicate_step_id", format!("There are two steps `{id}`."))
                    .fix("Give each step an id of its own.")
            };
            let repair = self.another_id(at);
            let problem = problem
                .step(&step.id)
                .field("id")
                .at(self.places.pointer(at))
                .repair(repair);
            self.report(problem);
        }
    }

    /// The parsed condition of each edge.
    fn conditions(&mut self, graph: &Graph<'_>) -> Vec<Option<Expression>> {
        let mut conditions = Vec::with_capacity(graph.outline.edges.len());
        for (at, edge) in graph.outline.edges.iter().enumerate() {
            let condition = edge.when.as_deref().map(Expression::parse).transpose();
            if let Err(message) = &condition {
                let repair = graph.edge_sources[at].as_ref().and_then(|source| {
                    let pointer = format!("{}/when", source.pointer());
                    repairs::expression(&pointer, "", edge.when.as_deref()?)
                });
                let problem =
                    Diagnostic::new("bad_expression", format!("{}.", capitalised(message)))
                        .field("when")
                        .repair(repair);
                self.report(graph.at_edge(problem, at));
            }
            conditions.push(condition.unwrap_or_default());
        }
        conditions
    }

    fn assemble(
        &self,
        graph: Graph<'_>,
        steps: Vec<Option<PlanStep>>,
        conditions: Vec<Option<Expression>>,
        concurrency: Option<Limit>,
    ) -> Plan {
        Plan {
            outline: Arc::new(graph.outline),
            steps: steps.into_iter().flatten().collect(),
            conditions,
            variables: self.workflow.variables.clone(),
            timeout_ms: self.workflow.timeout_ms,
            max_in_flight: self.workflow.max_in_flight.unwrap_or(IN_FLIGHT_DEFAULT),
            concurrency,
            compensate: self.workflow.compensate,
        }
    }
}

/// The first of the names, and how many more there are.
fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    const NAMED_MAX: usize = 30;
    let more = names.len().saturating_sub(NAMED_MAX);
    let named: Vec<&str> = names.take(NAMED_MAX).collect();
    match (named.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} more", named.join(", ")),
    }
}

/// Can it be a step id, or what a map calls its items?
pub(in crate::engine) fn is_wellformed(id: &str) -> bool {
    id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

pub(in crate::engine) fn is_reserved(id: &str) -> bool {
    RESERVED.contains(&id) || CEL_WORDS.contains(&id)
}

/// `probe_host` → `Probe host`.
pub fn in_words(id: &StepId) -> String {
    capitalised(&id.as_str().replace('_', " "))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
