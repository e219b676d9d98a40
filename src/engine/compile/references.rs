//! What bindings and conditions read: it must exist, and it must have ended before the reader starts.

use fixedbitset::FixedBitSet;
use serde_json::Value;
use std::collections::BTreeSet;

use super::{Compiling, Graph, Role, Source};
use crate::engine::binding::{Binding, Reference};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::expression::Expression;
use crate::engine::ids::StepId;
use crate::engine::plan::{Outline, PlanStep, WaitUntil, Work};
use crate::engine::workflow::StepKind;

/// Where a reference stands, for the report.
struct Place {
    /// The step of the outline that reads, or that the edge leaves.
    at: usize,
    step: Option<StepId>,
    /// Of the outline.
    edge: Option<usize>,
    field: &'static str,
}

impl Place {
    fn of_step(graph: &Graph<'_>, at: usize, field: &'static str) -> Self {
        Self {
            at,
            step: Some(graph.sources[at].step.id.clone()),
            edge: None,
            field,
        }
    }
}

/// What can be read at some place.
#[derive(Clone)]
struct Known {
    steps: FixedBitSet,
    /// The item or round that it is in.
    names: BTreeSet<String>,
}

impl Known {
    fn of(graph: &Graph<'_>, at: usize, ancestors: &FixedBitSet) -> Self {
        let mut names = BTreeSet::new();
        let mut outer = graph.outline.steps[at].parent;
        while let Some(owner) = outer {
            let step = graph.sources[owner].step;
            names.insert("index".to_owned());
            if step.kind == StepKind::Map {
                names.insert("item".to_owned());
                names.extend(step.item_name.clone());
            } else {
                names.insert("previous".to_owned());
            }
            outer = graph.outline.steps[owner].parent;
        }
        Self {
            steps: ancestors.clone(),
            names,
        }
    }
}

impl Compiling<'_> {
    pub(super) fn check_references(
        &mut self,
        graph: &Graph<'_>,
        order: &[usize],
        steps: &[Option<PlanStep>],
        conditions: &[Option<Expression>],
    ) {
        let ancestors = ancestors(&graph.outline, order);
        for (at, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            let known = Known::of(graph, at, &ancestors[at]);
            self.check_work(graph, at, &step.work, &known);
            if let Some(limit) = &step.limit {
                let place = Place::of_step(graph, at, "concurrency.key");
                self.check_binding(graph, &limit.key, &known, place);
            }
        }
        for (at, condition) in conditions.iter().enumerate() {
            let Some(condition) = condition else { continue };
            let from = graph.outline.edges[at].from;
            let mut known = Known::of(graph, from, &ancestors[from]);
            known.steps.insert(from);
            let place = Place {
                edge: Some(at),
                ..Place::of_step(graph, from, "when")
            };
            self.check_roots(graph, condition.variables(), &known, &place);
        }
    }

    fn check_work(&mut self, graph: &Graph<'_>, at: usize, work: &Work, known: &Known) {
        let place = |field| Place::of_step(graph, at, field);
        let is_undo = graph.outline.steps[at].undoes.is_some();
        match work {
            Work::Tool { with, .. } => {
                let field = if is_undo { "compensate.with" } else { "with" };
                self.check_binding(graph, with, known, place(field));
            }
            Work::Subworkflow { with, .. } | Work::External { with, .. } => {
                self.check_binding(graph, with, known, place("with"));
            }
            Work::Poll { with, until, .. } => {
                self.check_binding(graph, with, known, place("with"));
                let mut known = known.clone();
                known.names.insert("result".to_owned());
                self.check_roots(graph, until.variables(), &known, &place("until"));
            }
            Work::Transform { set } => self.check_binding(graph, set, known, place("set")),
            Work::Gate(gate) => {
                for (_, binding) in &gate.show {
                    self.check_binding(graph, binding, known, place("show"));
                }
                // The gate shows what the step will do, so it must be able to resolve it already.
            }
            Work::Condition { expression } => {
                self.check_roots(graph, expression.variables(), known, &place("expression"));
            }
            Work::Map(map) => self.check_binding(graph, &map.over, known, place("over")),
            Work::Loop(round) => {
                let mut known = known.clone();
                known.names.insert("index".to_owned());
                known.names.insert("previous".to_owned());
                if let Some(body) = graph.outline.body_inside(at) {
                    known
                        .steps
                        .extend(graph.outline.bodies()[body].steps.iter().copied());
                }
                self.check_roots(graph, round.until.variables(), &known, &place("until"));
            }
            Work::Wait {
                until: WaitUntil::For(binding),
            } => self.check_binding(graph, binding, known, place("for_ms")),
            Work::Wait {
                until: WaitUntil::At(binding),
            } => self.check_binding(graph, binding, known, place("at")),
            Work::Parallel | Work::Join { .. } => {}
        }
    }

    fn check_binding(&mut self, graph: &Graph<'_>, binding: &Binding, known: &Known, place: Place) {
        self.check_roots(graph, &binding.roots(), known, &place);
        for reference in binding.references() {
            let step = graph.outline.position(&reference.root);
            if step.is_none_or(|step| known.steps.contains(step)) {
                self.check_path(graph, reference, &place);
            }
        }
    }

    fn check_roots(
        &mut self,
        graph: &Graph<'_>,
        roots: &BTreeSet<String>,
        known: &Known,
        place: &Place,
    ) {
        for root in roots {
            if matches!(root.as_str(), "input" | "context") || known.names.contains(root) {
                continue;
            }
            match graph.outline.position(root) {
                None => {
                    let steps = known
                        .steps
                        .ones()
                        .map(|step| graph.outline.steps[step].id.as_str());
                    let available = names(known.names.iter().map(String::as_str).chain(steps));
                    let message = match root.as_str() {
                        "item" => "`item` is only there inside a `map`.".to_owned(),
                        "previous" => "`previous` is only there inside a `loop`.".to_owned(),
                        "index" => "`index` is only there inside a `map` or a `loop`.".to_owned(),
                        _ => format!("`{root}` is neither `input`, `context` nor a step."),
                    };
                    let problem = Diagnostic::new("unknown_reference", message)
                        .fix(format!("Available here: input, context{available}."));
                    self.report_at(graph, problem, place);
                }
                Some(step) if self.hidden_in(graph, step, place).is_some() => {
                    let owner = self.hidden_in(graph, step, place).unwrap_or_default();
                    let message =
                        format!("`{root}` is inside `{owner}` and cannot be read from here.");
                    let fix = format!("Read the value of `{owner}` instead.");
                    let problem = Diagnostic::new("not_upstream", message).fix(fix);
                    self.report_at(graph, problem, place);
                }
                Some(step) if !known.steps.contains(step) => {
                    let message = format!(
                        "`{root}` is read before it has run: no way leads from it to here."
                    );
                    let problem = Diagnostic::new("not_upstream", message).fix(format!(
                        "Add an edge so that `{root}` comes first, or read something else."
                    ));
                    self.report_at(graph, problem, place);
                }
                Some(_) => {}
            }
        }
    }

    /// The map or loop that hides the step from whoever reads it there.
    fn hidden_in(&self, graph: &Graph<'_>, step: usize, place: &Place) -> Option<String> {
        let outline = &graph.outline;
        let mut around: Vec<Option<usize>> = vec![None, Some(place.at)];
        let mut outer = outline.steps[place.at].parent;
        while let Some(owner) = outer {
            around.push(Some(owner));
            outer = outline.steps[owner].parent;
        }
        let parent = outline.steps[step].parent;
        (!around.contains(&parent)).then(|| outline.steps[parent.unwrap_or(step)].id.to_string())
    }

    /// The first part of the path, where it is known what there is.
    fn check_path(&mut self, graph: &Graph<'_>, reference: &Reference, place: &Place) {
        let Some(first) = reference.path.first() else {
            return;
        };
        let Some(fields) = self.known_fields(graph, &reference.root) else {
            return;
        };
        if !fields.contains(first) {
            let has = if fields.is_empty() {
                "nothing".to_owned()
            } else {
                fields.iter().cloned().collect::<Vec<_>>().join(", ")
            };
            let problem = Diagnostic::new(
                "unknown_path",
                format!("`{reference}`: `{}` has no `{first}`.", reference.root),
            )
            .fix(format!("It has {has}."));
            self.report_at(graph, problem, place);
        }
    }

    /// The fields that a reference root is known to have; none where anything goes.
    fn known_fields(&self, graph: &Graph<'_>, root: &str) -> Option<BTreeSet<String>> {
        let inputs = || match &self.workflow.inputs {
            Some(schema) => properties(schema),
            None => None,
        };
        match root {
            "input" => inputs(),
            "context" => inputs().map(|mut fields| {
                fields.extend(self.workflow.variables.keys().cloned());
                fields
            }),
            _ => {
                let Source { step, role } = graph.sources.get(graph.outline.position(root)?)?;
                if *role != Role::Itself {
                    return None;
                }
                let fields = |names: &[&str]| {
                    let names = names.iter().chain(&["error"]);
                    Some(names.map(|name| (*name).to_owned()).collect())
                };
                match step.kind {
                    StepKind::Map => fields(&["results", "succeeded", "failed", "errors"]),
                    StepKind::Loop => fields(&["result", "iterations"]),
                    StepKind::Transform => {
                        let set = step.set.as_ref()?;
                        Some(set.keys().cloned().chain(["error".to_owned()]).collect())
                    }
                    StepKind::HumanGate
                    | StepKind::Condition
                    | StepKind::Parallel
                    | StepKind::Join
                    | StepKind::Subworkflow
                    | StepKind::External => None,
                    StepKind::ToolCall | StepKind::Wait => {
                        let spec = self.catalogue.get(step.tool.as_deref()?)?;
                        properties(&spec.output_schema).map(|mut fields| {
                            fields.insert("error".to_owned());
                            fields
                        })
                    }
                }
            }
        }
    }

    fn report_at(&mut self, graph: &Graph<'_>, mut problem: Diagnostic, place: &Place) {
        problem.step = place.step.clone();
        if let Some(edge) = place.edge {
            problem = graph.at_edge(problem, edge);
        }
        problem.field = Some(place.field.to_owned());
        if !self.problems.contains(&problem) {
            self.report(problem);
        }
    }
}

/// The declared properties, unless the schema explicitly allows others.
fn properties(schema: &Value) -> Option<BTreeSet<String>> {
    let open = matches!(
        schema.get("additionalProperties"),
        Some(Value::Bool(true) | Value::Object(_))
    );
    let fields = schema.get("properties")?.as_object()?;
    (!open).then(|| fields.keys().cloned().collect())
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.take(20).map(|name| format!(", {name}")).collect()
}

/// For each step, the steps that have ended when it begins: those from which a way leads to it or to the map or loop
/// that holds it.
pub(super) fn ancestors(outline: &Outline, order: &[usize]) -> Vec<FixedBitSet> {
    let mut ancestors = vec![FixedBitSet::with_capacity(outline.steps.len()); outline.steps.len()];
    for &step in order {
        let mut own = match outline.steps[step].parent {
            Some(owner) => ancestors[owner].clone(),
            None => FixedBitSet::with_capacity(outline.steps.len()),
        };
        for &edge in outline.incoming(step) {
            let from = outline.edges[edge].from;
            own.union_with(&ancestors[from]);
            own.insert(from);
        }
        ancestors[step] = own;
    }
    for (step, shape) in outline.steps.iter().enumerate() {
        if let Some(undone) = shape.undoes {
            ancestors[step] = ancestors[undone].clone();
            ancestors[step].insert(undone);
        }
    }
    ancestors
}
