//! What the form of a call begins with: an answer that its tool would give.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::super::editor::Editor;
use crate::engine::edit;
use crate::engine::ids::StepPath;
use crate::engine::rehearse::example::example_output;
use crate::engine::tool::NumberRange;

/// As the author has written it: what is only known when the step is asked is a text there.
pub(super) fn written_input(editor: Editor, path: &StepPath) -> Value {
    editor.document.with_untracked(|draft| {
        let step = edit::find(draft, &path.last().into());
        step.and_then(|step| step.with.clone()).unwrap_or_default()
    })
}

/// What a call may return, to begin with.
pub(super) struct Sample {
    pub value: Value,
    /// What else it returns makes it fail, in a sentence.
    pub only: Option<String>,
}

impl Sample {
    pub fn of(editor: Editor, tool: Option<&str>, input: &Value) -> Self {
        editor.catalogue.with_value(|catalogue| {
            let Some(spec) = tool.and_then(|tool| catalogue.get(tool)) else {
                return Self {
                    value: json!({}),
                    only: None,
                };
            };
            let rule = spec.fails_outside.as_ref();
            let only = rule.and_then(|rule| {
                let accepted = NumberRange::in_words(&rule.accepted(input)?);
                let number = &rule.number;
                Some(format!(
                    "With a {number} outside of {accepted} the call fails."
                ))
            });
            Self {
                value: example_output(spec, input),
                only,
            }
        })
    }
}
