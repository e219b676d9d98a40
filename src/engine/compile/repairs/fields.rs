//! Repairs of a step's own fields: one to remove, one that is missing and has a value to begin with.

use serde_json::{Value, json};

use super::{Compiling, PatchOperation, Repair};
use crate::engine::workflow::{Step, StepKind};

impl<'a> Compiling<'a> {
    pub(in super::super) fn without_field(
        &self,
        step: &Step,
        field: &str,
        label: &str,
    ) -> Option<Repair> {
        let pointer = self.pointer(step, field)?;
        Some(Repair::one(label, PatchOperation::remove(pointer)))
    }

    /// A value to begin with.
    pub(in super::super) fn first_value(
        &self,
        step: &Step,
        field: &str,
        value: Value,
    ) -> Option<Repair> {
        let pointer = self.pointer(step, field)?;
        let shown = match &value {
            Value::String(text) => text.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => value.to_string(),
        };
        Some(Repair::one(
            format!("Set `{field}` to `{shown}`"),
            PatchOperation::add(pointer, value),
        ))
    }

    /// What a map without a list goes through: the only list of the input.
    pub(in super::super) fn some_list(&self, step: &Step) -> Option<Repair> {
        let name = self.only_input_of_type("array")?;
        self.first_value(step, "over", json!(format!("$input.{name}")))
    }

    fn only_input_of_type(&self, wanted: &str) -> Option<&'a str> {
        let properties = self.workflow.inputs.as_ref()?.get("properties")?;
        let mut fitting = properties.as_object()?.iter().filter(|(name, schema)| {
            schema.get("type").and_then(Value::as_str) == Some(wanted)
                && !name.contains('.')
                && !name.contains(char::is_whitespace)
        });
        let (name, _) = fitting.next()?;
        fitting.next().is_none().then_some(name.as_str())
    }

    /// When a loop or a wait that does not say is over: when a tool in it says yes.
    pub(in super::super) fn some_end(&self, step: &Step) -> Option<Repair> {
        let asked = match step.kind {
            StepKind::Wait => vec![("result", step.tool.as_deref())],
            StepKind::Loop => {
                let inside = step.body.iter().flat_map(|body| &body.steps);
                let calls = inside.filter(|step| step.kind == StepKind::ToolCall);
                calls
                    .map(|call| (call.id.as_str(), call.tool.as_deref()))
                    .collect()
            }
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Map
            | StepKind::Subworkflow
            | StepKind::External => Vec::new(),
        };
        let until = asked.into_iter().find_map(|(name, tool)| {
            let spec = self.catalogue.get(tool?)?;
            let fields = spec.output_schema.get("properties")?.as_object()?;
            let (field, _) = fields.iter().find(|(_, schema)| {
                schema.get("type").and_then(Value::as_str) == Some("boolean")
            })?;
            Some(format!("{name}.{field} == true"))
        })?;
        self.first_value(step, "until", json!(until))
    }

    /// A body to begin with: a step that hands on what it is given.
    pub(in super::super) fn first_step_inside(&self, step: &Step) -> Option<Repair> {
        let at = self.places.find(step.id.as_str())?;
        let read = match step.kind {
            StepKind::Loop => "$index",
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Map
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => "$item",
        };
        let stem: String = step.id.as_str().chars().take(50).collect();
        let id = self.free_id(&format!("{stem}_step"));
        let body =
            json!({ "steps": [{ "id": id, "kind": "transform", "set": { "value": read } }] });
        Some(Repair::one(
            format!("Begin with a step `{id}` that hands on `{read}`"),
            PatchOperation::add(self.places.field(at, &["body"]), body),
        ))
    }

    /// A wait that says nothing waits a minute; one that says several things keeps one of them.
    pub(in super::super) fn one_wait(&self, step: &Step) -> Option<Repair> {
        let given = [
            ("tool", step.tool.is_some()),
            ("for_ms", step.for_ms.is_some()),
            ("at", step.at.is_some()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        let fields: Vec<&str> = given.map(|(field, _)| field).collect();
        let Some((kept, others)) = fields.split_first() else {
            return self.first_value(step, "for_ms", json!(60_000));
        };
        // A tool that nobody says when to stop asking is the lesser claim.
        let (kept, others): (&str, Vec<&str>) = if *kept == "tool" && step.until.is_none() {
            let kept = others.first()?;
            let left = fields.iter().copied().filter(|field| field != kept);
            (kept, left.collect())
        } else {
            (kept, others.to_vec())
        };
        let patch: Option<Vec<PatchOperation>> = others
            .iter()
            .map(|field| Some(PatchOperation::remove(self.pointer(step, field)?)))
            .collect();
        let removed: Vec<String> = others.iter().map(|field| format!("`{field}`")).collect();
        Some(Repair::new(
            format!("Keep `{kept}`, remove {}", removed.join(" and ")),
            patch?,
        ))
    }

    /// A shown text that lacks its `$`, or is not one to show.
    pub(in super::super) fn shown_reference(
        &self,
        step: &Step,
        field: &str,
        text: &str,
    ) -> Option<Repair> {
        let pointer = self.pointer(step, field)?;
        let root = text.split('.').next().unwrap_or(text);
        let is_name = matches!(root, "input" | "context") || self.places.find(root).is_some();
        let meant = format!("${text}");
        if is_name && super::Reference::parse(&meant).is_ok() {
            let write = PatchOperation::replace(pointer, meant.as_str());
            return Some(Repair::one(format!("Show `{meant}`"), write));
        }
        Some(Repair::one(
            "Do not show it",
            PatchOperation::remove(pointer),
        ))
    }

    /// The key of the bound on runs reads something else than `input` and `context`: the one that was meant.
    pub(in super::super) fn run_key(&self, parts: &[String]) -> Option<Repair> {
        let document = serde_json::to_value(self.workflow.concurrency.as_ref()?).ok()?;
        let inside = parts.iter().skip(1);
        let pointer = inside.fold(String::new(), |pointer, part| {
            crate::engine::patch::below(&pointer, part)
        });
        let text = document.pointer(&pointer)?.as_str()?;
        let pointer = format!("/concurrency{pointer}");
        let Some(rest) = text.strip_prefix('$') else {
            return super::binding(&pointer, text, false);
        };
        let (root, path) = rest.split_once('.').unwrap_or((rest, ""));
        let meant = super::closest(root, ["input", "context"]);
        let corrected = match meant {
            Some(meant) if path.is_empty() => format!("${meant}"),
            Some(meant) => format!("${meant}.{path}"),
            None => return None,
        };
        super::Reference::parse(&corrected).ok()?;
        Some(Repair::one(
            format!("Read `{corrected}`"),
            PatchOperation::replace(pointer, corrected),
        ))
    }
}
