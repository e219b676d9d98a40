//! Why something did not work, as data: a code that programs branch on and a sentence for people.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds;
use super::limits::ERROR_CODE_CHARS_MAX;

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

/// The code of a step that ended without anybody knowing whether it took effect.
pub const IN_DOUBT: &str = "outcome_unknown";

/// Codes by which the engine and the driver say what they have found out themselves. People and programs act on them
/// (who has a run retried whose step ended as `outcome_unknown` is asked first), so nobody outside may say them.
/// `invalid_input` and `unknown_tool` are not here: whoever does the work may find that too.
const OWN_CODES: &[&str] = &[
    "approval_mismatch",
    "asked_too_often",
    "cancelled",
    "condition_failed",
    "did_not_happen",
    "expression_failed",
    "gate_expired",
    "in_doubt",
    "interrupted_too_often",
    "iterations_exhausted",
    "not_a_duration",
    "not_a_list",
    "not_a_time",
    "not_approved",
    "not_started",
    IN_DOUBT,
    "output_too_large",
    "question_too_large",
    "rejected",
    "run_too_large",
    "timeout",
    "too_deep",
    "too_many_items",
    "too_many_runs",
    "too_much_data",
    "tool_panicked",
    "unknown_workflow",
    "unresolved_binding",
    "value_too_large",
];

/// Whether somebody outside may give a failure this code. The error ends a sentence that begins with the code.
pub(super) fn check_outside_code(code: &str) -> Result<(), String> {
    let is_word = code.starts_with(|c: char| c.is_ascii_lowercase())
        && code
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_word || code.len() > ERROR_CODE_CHARS_MAX {
        return Err(format!(
            "must be a snake_case word of at most {ERROR_CODE_CHARS_MAX} characters, such as `disk_full`"
        ));
    }
    if OWN_CODES.contains(&code) {
        return Err(format!(
            "is kept for what the server itself finds out: say `job_{code}`, or another word of your own"
        ));
    }
    Ok(())
}

impl StepError {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: bounds::sentence(message.into()),
            data: None,
        }
    }

    /// `null` is as good as nothing: the log does not tell them apart.
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = (!data.is_null()).then_some(data);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reports_from_outside_has_words_of_their_own() {
        for code in ["busy", "failed", "invalid_input", "http_503", "job_timeout"] {
            assert_eq!(check_outside_code(code), Ok(()), "{code}");
        }
        let long = "x".repeat(ERROR_CODE_CHARS_MAX + 1);
        for code in ["", "Busy", "out of disk", "9_lives", "naïve", &long] {
            let why = check_outside_code(code).expect_err("no word");
            assert!(why.contains("snake_case"), "{why}");
        }
        for code in ["outcome_unknown", "timeout", "too_much_data", "rejected"] {
            let why = check_outside_code(code).expect_err("the server's own");
            assert!(why.contains(&format!("job_{code}")), "{why}");
        }
    }
}
