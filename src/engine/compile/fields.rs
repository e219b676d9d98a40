//! What a name that is read is known to have: the fields of an input, of the context, of what a step gives.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names that may stand behind a reference root.
pub(super) enum Fields<'a> {
    Named(&'static [&'static str]),
    Described(&'a Map<String, Value>),
    Context(&'a Map<String, Value>, &'a BTreeMap<String, Value>),
    Set(&'a BTreeMap<String, Value>),
    Output(&'a Map<String, Value>),
}

impl<'a> Fields<'a> {
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Fields::Named(names) => names.contains(&name) || name == "error",
            Fields::Described(fields) => fields.contains_key(name),
            Fields::Context(fields, variables) => {
                fields.contains_key(name) || variables.contains_key(name)
            }
            Fields::Set(fields) => fields.contains_key(name) || name == "error",
            Fields::Output(fields) => fields.contains_key(name) || name == "error",
        }
    }

    pub(super) fn names(&self) -> Vec<&'a str> {
        match *self {
            Fields::Named(names) => names.iter().copied().chain(["error"]).collect(),
            Fields::Described(fields) => fields.keys().map(String::as_str).collect(),
            Fields::Context(fields, variables) => {
                let fields = fields.keys().chain(variables.keys());
                fields.map(String::as_str).collect()
            }
            Fields::Set(fields) => fields.keys().map(String::as_str).chain(["error"]).collect(),
            Fields::Output(fields) => fields.keys().map(String::as_str).chain(["error"]).collect(),
        }
    }
}

/// The declared properties, unless the schema explicitly allows others.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    let open = matches!(
        schema.get("additionalProperties"),
        Some(Value::Bool(true) | Value::Object(_))
    );
    let fields = schema.get("properties")?.as_object()?;
    (!open).then_some(fields)
}
