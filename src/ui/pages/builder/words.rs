//! What kinds, tools and types are called on the pages of the builder.

use crate::engine::compile::in_words;
use crate::engine::input::FieldKind;
use crate::engine::workflow::{Step, StepKind};

/// The kinds that the palette has beside the tools.
pub(super) const KINDS: [(StepKind, &str); 10] = [
    (StepKind::HumanGate, "A question to a person"),
    (StepKind::Condition, "A condition"),
    (StepKind::Parallel, "Several at once"),
    (StepKind::Join, "Come together"),
    (StepKind::Transform, "New values"),
    (StepKind::Map, "For each item"),
    (StepKind::Loop, "Again and again"),
    (StepKind::Wait, "Wait"),
    (StepKind::Subworkflow, "Another workflow"),
    (StepKind::External, "Somebody outside"),
];

pub(super) fn name_of(step: &Step) -> String {
    let name = step.name.clone().filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| in_words(&step.id))
}

/// The tool, or the kind in words.
pub(super) fn what_of(step: &Step) -> String {
    match (&step.tool, &step.workflow) {
        (Some(tool), _) => tool.clone(),
        (None, Some(workflow)) => format!("runs {workflow}"),
        (None, None) => kind_name(step.kind).to_owned(),
    }
}

pub(super) fn kind_name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::ToolCall => "tool",
        StepKind::HumanGate => "human gate",
        StepKind::Condition => "condition",
        StepKind::Parallel => "parallel",
        StepKind::Join => "join",
        StepKind::Transform => "transform",
        StepKind::Map => "for each item",
        StepKind::Loop => "loop",
        StepKind::Wait => "wait",
        StepKind::Subworkflow => "workflow",
        StepKind::External => "outside",
    }
}

/// What a step of that kind does, for its form; nothing of a tool, which says it itself.
pub(super) fn about(kind: StepKind) -> &'static str {
    match kind {
        StepKind::ToolCall => "",
        StepKind::HumanGate => "Waits here for a person's answer. What runs beside it goes on.",
        StepKind::Condition => "Looks at what came before, and the run goes one way or the other.",
        StepKind::Parallel => "Everything this step leads to begins at the same time.",
        StepKind::Join => "Several ways come together here, and the run goes on as one.",
        StepKind::Transform => "Makes new values of those that came before. Nothing is called.",
        StepKind::Map => "Does the steps inside once for each item of a list.",
        StepKind::Loop => "Does the steps inside again and again, until a condition holds.",
        StepKind::Wait => "Lets time pass, or asks now and then until something holds.",
        StepKind::Subworkflow => "Starts a run of another workflow, and waits for its end.",
        StepKind::External => "Somebody or something outside does it, and reports through the API.",
    }
}

/// For headings.
pub(super) fn heading(step: &Step) -> String {
    format!("{} · {}", name_of(step), kind_name(step.kind))
}

/// The type that a field takes; empty where it takes any.
pub(super) fn wanted(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => "string",
        FieldKind::Number { integer: true, .. } => "integer",
        FieldKind::Number { integer: false, .. } => "number",
        FieldKind::Boolean => "boolean",
        FieldKind::Lines { .. } | FieldKind::Words => "array",
        FieldKind::Json => "",
    }
}
