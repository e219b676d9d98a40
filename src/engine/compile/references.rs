//! What bindings and conditions read: it must exist, and it must have ended before the reader starts.

use fixedbitset::FixedBitSet;
use std::borrow::Cow;
use std::collections::BTreeSet;

use super::fields::{Fields, properties};
use super::{Compiling, Graph, Role, Source};
use crate::engine::binding::{Binding, Leaf};
use crate::engine::diagnostic::{Diagnostic, Repair};
use crate::engine::expression::Expression;
use crate::engine::names;
use crate::engine::patch::PatchOperation;
use crate::engine::plan::{GateWork, Outline, PlanStep, WaitUntil, Work};
use crate::engine::reads::Language;
use crate::engine::rename::rename_in;
use crate::engine::spelling::closest;
use crate::engine::workflow::{Step, StepKind};

/// Where a text that reads names stands.
struct Place<'p> {
    /// The step of the outline that reads, or that the edge leaves.
    at: usize,
    /// Of the outline.
    edge: Option<usize>,
    /// The field: `["compensate", "with"]`.
    field: &'p [&'p str],
    /// The way to the text inside the field's value.
    inside: &'p [String],
}

impl<'p> Place<'p> {
    fn of_step(at: usize, field: &'p [&'p str]) -> Self {
        Self {
            at,
            edge: None,
            field,
            inside: &[],
        }
    }

    fn parts(&self) -> Vec<&'p str> {
        let inside = self.inside.iter().map(String::as_str);
        self.field.iter().copied().chain(inside).collect()
    }
}

/// The text itself.
#[derive(Clone, Copy)]
struct Text<'t> {
    language: Language,
    text: &'t str,
}

/// A field that is read of a step or of an input.
#[derive(Clone, Copy)]
struct Read<'r> {
    root: &'r str,
    field: &'r str,
    /// As the author knows it.
    text: &'r str,
}

/// What can be read at some place.
#[derive(Clone)]
pub(super) struct Known<'a> {
    pub steps: Cow<'a, FixedBitSet>,
    /// The item or round that it is in.
    pub names: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(graph: &Graph<'a>, at: usize, ancestors: &'a FixedBitSet) -> Self {
        let mut names = BTreeSet::new();
        let mut outer = graph.outline.steps[at].parent;
        while let Some(owner) = outer {
            let step = graph.sources[owner].step;
            names.insert("index");
            if step.kind == StepKind::Map {
                names.insert("item");
                names.extend(step.item_name.as_deref());
            } else {
                names.insert("previous");
            }
            outer = graph.outline.steps[owner].parent;
        }
        Self {
            steps: Cow::Borrowed(ancestors),
            names,
        }
    }
}

impl<'a> Compiling<'a> {
    pub(super) fn check_references(
        &mut self,
        graph: &Graph<'a>,
        ancestors: &[FixedBitSet],
        steps: &[Option<PlanStep>],
        conditions: &[Option<Expression>],
    ) {
        for (at, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            let known = Known::of(graph, at, &ancestors[at]);
            self.check_work(graph, at, &step.work, &known);
            if let Some(limit) = &step.limit {
                let place = Place::of_step(at, &["concurrency", "key"]);
                self.check_binding(graph, &limit.key, &known, &place);
            }
        }
        for (at, condition) in conditions.iter().enumerate() {
            let Some(condition) = condition else { continue };
            let from = graph.outline.edges[at].from;
            let mut known = Known::of(graph, from, &ancestors[from]);
            known.steps.to_mut().insert(from);
            let place = Place {
                edge: Some(at),
                ..Place::of_step(from, &["when"])
            };
            self.check_expression(graph, condition, &known, &place);
        }
    }

    fn check_work(&mut self, graph: &Graph<'a>, at: usize, work: &Work, known: &Known<'_>) {
        let is_undo = graph.outline.steps[at].undoes.is_some();
        let place = |field| Place::of_step(at, field);
        match work {
            Work::Tool { with, .. } if is_undo => {
                self.check_binding(graph, with, known, &place(&["compensate", "with"]));
            }
            Work::Tool { with, .. }
            | Work::Subworkflow { with, .. }
            | Work::External { with, .. } => {
                self.check_binding(graph, with, known, &place(&["with"]));
            }
            Work::Poll { with, until, .. } => {
                self.check_binding(graph, with, known, &place(&["with"]));
                let mut known = known.clone();
                known.names.insert("result");
                self.check_expression(graph, until, &known, &place(&["until"]));
            }
            Work::Transform { set } => self.check_binding(graph, set, known, &place(&["set"])),
            Work::Gate(gate) => self.check_shown(graph, at, gate, known),
            Work::Condition { expression } => {
                self.check_expression(graph, expression, known, &place(&["expression"]));
            }
            Work::Map(map) => self.check_binding(graph, &map.over, known, &place(&["over"])),
            Work::Loop(round) => {
                let mut known = known.clone();
                known.names.extend(["index", "previous"]);
                if let Some(body) = graph.outline.body_inside(at) {
                    let inside = graph.outline.bodies()[body].steps.iter().copied();
                    known.steps.to_mut().extend(inside);
                }
                self.check_expression(graph, &round.until, &known, &place(&["until"]));
            }
            Work::Wait {
                until: WaitUntil::For(binding),
            } => self.check_binding(graph, binding, known, &place(&["for_ms"])),
            Work::Wait {
                until: WaitUntil::At(binding),
            } => self.check_binding(graph, binding, known, &place(&["at"])),
            Work::Parallel | Work::Join { .. } => {}
        }
    }

    /// A gate before a step shows what the step will do, so it must be able to resolve it already.
    fn check_shown(&mut self, graph: &Graph<'a>, at: usize, gate: &GateWork, known: &Known<'_>) {
        let Source { step, role } = graph.sources[at];
        let (prefix, texts): (&[&str], &[String]) = match (role, &step.approval) {
            (Role::Approval, Some(approval)) => (&["approval", "show"], &approval.show),
            (Role::Itself | Role::Approval | Role::Undo, _) => (&["show"], &step.show),
        };
        // What is neither a reference nor an expression has been reported, and is not among what the gate shows.
        let readable = texts.iter().enumerate();
        let readable = readable.filter(|(_, text)| text.starts_with(['$', '=']));
        for ((position, _), (_, binding)) in readable.zip(&gate.show) {
            let position = position.to_string();
            let field: Vec<&str> = prefix.iter().copied().chain([position.as_str()]).collect();
            self.check_binding(graph, binding, known, &Place::of_step(at, &field));
        }
    }

    fn check_binding(
        &mut self,
        graph: &Graph<'a>,
        binding: &Binding,
        known: &Known<'_>,
        place: &Place<'_>,
    ) {
        binding.each_text(&mut Vec::new(), &mut |inside, leaf| {
            let place = Place { inside, ..*place };
            match leaf {
                Leaf::Expression(expression) => {
                    self.check_reads(graph, expression.variables(), known, &place, || {
                        format!("={}", expression.source())
                    });
                    self.check_reads_of_fields(graph, expression, known, &place, "=");
                }
                Leaf::Reference(reference) => {
                    let root = std::iter::once(&reference.root);
                    self.check_reads(graph, root, known, &place, || reference.to_string());
                    let step = graph.outline.position(&reference.root);
                    if let Some(first) = reference.path.first()
                        && step.is_none_or(|step| known.steps.contains(step))
                    {
                        let read = Read {
                            root: &reference.root,
                            field: first,
                            text: &reference.to_string(),
                        };
                        self.check_field(graph, &read, &place, |meant| {
                            let mut corrected = reference.clone();
                            corrected.path[0] = meant.to_owned();
                            let text = corrected.to_string();
                            Some((text.clone(), text))
                        });
                    }
                }
            }
        });
    }

    fn check_expression(
        &mut self,
        graph: &Graph<'a>,
        expression: &Expression,
        known: &Known<'_>,
        place: &Place<'_>,
    ) {
        for root in expression.variables() {
            let text = Text {
                language: Language::Expression,
                text: expression.source(),
            };
            self.check_root(graph, root, known, place, text);
        }
        self.check_reads_of_fields(graph, expression, known, place, "");
    }

    /// What an expression reads of steps and inputs of which it is known what they have. `sign` stands before it.
    fn check_reads_of_fields(
        &mut self,
        graph: &Graph<'a>,
        expression: &Expression,
        known: &Known<'_>,
        place: &Place<'_>,
        sign: &str,
    ) {
        if self.is_saved {
            return;
        }
        for (root, field) in expression.fields() {
            let step = graph.outline.position(root);
            let is_there = step.is_none_or(|step| known.steps.contains(step));
            if !is_there || known.names.contains(root.as_str()) {
                continue;
            }
            let read = Read {
                root,
                field,
                text: &format!("{root}.{field}"),
            };
            self.check_field(graph, &read, place, |meant| {
                let corrected = names::rename_field(expression.source(), root, field, meant)?;
                Some((format!("{root}.{meant}"), format!("{sign}{corrected}")))
            });
        }
    }

    fn check_reads<'r>(
        &mut self,
        graph: &Graph<'a>,
        roots: impl IntoIterator<Item = &'r String>,
        known: &Known<'_>,
        place: &Place<'_>,
        text: impl Fn() -> String,
    ) {
        for root in roots {
            if is_always_there(root) || known.names.contains(root.as_str()) {
                continue;
            }
            let text = text();
            let text = Text {
                language: Language::Binding,
                text: &text,
            };
            self.check_root(graph, root, known, place, text);
        }
    }

    fn check_root(
        &mut self,
        graph: &Graph<'a>,
        root: &str,
        known: &Known<'_>,
        place: &Place<'_>,
        text: Text<'_>,
    ) {
        if is_always_there(root) || known.names.contains(root) {
            return;
        }
        let Some(step) = graph.outline.position(root) else {
            return self.report_unknown(graph, root, known, place, text);
        };
        let problem = if let Some(owner) = hidden_in(graph, step, place) {
            Diagnostic::new(
                "not_upstream",
                format!("`{root}` is inside `{owner}` and cannot be read from here."),
            )
            .fix(format!("Read the value of `{owner}` instead."))
        } else if !known.steps.contains(step) {
            Diagnostic::new(
                "not_upstream",
                format!("`{root}` is read before it has run: no way leads from it to here."),
            )
            .fix(format!(
                "Draw a way so that `{root}` comes first, or read something else."
            ))
            .repair(self.comes_first(graph, step, place.at))
        } else {
            return;
        };
        self.report_at(graph, problem, place);
    }

    fn report_unknown(
        &mut self,
        graph: &Graph<'a>,
        root: &str,
        known: &Known<'_>,
        place: &Place<'_>,
        text: Text<'_>,
    ) {
        if self.only_counts() {
            return;
        }
        let steps = known.steps.ones();
        let steps = steps.map(|step| graph.outline.steps[step].id.as_str());
        let available = names(known.names.iter().copied().chain(steps));
        let message = match root {
            "item" => "`item` is only there inside a `map`.".to_owned(),
            "previous" => "`previous` is only there inside a `loop`.".to_owned(),
            "index" => "`index` is only there inside a `map` or a `loop`.".to_owned(),
            _ => format!("`{root}` is neither `input`, `context` nor a step."),
        };
        let meant = self.meant_name(graph, root, known);
        let repair = meant.and_then(|meant| {
            let corrected = rename_in(text.language, text.text, root, &meant)?;
            let pointer = self.pointer_of(graph, place)?;
            Some(Repair::one(
                format!("Read `{meant}`"),
                PatchOperation::replace(pointer, corrected),
            ))
        });
        let problem = Diagnostic::new("unknown_reference", message)
            .fix(format!("Available here: input, context{available}."))
            .repair(repair);
        self.report_at(graph, problem, place);
    }

    /// Whether there is such a field, where it is known what there is. `corrected` writes the one that was meant: what is
    /// read, and the whole text.
    fn check_field(
        &mut self,
        graph: &Graph<'a>,
        read: &Read<'_>,
        place: &Place<'_>,
        corrected: impl FnOnce(&str) -> Option<(String, String)>,
    ) {
        let Read { root, field, text } = *read;
        let Some(fields) = self.known_fields(graph, root) else {
            return;
        };
        if fields.contains(field) || self.only_counts() {
            return;
        }
        let names = fields.names();
        let has = super::listed(names.iter().copied());
        let meant = self
            .affords(names.len())
            .then(|| closest(field, names.iter().copied()))
            .flatten();
        let repair = meant.and_then(|meant| {
            let (read, whole) = corrected(meant)?;
            let replace = PatchOperation::replace(self.pointer_of(graph, place)?, whole);
            Some(Repair::one(format!("Read `{read}`"), replace))
        });
        let message = format!("`{text}`: `{root}` has no `{field}`.");
        let problem = Diagnostic::new("unknown_path", message)
            .fix(format!("It has {has}."))
            .repair(repair);
        self.report_at(graph, problem, place);
    }

    /// The fields that a reference root is known to have; none where anything goes.
    fn known_fields(&self, graph: &Graph<'a>, root: &str) -> Option<Fields<'a>> {
        let workflow = self.workflow;
        let inputs = || properties(workflow.inputs.as_ref()?);
        match root {
            "input" => inputs().map(Fields::Described),
            "context" => inputs().map(|fields| Fields::Context(fields, &workflow.variables)),
            _ => {
                let Source { step, role } = *graph.sources.get(graph.outline.position(root)?)?;
                if role == Role::Itself {
                    self.output_fields(step)
                } else {
                    None
                }
            }
        }
    }

    /// The fields that the step's value is known to have; none where anything goes.
    pub(super) fn output_fields(&self, step: &'a Step) -> Option<Fields<'a>> {
        match step.kind {
            StepKind::Map => Some(Fields::Named(&["results", "succeeded", "failed", "errors"])),
            StepKind::Loop => Some(Fields::Named(&["result", "iterations"])),
            StepKind::Transform => step.set.as_ref().map(Fields::Set),
            StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Subworkflow
            | StepKind::External => None,
            StepKind::ToolCall | StepKind::Wait => {
                let spec = self.catalogue.get(step.tool.as_deref()?)?;
                properties(&spec.output_schema).map(Fields::Output)
            }
        }
    }

    fn pointer_of(&self, graph: &Graph<'a>, place: &Place<'_>) -> Option<String> {
        match place.edge {
            Some(edge) => {
                let source = graph.edge_sources[edge].as_ref()?;
                Some(format!("{}/when", source.pointer()))
            }
            None => {
                let at = self.places.find(graph.written_id(place.at).as_str())?;
                Some(self.places.field(at, &place.parts()))
            }
        }
    }

    fn report_at(&mut self, graph: &Graph<'a>, mut problem: Diagnostic, place: &Place<'_>) {
        problem.field = Some(place.parts().join("."));
        let problem = match place.edge {
            Some(edge) => graph.at_edge(problem, edge),
            None => problem.step(graph.written_id(place.at)),
        };
        self.report(problem);
    }
}

fn is_always_there(root: &str) -> bool {
    matches!(root, "input" | "context")
}

/// The map or loop that hides the step from whoever reads it there.
fn hidden_in(graph: &Graph<'_>, step: usize, place: &Place<'_>) -> Option<String> {
    let outline = &graph.outline;
    let parent = outline.steps[step].parent;
    let mut outer = Some(place.at);
    while let Some(owner) = outer {
        if parent == Some(owner) {
            return None;
        }
        outer = outline.steps[owner].parent;
    }
    parent.map(|owner| graph.written_id(owner).to_string())
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
