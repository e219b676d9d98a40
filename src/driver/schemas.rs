//! Checks values against JSON Schemas: the input of tools and of runs. References to other documents are not
//! followed, so a schema can neither read a file nor make a request.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::engine::failure::StepError;
use crate::engine::input::{FieldError, with_defaults};
use crate::engine::tool::Catalogue;

/// Problems told about at once.
const PROBLEMS_MAX: usize = 20;

pub(super) struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    /// A tool with a schema that is none would be a mistake of its maker; such a tool refuses every input.
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let validators = catalogue.iter().filter_map(|spec| {
            let validator = jsonschema::validator_for(&spec.input_schema);
            Some((
                spec.name.clone(),
                validator
                    .inspect_err(
                        |error| tracing::error!(tool = spec.name, %error, "bad input schema"),
                    )
                    .ok()?,
            ))
        });
        Self(validators.collect())
    }

    pub(super) fn check(&self, tool: &str, input: &Value) -> Result<(), StepError> {
        let Some(validator) = self.0.get(tool) else {
            return Err(StepError::new(
                "invalid_input",
                format!("the input schema of `{tool}` cannot be read"),
            ));
        };
        let problems = problems(validator, input);
        if problems.is_empty() {
            return Ok(());
        }
        let sentences: Vec<String> = problems
            .iter()
            .map(|problem| match problem.field.as_str() {
                "" => problem.message.clone(),
                field => format!("`{field}`: {}", problem.message),
            })
            .collect();
        Err(StepError::new(
            "invalid_input",
            format!("`{tool}` refuses its input: {}", sentences.join("; ")),
        ))
    }
}

/// What the input of a run has to be, read once.
pub(super) struct InputSchema {
    schema: Value,
    validator: Result<Validator, String>,
}

impl InputSchema {
    pub(super) fn new(schema: Value) -> Self {
        // What a form asks for by format (an address, a date) must be one, whoever sends it.
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.build(&schema).map_err(|error| error.to_string());
        Self { schema, validator }
    }

    pub(super) fn with_defaults(&self, input: Value) -> Value {
        with_defaults(Some(&self.schema), input)
    }

    /// As `check_input`.
    pub(super) fn problems(&self, input: &Value) -> Vec<FieldError> {
        match &self.validator {
            Ok(validator) => problems(validator, input),
            Err(error) => vec![FieldError {
                field: String::new(),
                message: format!("the input schema cannot be read: {error}"),
            }],
        }
    }
}

/// Everything in which the value differs from the schema, by field. An unreadable schema is a problem of its own.
pub fn check_input(schema: &Value, input: &Value) -> Vec<FieldError> {
    InputSchema::new(schema.clone()).problems(input)
}

fn problems(validator: &Validator, value: &Value) -> Vec<FieldError> {
    validator
        .iter_errors(value)
        .take(PROBLEMS_MAX)
        .map(|error| {
            let path = error.instance_path().to_string();
            FieldError {
                field: path.trim_start_matches('/').replace('/', "."),
                message: sentence(&error),
            }
        })
        .collect()
}

fn sentence(error: &ValidationError) -> String {
    let format = match error.kind() {
        ValidationErrorKind::Format { format } => format,
        ValidationErrorKind::Pattern { pattern } => {
            return format!("{} does not fit the pattern {pattern}", error.instance());
        }
        _ => return error.to_string(),
    };
    let expected = match format.as_str() {
        "uri" => "a complete address, such as https://example.org/",
        "email" => "an e-mail address",
        "date" => "a date, such as 2026-02-28",
        "date-time" => "a moment, such as 2026-02-28T09:30:00Z",
        other => return format!("{} is not of the format `{other}`", error.instance()),
    };
    format!("{} is not {expected}", error.instance())
}

#[cfg(test)]
mod tests {
    use super::check_input;
    use serde_json::json;

    #[test]
    fn what_is_not_of_the_asked_format_is_refused_with_an_example() {
        let schema = json!({ "properties": {
            "endpoints": { "type": "array", "items": { "type": "string", "format": "uri" } },
            "day": { "type": "string", "format": "date" },
        } });
        assert_eq!(
            check_input(
                &schema,
                &json!({ "endpoints": ["https://example.org"], "day": "2026-02-28" })
            ),
            []
        );
        let problems = check_input(
            &schema,
            &json!({ "endpoints": ["http://a", "not an address"], "day": "2026-02-30" }),
        );
        let told: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.field.as_str(), problem.message.as_str()))
            .collect();
        assert!(
            told.contains(&(
                "endpoints.1",
                "\"not an address\" is not a complete address, such as https://example.org/"
            )),
            "{told:?}"
        );
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
