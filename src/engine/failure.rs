//! Why something did not work, as data: a code that programs branch on and a sentence for people.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds;

/// Why an attempt, or a step, failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    /// Stable, snake_case: retry policies and programs look at it.
    pub code: String,
    /// For people; says what to do where that is known.
    pub message: String,
    /// What is known all the same, such as the endpoints that did answer. Its fields become the step's value
    /// when the run goes on after the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl StepError {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: bounds::sentence(message.into()),
            data: None,
        }
    }

    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// Without its data when that is more than the log may hold; the sentence says so.
    pub fn within_bounds(self) -> Self {
        match self.data.as_ref().map(bounds::check) {
            Some(Err(why)) => Self::new(
                self.code,
                format!(
                    "{} (what came with it {why}, and was left out)",
                    self.message
                ),
            ),
            Some(Ok(())) | None => self,
        }
    }

    /// Bytes of it that count among the values of a run.
    pub(in crate::engine) fn value_bytes(&self) -> usize {
        self.message.len() + self.data.as_ref().map_or(0, bounds::json_bytes)
    }

    /// What later steps see of a failed step: the fields of `data`, and `error`.
    pub fn as_value(&self) -> Value {
        let mut value = match &self.data {
            Some(Value::Object(fields)) => fields.clone(),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_),
            )
            | None => serde_json::Map::new(),
        };
        value.insert(
            "error".to_owned(),
            serde_json::json!({ "code": self.code, "message": self.message }),
        );
        Value::Object(value)
    }
}
