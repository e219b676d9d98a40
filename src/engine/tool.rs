//! What a tool says about itself: its name, the shape of what goes in and comes out, and what it does to the
//! world. The engine reads these; running a tool is the business of another room.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What happens to the world when a tool is called again after its first answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// A function of its input.
    Pure,
    /// Looks at the world and leaves it as it was.
    Read,
    /// Changes the world; doing it twice with the same key is doing it once.
    Idempotent,
    /// Changes the world each time. Never repeated unless a person says so.
    Effect,
}

impl EffectClass {
    /// May an attempt whose outcome is unknown be made again without asking?
    pub fn repeatable(self) -> bool {
        match self {
            EffectClass::Pure | EffectClass::Read | EffectClass::Idempotent => true,
            EffectClass::Effect => false,
        }
    }
}

/// One field of the input that decides the class, as the method does for an HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectByField {
    pub field: String,
    /// The class when the field is absent (the schema's default applies then).
    pub absent: EffectClass,
    /// Values that lower the class; any other value keeps the tool's own.
    pub values: BTreeMap<String, EffectClass>,
}

/// A tool as workflows, forms and the compiler see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `group.verb`, such as `probe.http`.
    pub name: String,
    pub description: String,
    pub input_schema: Value,
    pub output_schema: Value,
    pub effect: EffectClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_by: Option<EffectByField>,
    /// The time one attempt may take when the step does not say.
    pub default_timeout_ms: u64,
    /// Calls that may be made at once over all runs, where whoever runs the server has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

impl ToolSpec {
    /// A tool of the tests: takes any object, gives anything.
    #[cfg(test)]
    pub fn plain(name: &str, effect: EffectClass) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            input_schema: serde_json::json!({ "type": "object" }),
            output_schema: serde_json::json!({}),
            effect,
            effect_by: None,
            default_timeout_ms: 5_000,
            max_parallel: None,
        }
    }

    /// The effect class of a call with this input.
    pub fn effect_of(&self, input: &Value) -> EffectClass {
        let Some(by) = &self.effect_by else {
            return self.effect;
        };
        match input.get(&by.field) {
            None => by.absent,
            Some(value) => value
                .as_str()
                .and_then(|text| by.values.get(text).copied())
                .unwrap_or(self.effect),
        }
    }
}

/// The tools a workflow may name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalogue(BTreeMap<String, ToolSpec>);

impl Catalogue {
    pub fn new(specs: impl IntoIterator<Item = ToolSpec>) -> Self {
        Self(
            specs
                .into_iter()
                .map(|spec| (spec.name.clone(), spec))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&ToolSpec> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ToolSpec> {
        self.0.values()
    }
}
