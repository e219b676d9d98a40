//! What bindings and conditions read: it must exist, and it must have ended before the reader starts.

use fixedbitset::FixedBitSet;
use serde_json::Value;
use std::collections::BTreeSet;

use super::{Compiling, Graph};
use crate::engine::binding::{Binding, Reference};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::expression::Expression;
use crate::engine::ids::StepId;
use crate::engine::plan::{Outline, PlanStep, Work};

/// Where a reference stands, for the report.
struct Place {
    step: Option<StepId>,
    edge: Option<usize>,
    field: &'static str,
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
            let place = |field| Place {
                step: Some(graph.sources[at].0.id.clone()),
                edge: None,
                field,
            };
            match &step.work {
                Work::Tool { with, .. } => {
                    self.check_binding(graph, with, &ancestors[at], place("with"))
                }
                Work::Transform { set } => {
                    self.check_binding(graph, set, &ancestors[at], place("set"))
                }
                Work::Gate(gate) => {
                    for (_, binding) in &gate.show {
                        self.check_binding(graph, binding, &ancestors[at], place("show"));
                    }
                    // The gate shows what the step will do, so it must be able to resolve it already.
                }
                Work::Condition { expression } => {
                    self.check_roots(
                        graph,
                        expression.variables(),
                        &ancestors[at],
                        &place("expression"),
                    );
                }
                Work::Parallel | Work::Join { .. } => {}
            }
        }
        for (at, condition) in conditions.iter().enumerate() {
            let Some(condition) = condition else { continue };
            let from = graph.outline.edges[at].from;
            let mut known = ancestors[from].clone();
            known.insert(from);
            let place = Place {
                step: None,
                edge: graph.edge_sources[at],
                field: "when",
            };
            self.check_roots(graph, condition.variables(), &known, &place);
        }
    }

    fn check_binding(
        &mut self,
        graph: &Graph<'_>,
        binding: &Binding,
        known: &FixedBitSet,
        place: Place,
    ) {
        self.check_roots(graph, &binding.roots(), known, &place);
        for reference in binding.references() {
            self.check_path(graph, reference, &place);
        }
    }

    fn check_roots(
        &mut self,
        graph: &Graph<'_>,
        roots: &BTreeSet<String>,
        known: &FixedBitSet,
        place: &Place,
    ) {
        for root in roots {
            if matches!(root.as_str(), "input" | "context") {
                continue;
            }
            match graph.outline.position(&StepId::new(root.as_str())) {
                None => {
                    let available = names(
                        known
                            .ones()
                            .map(|step| graph.outline.steps[step].id.as_str()),
                    );
                    let problem = Diagnostic::new(
                        "unknown_reference",
                        format!("`{root}` is neither `input`, `context` nor a step."),
                    )
                    .fix(format!("Available here: input, context{available}."));
                    self.report_at(problem, place);
                }
                Some(step) if !known.contains(step) => {
                    let message = format!(
                        "`{root}` is read before it has run: no way leads from it to here."
                    );
                    let problem = Diagnostic::new("not_upstream", message).fix(format!(
                        "Add an edge so that `{root}` comes first, or read something else."
                    ));
                    self.report_at(problem, place);
                }
                Some(_) => {}
            }
        }
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
            self.report_at(problem, place);
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
                let (step, is_gate) = graph
                    .sources
                    .get(graph.outline.position(&StepId::new(root))?)?;
                if *is_gate {
                    return None;
                }
                match &step.set {
                    Some(set) => Some(set.keys().cloned().chain(["error".to_owned()]).collect()),
                    None => {
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

    fn report_at(&mut self, mut problem: Diagnostic, place: &Place) {
        problem.step = place.step.clone();
        problem.edge = place.edge;
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

/// For each step, the steps from which a way leads to it.
pub(super) fn ancestors(outline: &Outline, order: &[usize]) -> Vec<FixedBitSet> {
    let mut ancestors = vec![FixedBitSet::with_capacity(outline.steps.len()); outline.steps.len()];
    for &step in order {
        let mut own = FixedBitSet::with_capacity(outline.steps.len());
        for &edge in outline.incoming(step) {
            let from = outline.edges[edge].from;
            own.union_with(&ancestors[from]);
            own.insert(from);
        }
        ancestors[step] = own;
    }
    ancestors
}
