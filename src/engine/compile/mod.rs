//! From a workflow to a plan, or to everything that is wrong with it. The same function answers in the builder, on
//! save and before a run; what it lets through, `decide` can execute.

mod bodies;
mod cases;
mod graph;
mod kinds;
mod references;
mod routes;
mod steps;

#[cfg(test)]
mod tests;

pub(in crate::engine) use cases::problems_of_case;

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::expression::Expression;
use super::ids::StepId;
use super::limits::{EDGES_MAX, IN_FLIGHT_DEFAULT, NAME_CHARS_MAX, RUN_TIMEOUT_MS_MAX, STEPS_MAX};
use super::plan::{Limit, Outline, Plan, PlanStep};
use super::tool::Catalogue;
use super::workflow::{Step, Workflow};

/// Compiles the workflow against the tools there are. All problems are reported at once, in the author's order.
pub fn compile(workflow: &Workflow, catalogue: &Catalogue) -> Result<Plan, Vec<Diagnostic>> {
    let mut compiling = Compiling {
        workflow,
        catalogue,
        problems: Vec::new(),
    };
    compiling.check_header();
    compiling.check_ids();
    if !compiling.problems.is_empty() && compiling.too_broken_for_a_graph() {
        return Err(compiling.problems);
    }
    let graph = compiling.graph();
    let order = compiling.check_graph(&graph);
    let steps = compiling.plan_steps(&graph);
    let conditions = compiling.conditions(&graph);
    let concurrency = compiling.run_limit();
    if let Some(order) = order {
        compiling.check_references(&graph, &order, &steps, &conditions);
        compiling.check_routes(&graph, &order, &steps);
    }
    compiling.check_cases(&graph);
    if compiling.problems.is_empty() {
        Ok(compiling.assemble(graph, steps, conditions, concurrency))
    } else {
        Err(compiling.problems)
    }
}

struct Compiling<'a> {
    workflow: &'a Workflow,
    catalogue: &'a Catalogue,
    problems: Vec<Diagnostic>,
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
}

impl Graph<'_> {
    /// The problem, placed at that edge of the outline.
    fn at_edge(&self, mut problem: Diagnostic, edge: usize) -> Diagnostic {
        if let Some(source) = &self.edge_sources[edge] {
            problem.edge = Some(source.position);
            problem.step = source.inside.clone();
        }
        problem
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
    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn check_header(&mut self) {
        let workflow = self.workflow;
        if workflow.name.trim().is_empty() {
            self.report(Diagnostic::new("name_missing", "The workflow has no name.").field("name"));
        }
        if workflow.name.chars().count() > NAME_CHARS_MAX {
            let message = format!("The name is longer than {NAME_CHARS_MAX} characters.");
            self.report(Diagnostic::new("name_too_long", message).field("name"));
        }
        if workflow.steps.is_empty() {
            self.report(
                Diagnostic::new("no_steps", "The workflow has no steps.")
                    .field("steps")
                    .fix("Add at least one step."),
            );
        }
        let (steps, edges) = bodies::sizes(workflow);
        if steps > STEPS_MAX || edges > EDGES_MAX {
            let message =
                format!("The workflow has more than {STEPS_MAX} steps or {EDGES_MAX} edges.");
            self.report(
                Diagnostic::new("too_large", message).fix("Split it into several workflows."),
            );
        }
        if let Some(ms) = workflow.timeout_ms
            && !(1..=RUN_TIMEOUT_MS_MAX).contains(&ms)
        {
            let message = format!(
                "`timeout_ms` of the workflow is {ms}; it must lie between 1 and {RUN_TIMEOUT_MS_MAX}."
            );
            self.report(Diagnostic::new("bad_number", message).field("timeout_ms"));
        }
        if workflow.max_in_flight == Some(0) {
            self.report(
                Diagnostic::new("bad_number", "`max_in_flight` must be at least 1.")
                    .field("max_in_flight"),
            );
        }
        if let Some(limit) = &workflow.concurrency
            && limit.max == 0
        {
            let message = "`concurrency.max` must be at least 1.";
            self.report(Diagnostic::new("bad_number", message).field("concurrency.max"));
        }
        self.check_input_schema();
        self.check_depth();
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
            .fix("Write `inputs: { type: object, properties: { … } }`.");
            self.report(problem);
        }
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for name in required.filter_map(Value::as_str) {
            if schema
                .get("properties")
                .and_then(|properties| properties.get(name))
                .is_none()
            {
                let message = format!("`inputs` requires `{name}` but does not describe it.");
                self.report(
                    Diagnostic::new("bad_input_schema", message)
                        .field("inputs.required")
                        .fix(format!("Add `{name}` to `properties`.")),
                );
            }
        }
    }

    fn check_ids(&mut self) {
        let mut seen: BTreeMap<&StepId, ()> = BTreeMap::new();
        for step in bodies::all_steps(self.workflow) {
            let id = step.id.as_str();
            let wellformed = id.len() <= 64
                && id.starts_with(|c: char| c.is_ascii_lowercase())
                && id
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !wellformed {
                let problem = Diagnostic::new(
                    "bad_step_id",
                    format!("`{id}` cannot be a step id."),
                )
                .step(&step.id)
                .field("id")
                .fix(
                    "Use a lower-case letter, then letters, digits and `_`, 64 characters at most.",
                );
                self.problems.push(problem);
            } else if RESERVED.contains(&id) || CEL_WORDS.contains(&id) {
                let problem =
                    Diagnostic::new("reserved_step_id", format!("`{id}` is a reserved word."))
                        .step(&step.id)
                        .field("id")
                        .fix(format!("Call it `{id}_step`, for example."));
                self.problems.push(problem);
            }
            if seen.insert(&step.id, ()).is_some() {
                let problem =
                    Diagnostic::new("duplicate_step_id", format!("There are two steps `{id}`."))
                        .step(&step.id)
                        .field("id")
                        .fix("Give each step an id of its own.");
                self.problems.push(problem);
            }
        }
    }

    /// Without unique ids or steps there is no graph to look at, and more reports would only mislead.
    fn too_broken_for_a_graph(&self) -> bool {
        self.problems.iter().any(|problem| {
            matches!(
                problem.code.as_str(),
                "no_steps" | "too_large" | "duplicate_step_id" | "nested_too_deep"
            )
        })
    }

    /// The parsed condition of each edge.
    fn conditions(&mut self, graph: &Graph<'_>) -> Vec<Option<Expression>> {
        let mut conditions = Vec::with_capacity(graph.outline.edges.len());
        for (at, edge) in graph.outline.edges.iter().enumerate() {
            let condition = edge.when.as_deref().map(Expression::parse).transpose();
            if let Err(message) = &condition {
                let problem =
                    Diagnostic::new("bad_expression", format!("{}.", capitalised(message)))
                        .field("when");
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

/// `probe_host` → `Probe host`.
fn in_words(id: &StepId) -> String {
    capitalised(&id.as_str().replace('_', " "))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
