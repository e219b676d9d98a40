//! A change as one plain sentence.

use serde_json::Value;
use std::fmt::{self, Display, Formatter};

use super::{About, Change, EdgeEnds, FieldChange, What};
use crate::engine::limits::WAIT_TIMEOUT_MS_DEFAULT;
use crate::engine::workflow::{EdgeTrigger, StepKind};

/// Of a value in a sentence; the rest is in the change itself.
const VALUE_CHARS_MAX: usize = 80;

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let step = Step(self.about.as_ref());
        let inside = Inside(self.inside.as_ref());
        match &self.what {
            What::WorkflowChanged(field) if field.field == "cases" => f.write_str(&cases(field)),
            What::WorkflowChanged(field) => write!(f, "The workflow{}.", has_now(field)),
            What::StepAdded { kind } => {
                write!(f, "{step}, {}, was added{inside}.", called(*kind))
            }
            What::StepRemoved { .. } => write!(f, "{step} was removed{inside}."),
            What::StepRenamed => {
                let (old, new) = self.about.as_ref().map_or((None, None), |about| {
                    (about.old.as_ref(), about.new.as_ref())
                });
                let shown = |id: Option<&crate::engine::ids::StepId>| {
                    id.map(ToString::to_string).unwrap_or_default()
                };
                write!(
                    f,
                    "{step} is now called `{}` instead of `{}`.",
                    shown(new),
                    shown(old)
                )
            }
            What::StepChanged { kind, field } => match waits(*kind, field) {
                Some(waits) => write!(f, "{step} {waits}."),
                None => write!(f, "{step}{}.", has_now(field)),
            },
            What::StepMoved { from } => match (&self.inside, from) {
                (Some(into), _) => write!(f, "{step} was moved into *{}*.", into.name),
                (None, Some(from)) => write!(f, "{step} was moved out of *{}*.", from.name),
                (None, None) => write!(f, "{step} was moved."),
            },
            What::StepsReordered => write!(f, "The steps{inside} are written in another order."),
            What::EdgeAdded(edge) => write!(f, "A way {} was added{inside}.", Ends(edge)),
            What::EdgeRemoved(edge) => write!(f, "The way {} was removed{inside}.", Ends(edge)),
            What::EdgeChanged { edge, field } => {
                write!(f, "The way {}{inside}{}.", Ends(edge), has_now(field))
            }
            What::EdgesReordered => write!(f, "The ways{inside} are written in another order."),
        }
    }
}

fn called(kind: StepKind) -> &'static str {
    match kind {
        StepKind::ToolCall => "a tool call",
        StepKind::HumanGate => "a question to a person",
        StepKind::Condition => "a condition",
        StepKind::Parallel => "several at once",
        StepKind::Join => "a join",
        StepKind::Transform => "a transform",
        StepKind::Map => "a map",
        StepKind::Loop => "a loop",
        StepKind::Wait => "a wait",
        StepKind::Subworkflow => "a subworkflow",
        StepKind::External => "a task for somebody outside",
    }
}

struct Step<'a>(Option<&'a About>);

impl Display for Step<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(about) => write!(f, "Step *{}*", about.name),
            None => f.write_str("A step"),
        }
    }
}

struct Inside<'a>(Option<&'a About>);

impl Display for Inside<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |about| write!(f, " inside *{}*", about.name))
    }
}

struct Ends<'a>(&'a EdgeEnds);

impl Display for Ends<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "from `{}` to `{}`", self.0.from, self.0.to)?;
        match self.0.on {
            Some(EdgeTrigger::Rejected) => f.write_str(" after a rejection"),
            Some(EdgeTrigger::Failed) => f.write_str(" after a failure"),
            None => Ok(()),
        }
    }
}

/// The patience of what waits: a month when it says nothing.
fn waits(kind: StepKind, field: &FieldChange) -> Option<String> {
    let means_waiting = match kind {
        StepKind::HumanGate | StepKind::Wait | StepKind::Subworkflow | StepKind::External => {
            field.field == "timeout_ms"
        }
        StepKind::ToolCall
        | StepKind::Condition
        | StepKind::Parallel
        | StepKind::Join
        | StepKind::Transform
        | StepKind::Map
        | StepKind::Loop => false,
    } || (field.field == "approval.timeout_ms")
        || (kind == StepKind::Wait && field.field == "for_ms");
    if !means_waiting {
        return None;
    }
    let patience = |value: Option<&Value>| match value {
        None => duration(WAIT_TIMEOUT_MS_DEFAULT),
        Some(value) => match (value.as_u64(), value.as_str()) {
            (Some(ms), _) => duration(ms),
            (None, Some("never")) => "for ever".to_owned(),
            (None, Some(_) | None) => shown(value),
        },
    };
    Some(format!(
        "now waits {} instead of {}",
        patience(field.new.as_ref()),
        patience(field.old.as_ref())
    ))
}

/// Test cases are told apart by their names.
fn cases(change: &FieldChange) -> String {
    let list = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).cloned();
    let (old, new) = (
        list(&change.old).unwrap_or_default(),
        list(&change.new).unwrap_or_default(),
    );
    let of_name = |cases: &[Value], case: &Value| {
        let mut same = cases
            .iter()
            .filter(|other| other.get("name") == case.get("name"));
        same.next().cloned()
    };
    let name = |case: &Value| {
        let name = case.get("name").and_then(Value::as_str);
        name.unwrap_or_default().to_owned()
    };
    let came = new.iter().filter_map(|case| match of_name(&old, case) {
        None => Some(format!("*{}* is new", name(case))),
        Some(before) => (before != *case).then(|| format!("*{}* is different", name(case))),
    });
    let went = old.iter().filter(|case| of_name(&new, case).is_none());
    let went = went.map(|case| format!("*{}* is gone", name(case)));
    let told: Vec<String> = came.chain(went).collect();
    match told.is_empty() {
        true => "The test cases are written in another order.".to_owned(),
        false => format!("Of the test cases, {}.", told.join(", ")),
    }
}

fn has_now(change: &FieldChange) -> String {
    let is_time = change.field.ends_with("_ms");
    let value = |value: &Value| match value.as_u64() {
        Some(ms) if is_time => duration(ms),
        Some(_) | None => shown(value),
    };
    let field = &change.field;
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            format!(
                ": `{field}` is now {} instead of {}",
                value(new),
                value(old)
            )
        }
        (None, Some(new)) => format!(": `{field}` is new: {}", value(new)),
        (Some(old), None) => format!(": `{field}` is gone; it was {}", value(old)),
        (None, None) => format!(": `{field}` has changed"),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((cut, _)) => format!("`{} …`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

/// In the largest unit that leaves nothing over.
fn duration(ms: u64) -> String {
    let units = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
        (1, "millisecond"),
    ];
    let fitting = units
        .iter()
        .find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    let (unit, name) = fitting.copied().unwrap_or((1, "millisecond"));
    match ms / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}
