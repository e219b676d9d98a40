//! What a binding or condition can see: the input, the context, the item or round it is in, and the steps that have
//! ended, in its own frame and in those around it.

use serde_json::{Map, Value};
use std::borrow::Cow;

use super::Deciding;
use crate::engine::binding::Scope;
use crate::engine::plan::{Plan, Work};
use crate::engine::state::{RunState, StepRun, StepStatus};

/// The names that a step in `frame` can read.
pub(super) struct Names<'a> {
    plan: &'a Plan,
    state: &'a RunState,
    frame: usize,
    /// A value that is only being decided: the step's own, for the ways that leave it.
    own: Option<(&'a str, &'a Value)>,
}

impl Deciding<'_> {
    pub(super) fn names(&self, step: usize) -> Names<'_> {
        self.names_in(self.state.steps[step].frame)
    }

    pub(super) fn names_in(&self, frame: usize) -> Names<'_> {
        Names {
            frame,
            ..Names::of_run(self.plan, self.state)
        }
    }
}

impl<'a> Names<'a> {
    /// What can be read before any step has begun.
    pub(super) fn of_run(plan: &'a Plan, state: &'a RunState) -> Self {
        Self {
            plan,
            state,
            frame: 0,
            own: None,
        }
    }

    pub(super) fn with_own(mut self, name: &'a str, value: &'a Value) -> Self {
        self.own = Some((name, value));
        self
    }

    /// The workflow's variables, then the input: a variable hides an input field of the same name.
    fn context(&self) -> Value {
        let mut fields = match &*self.state.input {
            Value::Object(fields) => fields.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        let variables = self.plan.variables.iter();
        fields.extend(variables.map(|(name, value)| (name.clone(), value.clone())));
        Value::Object(fields)
    }

    /// The frames from this one outwards that are iterations, each with the map or loop that it is one of.
    fn iterations(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut frame = Some(self.frame);
        std::iter::from_fn(move || {
            let at = frame?;
            let owner = self.state.frames[at].owner?;
            frame = Some(self.state.steps[owner].frame);
            Some((at, owner))
        })
    }

    fn work(&self, step: usize) -> &Work {
        &self.plan.steps[self.state.steps[step].shape].work
    }

    /// The item of the innermost map, or of the one that gives it this name.
    fn item(&self, name: Option<&str>) -> Option<&Value> {
        let (frame, owner) = self
            .iterations()
            .find(|(_, owner)| match self.work(*owner) {
                Work::Map(map) => name.is_none() || map.item_name.as_deref() == name,
                Work::Tool { .. }
                | Work::Gate(_)
                | Work::Condition { .. }
                | Work::Parallel
                | Work::Join { .. }
                | Work::Transform { .. }
                | Work::Loop(_)
                | Work::Wait { .. }
                | Work::Poll { .. }
                | Work::Subworkflow { .. }
                | Work::External { .. } => false,
            })?;
        let index = self.state.frames[frame].index as usize;
        self.state.steps[owner].items.get(index)
    }

    /// What the round before this one of the innermost loop left; null in the first.
    fn previous(&self) -> Option<Value> {
        let (frame, owner) = self
            .iterations()
            .find(|(_, owner)| matches!(self.work(*owner), Work::Loop(_)))?;
        let index = self.state.frames[frame].index as usize;
        let before = index
            .checked_sub(1)
            .and_then(|before| self.state.steps[owner].frames.get(before));
        Some(before.map_or(Value::Null, |&before| self.state.output_of(before)))
    }

    fn index(&self) -> Option<Value> {
        let (frame, _) = self.iterations().next()?;
        Some(self.state.frames[frame].index.into())
    }

    fn step_value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let shape = self.state.outline.position(name)?;
        let step = &self.state.steps[self.state.seen_from(self.frame, shape)?];
        value_of(step)
    }
}

/// What an ended step is worth.
fn value_of(step: &StepRun) -> Option<Cow<'_, Value>> {
    match step.status {
        StepStatus::Completed => Some(match &step.output {
            Some(output) => Cow::Borrowed(output),
            None => Cow::Owned(Value::Null),
        }),
        StepStatus::Failed => Some(Cow::Owned(
            step.error
                .as_ref()
                .map_or(Value::Null, |error| error.as_value()),
        )),
        StepStatus::Skipped | StepStatus::Cancelled => Some(Cow::Owned(Value::Null)),
        StepStatus::Pending
        | StepStatus::Queued
        | StepStatus::InProgress
        | StepStatus::WaitingForApproval
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal
        | StepStatus::OutcomeUnknown
        | StepStatus::Retrying => None,
    }
}

impl Scope for Names<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some((own, value)) = self.own
            && own == name
        {
            return Some(Cow::Borrowed(value));
        }
        match name {
            "input" => Some(Cow::Borrowed(&self.state.input)),
            "context" => Some(Cow::Owned(self.context())),
            "item" => self.item(None).map(Cow::Borrowed),
            "index" => self.index().map(Cow::Owned),
            "previous" => self.previous().map(Cow::Owned),
            _ => match self.item(Some(name)) {
                Some(item) => Some(Cow::Borrowed(item)),
                None => self.step_value(name),
            },
        }
    }
}
