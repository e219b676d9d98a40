//! What a binding or condition can see: the input, the context and the steps that have ended.

use serde_json::{Map, Value};

use super::Deciding;
use crate::engine::binding::Scope;
use crate::engine::ids::StepId;
use crate::engine::state::StepStatus;

impl Scope for Deciding<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        match name {
            "input" => Some(self.state.input.clone()),
            "context" => Some(self.context()),
            _ => self.step_value(name),
        }
    }
}

impl Deciding<'_> {
    /// The workflow's variables, then the input: a variable hides an input field of the same name.
    fn context(&self) -> Value {
        let mut fields = match &self.state.input {
            Value::Object(fields) => fields.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        fields.extend(
            self.plan
                .variables
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Value::Object(fields)
    }

    fn step_value(&self, name: &str) -> Option<Value> {
        let step = self.state.step(&StepId::new(name))?;
        match step.status {
            StepStatus::Completed => Some(step.output.clone().unwrap_or(Value::Null)),
            StepStatus::Failed => Some(
                step.error
                    .as_ref()
                    .map_or(Value::Null, |error| error.as_value()),
            ),
            StepStatus::Skipped | StepStatus::Cancelled => Some(Value::Null),
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::OutcomeUnknown
            | StepStatus::Retrying => None,
        }
    }
}

/// The scope of a step's own outgoing edges: as above, and the step's value, which is only being decided.
pub(super) struct WithOwn<'a> {
    pub around: &'a Deciding<'a>,
    pub name: &'a str,
    pub value: &'a Value,
}

impl Scope for WithOwn<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        if name == self.name {
            Some(self.value.clone())
        } else {
            self.around.lookup(name)
        }
    }
}
