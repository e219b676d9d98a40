//! The input of tools against their schemas, as far as it can be known before the run.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

use super::{Compiling, listed};
use crate::engine::binding::Binding;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::input::type_in_words;
use crate::engine::tool::{NumberRange, ToolSpec, titled};
use crate::engine::workflow::Step;

impl Compiling<'_> {
    /// `prefix` says in which part of the step the fields are, for the report.
    pub(super) fn tool_and_input(
        &mut self,
        step: &Step,
        prefix: &str,
        name: &str,
        with: Option<&Value>,
    ) -> Option<(Arc<ToolSpec>, Binding)> {
        let nothing = Value::Object(Map::new());
        let with = with.unwrap_or(&nothing);
        let binding = self.binding(step, &format!("{prefix}with"), with);
        let Some(spec) = self.spec(name) else {
            let known: Vec<&str> = self.catalogue.names().collect();
            let repair = self.known_tool(step, prefix, name);
            let problem = Diagnostic::new("unknown_tool", format!("There is no tool `{name}`."))
                .step(&step.id)
                .field(format!("{prefix}tool"))
                .fix(format!("Name one of {}.", known.join(", ")))
                .repair(repair);
            self.report(problem);
            return None;
        };
        self.check_tool_input(step, prefix, &spec, with);
        binding.map(|with| (spec, with))
    }

    fn spec(&mut self, name: &str) -> Option<Arc<ToolSpec>> {
        if let Some(spec) = self.specs.get(name) {
            return Some(Arc::clone(spec));
        }
        let spec = Arc::new(self.catalogue.get(name)?.clone());
        self.specs.insert(name.to_owned(), Arc::clone(&spec));
        Some(spec)
    }

    /// What can be said before the run: missing and unknown fields, and literals of the wrong type.
    fn check_tool_input(&mut self, step: &Step, prefix: &str, spec: &ToolSpec, with: &Value) {
        let Some(fields) = with.as_object() else {
            self.no_object(step, prefix, with);
            return;
        };
        let schema = &spec.input_schema;
        let properties = schema.get("properties").and_then(Value::as_object);
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(name) {
                let repair = self.missing_input(step, prefix, spec, fields, name);
                let field = spec.titled(name);
                let message = format!("`{}` needs {field}.", spec.name);
                let problem = Diagnostic::new("missing_field", message)
                    .step(&step.id)
                    .field(format!("{prefix}with.{name}"))
                    .fix(format!(
                        "Give it a value: in the file it stands in `{prefix}with`."
                    ))
                    .repair(repair);
                self.report(problem);
            }
        }
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (name, value) in fields {
            match properties.and_then(|properties| properties.get(name)) {
                None if closed && self.only_counts() => {}
                None if closed => {
                    let known: Vec<&str> = properties
                        .into_iter()
                        .flatten()
                        .map(|(name, _)| name.as_str())
                        .collect();
                    let repair = self.known_input(step, prefix, &known, fields, name);
                    let problem = Diagnostic::new(
                        "unknown_field",
                        format!("`{}` has no field `{name}`.", spec.name),
                    )
                    .step(&step.id)
                    .field(format!("{prefix}with.{name}"))
                    .fix(format!("It takes {}.", listed(known.iter().copied())))
                    .repair(repair);
                    self.report(problem);
                }
                None => {}
                Some(schema) => {
                    self.check_literal(step, prefix, name, value, schema);
                }
            }
        }
        self.check_ranges(step, prefix, spec, fields);
    }

    /// The list of numbers with which a call succeeds, where it is written out.
    fn check_ranges(
        &mut self,
        step: &Step,
        prefix: &str,
        spec: &ToolSpec,
        fields: &Map<String, Value>,
    ) {
        let Some(rule) = spec.fails_outside.as_ref().filter(|_| !self.is_saved) else {
            return;
        };
        let listed = fields.get(&rule.ranges).and_then(Value::as_array);
        let Some(listed) = listed else {
            return;
        };
        let field = spec.titled(&rule.ranges);
        let wrong = listed
            .iter()
            .find(|item| !is_bound(item) && NumberRange::deserialize(*item).is_err());
        let message = match wrong {
            Some(wrong) => format!(
                "`{wrong}` in {field} is neither a number such as 204 nor a range such as \"200-299\"."
            ),
            None if listed.is_empty() => {
                format!("{field} lists nothing, so every call would fail.")
            }
            None => return,
        };
        let problem = Diagnostic::new("wrong_range", message)
            .step(&step.id)
            .field(format!("{prefix}with.{}", rule.ranges));
        self.report(problem);
    }

    fn check_literal(
        &mut self,
        step: &Step,
        prefix: &str,
        name: &str,
        value: &Value,
        schema: &Value,
    ) {
        let Some(wanted) = schema
            .get("type")
            .and_then(Value::as_str)
            .filter(|_| !is_bound(value))
        else {
            return;
        };
        if !is_of_type(value, wanted) {
            let repair = self.fitting_input(step, prefix, name, value, schema);
            let message = format!("{} must be {}.", titled(name, Some(schema)), as_a(wanted));
            let problem = Diagnostic::new("wrong_type", message)
                .step(&step.id)
                .field(format!("{prefix}with.{name}"))
                .repair(repair);
            self.report(problem);
        }
    }

    /// `with` of a tool, or of what is done elsewhere, that has no fields.
    pub(super) fn no_object(&mut self, step: &Step, prefix: &str, with: &Value) {
        let is_empty = match with {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        let field = format!("{prefix}with");
        let repair = is_empty
            .then(|| self.without_field(step, &field, "Call it without input"))
            .flatten();
        self.bad_value(step, &field, "`with` must be an object", repair);
    }
}

/// What it is will be known when the step is asked.
fn is_bound(value: &Value) -> bool {
    let text = value.as_str();
    text.is_some_and(|text| text.starts_with(['$', '=']))
}

/// As it is said of a value: "it must be a list".
fn as_a(wanted: &str) -> String {
    match type_in_words(wanted) {
        "" => format!("of the type {wanted}"),
        words @ ("yes or no" | "nothing") => format!("{words} (`{wanted}`)"),
        words @ "object" => format!("an {words}"),
        words => format!("a {words}"),
    }
}

pub(super) fn is_of_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}
