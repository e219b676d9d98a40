//! Repairs of what a tool is given: a field that is missing, misspelt, or of another type than the tool takes.

use serde_json::{Map, Value, json};
use std::collections::VecDeque;

use super::{Compiling, PatchOperation, Repair, closest};
use crate::engine::compile::inputs::is_of_type;
use crate::engine::tool::ToolSpec;
use crate::engine::workflow::Step;

impl<'a> Compiling<'a> {
    /// A required input is described, as anything or under the name that was meant.
    pub(in super::super) fn describe_input(
        &mut self,
        schema: &Value,
        at: usize,
        name: &str,
    ) -> Option<Repair> {
        let described = schema.get("properties").and_then(Value::as_object);
        let known = described.map_or(0, Map::len);
        if !self.affords(known + 1) {
            return None;
        }
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.into_iter().flatten().any(|other| other == name);
        let names = described.into_iter().flatten();
        let meant = closest(name, names.map(|(name, _)| name.as_str()));
        if let Some(meant) = meant.filter(|meant| !is_required(meant)) {
            let correct = PatchOperation::replace(format!("/inputs/required/{at}"), meant);
            return Some(Repair::one(format!("Require `{meant}`"), correct));
        }
        let label = format!("Describe `{name}` as a text");
        let text = json!({ "type": "string" });
        Some(match schema.get("properties") {
            Some(Value::Object(_)) => {
                let pointer = crate::engine::patch::below("/inputs/properties", name);
                Repair::one(label, PatchOperation::add(pointer, text))
            }
            None => {
                let mut properties = Map::new();
                properties.insert(name.to_owned(), text);
                Repair::one(label, PatchOperation::add("/inputs/properties", properties))
            }
            // The schema as a whole is mended first.
            Some(_) => return None,
        })
    }

    fn input_pointer(&self, step: &Step, prefix: &str, name: &str) -> Option<String> {
        let at = self.places.find(step.id.as_str())?;
        Some(if prefix.is_empty() {
            self.places.field(at, &["with", name])
        } else {
            self.places.field(at, &["compensate", "with", name])
        })
    }

    /// A field that the tool needs: one that is there under a misspelt name, its default, or something upstream of
    /// the same name and type.
    pub(in super::super) fn missing_input(
        &mut self,
        step: &Step,
        prefix: &str,
        spec: &ToolSpec,
        given: &Map<String, Value>,
        name: &str,
    ) -> Option<Repair> {
        let pointer = self.input_pointer(step, prefix, name)?;
        let properties = spec.input_schema.get("properties");
        let is_unknown =
            |field: &&String| properties.is_none_or(|known| known.get(field).is_none());
        let unknown = given.keys().filter(is_unknown).map(String::as_str);
        if self.affords(given.len())
            && let Some(misspelt) = closest(name, unknown)
        {
            let label = format!("Write `{name}` instead of `{misspelt}`");
            return self.renamed_input(step, prefix, given, misspelt, name, label);
        }
        let schema = properties.and_then(|known| known.get(name));
        let default = schema.and_then(|schema| schema.get("default").or(schema.get("const")));
        let value = match default {
            Some(default) => default.clone(),
            None => {
                let wanted = schema.and_then(|schema| schema.get("type"));
                json!(self.upstream_value(step, prefix, name, wanted)?)
            }
        };
        let shown = match &value {
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let label = format!("Set `{name}` to {shown}");
        let container = pointer.rsplit_once('/').map(|(with, _)| with)?;
        let is_there = if prefix.is_empty() {
            step.with.is_some()
        } else {
            let undo = step.compensate.as_ref();
            undo.is_some_and(|undo| undo.with.is_some())
        };
        let operation = if is_there {
            PatchOperation::add(pointer, value)
        } else {
            let mut with = Map::new();
            with.insert(name.to_owned(), value);
            PatchOperation::add(container, with)
        };
        Some(Repair::one(label, operation))
    }

    fn renamed_input(
        &self,
        step: &Step,
        prefix: &str,
        given: &Map<String, Value>,
        from: &str,
        to: &str,
        label: String,
    ) -> Option<Repair> {
        let patch = vec![
            PatchOperation::remove(self.input_pointer(step, prefix, from)?),
            PatchOperation::add(
                self.input_pointer(step, prefix, to)?,
                given.get(from)?.clone(),
            ),
        ];
        Some(Repair::new(label, patch))
    }

    /// A field that the tool does not take: the one that was meant, or none.
    pub(in super::super) fn known_input(
        &mut self,
        step: &Step,
        prefix: &str,
        known: &[&str],
        given: &Map<String, Value>,
        name: &str,
    ) -> Option<Repair> {
        let free = known
            .iter()
            .copied()
            .filter(|field| !given.contains_key(*field));
        if self.affords(known.len())
            && let Some(meant) = closest(name, free)
        {
            let label = format!("Write `{meant}`");
            return self.renamed_input(step, prefix, given, name, meant, label);
        }
        let pointer = self.input_pointer(step, prefix, name)?;
        Some(Repair::one(
            format!("Remove `{name}`"),
            PatchOperation::remove(pointer),
        ))
    }

    /// The same value as the type that the tool takes, where there is no doubt; else its default.
    pub(in super::super) fn fitting_input(
        &self,
        step: &Step,
        prefix: &str,
        name: &str,
        value: &Value,
        schema: &Value,
    ) -> Option<Repair> {
        let wanted = schema.get("type").and_then(Value::as_str)?;
        let default = schema.get("default").cloned();
        let fitting = converted(value, wanted)
            .or(default)
            .filter(|fitting| is_of_type(fitting, wanted))?;
        // A text that would be read as a reference is not the same text.
        if fitting
            .as_str()
            .is_some_and(|text| text.starts_with(['$', '=']))
        {
            return None;
        }
        let pointer = self.input_pointer(step, prefix, name)?;
        Some(Repair::one(
            format!("Write `{fitting}`"),
            PatchOperation::replace(pointer, fitting),
        ))
    }

    /// A reference to something of that name: in the input, among the constants, or in the value of the nearest step
    /// before this one.
    fn upstream_value(
        &mut self,
        step: &Step,
        prefix: &str,
        name: &str,
        wanted: Option<&Value>,
    ) -> Option<String> {
        let named = |root: &str| format!("${root}.{name}");
        if name.is_empty() || name.contains('.') || name.contains(char::is_whitespace) {
            return None;
        }
        let inputs = self.workflow.inputs.as_ref();
        let input = inputs.and_then(|schema| schema.get("properties")?.get(name));
        if let Some(schema) = input {
            let kind = schema.get("type");
            return (kind.is_none() || wanted.is_none() || kind == wanted).then(|| named("input"));
        }
        if let Some(value) = self.workflow.variables.get(name) {
            let fits = wanted
                .and_then(Value::as_str)
                .is_none_or(|kind| is_of_type(value, kind));
            return fits.then(|| named("context"));
        }
        if !self.affords(self.places.steps().len() + self.workflow.edges.len()) {
            return None;
        }
        let at = self.places.find(step.id.as_str())?;
        let itself = (!prefix.is_empty()).then_some(at);
        let source = itself
            .into_iter()
            .chain(self.before(at))
            .map(|at| self.places.steps()[at].step)
            .find(|step| {
                self.output_fields(step)
                    .is_some_and(|fields| fields.contains(name))
            })?;
        let spec = source
            .tool
            .as_deref()
            .and_then(|tool| self.catalogue.get(tool));
        let given = spec.and_then(|spec| {
            spec.output_schema
                .pointer(&format!("/properties/{name}/type"))
        });
        let fits = given.is_none() || wanted.is_none() || given == wanted;
        (fits && super::Reference::parse(&named(source.id.as_str())).is_ok())
            .then(|| named(source.id.as_str()))
    }

    /// The steps that come before this one, the nearest first.
    fn before(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut start = Some(at);
        while let Some(from) = start {
            let owner = self.places.steps()[from].owner;
            let edges = self.places.edges_of(owner);
            let mut open = VecDeque::from([from]);
            let mut seen = vec![from];
            while let Some(step) = open.pop_front() {
                // Far away nothing is obvious any more.
                if seen.len() > 100 {
                    break;
                }
                let id = &self.places.steps()[step].step.id;
                let before = edges.iter().filter(|edge| edge.to == *id);
                for edge in before.filter_map(|edge| self.places.find(edge.from.as_str())) {
                    let is_beside = self.places.steps()[edge].owner == owner;
                    if is_beside && !seen.contains(&edge) {
                        seen.push(edge);
                        open.push_back(edge);
                        found.push(edge);
                    }
                }
            }
            start = owner;
        }
        found
    }
}

fn converted(value: &Value, wanted: &str) -> Option<Value> {
    let text = value.as_str().map(str::trim);
    match wanted {
        "string" => (value.is_number() || value.is_boolean()).then(|| json!(value.to_string())),
        "integer" => match (text, value.as_f64()) {
            (Some(text), _) => text.parse::<i64>().ok().map(Value::from),
            // Beyond this not every whole number has a place.
            (None, Some(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(json!(number as i64))
            }
            (None, Some(_) | None) => None,
        },
        "number" => {
            let number = text?.parse::<f64>().ok()?;
            number.is_finite().then(|| json!(number))
        }
        "boolean" => match text? {
            "true" | "yes" | "on" => Some(json!(true)),
            "false" | "no" | "off" => Some(json!(false)),
            _ => None,
        },
        "array" if value.is_null() => Some(json!([])),
        "array" => Some(json!([value])),
        "object" if value.is_null() => Some(json!({})),
        _ => None,
    }
}
