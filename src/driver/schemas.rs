//! Checks values against JSON Schemas: the input of tools and of runs. References to other documents are not
//! followed, so a schema can neither read a file nor make a request.

use jsonschema::Validator;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::engine::failure::StepError;
use crate::engine::input::FieldError;
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

/// Everything in which the value differs from the schema, by field. An unreadable schema is a problem of its own.
pub fn check_input(schema: &Value, input: &Value) -> Vec<FieldError> {
    match jsonschema::validator_for(schema) {
        Ok(validator) => problems(&validator, input),
        Err(error) => vec![FieldError {
            field: String::new(),
            message: format!("the input schema cannot be read: {error}"),
        }],
    }
}

fn problems(validator: &Validator, value: &Value) -> Vec<FieldError> {
    validator
        .iter_errors(value)
        .take(PROBLEMS_MAX)
        .map(|error| {
            let path = error.instance_path().to_string();
            FieldError {
                field: path.trim_start_matches('/').replace('/', "."),
                message: error.to_string(),
            }
        })
        .collect()
}
