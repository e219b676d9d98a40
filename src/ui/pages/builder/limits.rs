//! The bounds of a run, and what is said about the workflow as a whole besides its name.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use super::durations::{duration_field, in_ms};
use super::editor::Editor;
use super::fields::{FieldOf, Held, check_field, number_field, text_field};
use super::form::at_once;
use super::rows::{Rows, rows};
use super::values::{Literal, value_field};
use crate::engine::input::{FieldKind, TextFormat};
use crate::engine::upstream::Reader;
use crate::engine::workflow::Workflow;

/// A part of the workflow itself. `field` is what is typed into.
pub(super) fn part<T: 'static>(
    editor: Editor,
    field: &'static str,
    read: fn(&Workflow) -> T,
    write: fn(&mut Workflow, T),
) -> Held<T> {
    Held::new(
        move || editor.document.with(read),
        move |value| editor.change(Some(field), |draft| write(draft, value)),
    )
}

pub(super) fn limits_form(editor: Editor, field: impl Fn(&str, &str, &str) -> FieldOf) -> AnyView {
    let time = part(
        editor,
        "timeout_ms",
        |draft| draft.timeout_ms,
        |draft, ms| draft.timeout_ms = ms,
    );
    let calls = part(
        editor,
        "max_in_flight",
        |draft| draft.max_in_flight.map(u64::from),
        |draft, max| draft.max_in_flight = max.and_then(|max| u32::try_from(max).ok()),
    );
    let runs = at_once(part(
        editor,
        "concurrency.max",
        |draft| draft.concurrency.clone(),
        |draft, limit| draft.concurrency = limit,
    ));
    let has_limit = runs.memo();
    let has_limit = Memo::new(move |_| has_limit.with(Option::is_some));
    let key_of = field(
        "concurrency.key",
        "For the same key (optional)",
        "The limit is counted for each key, such as input.host. One for all when empty.",
    );
    let key = move || {
        has_limit.get().then(|| {
            let key = part(
                editor,
                "concurrency.key",
                |draft| draft.concurrency.as_ref()?.key.clone(),
                |draft, key| {
                    if let Some(limit) = &mut draft.concurrency {
                        limit.key = key;
                    }
                },
            );
            let text = Literal::Kind(FieldKind::Text {
                format: TextFormat::Plain,
            });
            let field = value_field(key_of.clone(), text, Reader::Workflow, key);
            view! { <div class="field-inside">{field}</div> }
        })
    };
    let undo = part(
        editor,
        "compensate",
        |draft| draft.compensate,
        |draft, on| draft.compensate = on,
    );
    let in_flight = field(
        "max_in_flight",
        "Calls at once in one run",
        "256 when empty.",
    );
    let max = u32::MAX.into();
    view! {
        {duration_field(field("timeout_ms", "Time for a run", "Then it fails. Any time when empty."), false, in_ms(time))}
        {number_field(field("concurrency.max", "Runs at once", "The others wait their turn. Any number when empty."), max, runs)}
        {key}
        {number_field(in_flight, max, calls)}
        {check_field(field("compensate", "When a run fails, undo what it did", "Where its steps say how."), undo)}
    }
    .into_any()
}

/// Its address and its constants.
pub(super) fn more_form(editor: Editor, field: impl Fn(&str, &str, &str) -> FieldOf) -> AnyView {
    let slug = part(
        editor,
        "slug",
        |draft| draft.slug.clone().unwrap_or_default(),
        |draft, slug: String| draft.slug = (!slug.is_empty()).then_some(slug),
    );
    let names = Memo::new(move |_| {
        let draft = editor.document;
        draft.with(|draft| draft.variables.keys().cloned().collect::<Vec<_>>())
    });
    let value = move |name: &str| -> Held<Option<Value>> {
        let (key, name) = (name.to_owned(), name.to_owned());
        Held::new(
            move || {
                editor
                    .document
                    .with(|draft| draft.variables.get(&key).cloned())
            },
            move |value: Option<Value>| {
                editor.change(Some(&format!("variable {name}")), |draft| match value {
                    Some(value) => {
                        draft.variables.insert(name.clone(), value);
                    }
                    None => {
                        draft.variables.remove(&name);
                    }
                });
            },
        )
    };
    let variables = rows(Rows {
        of: field(
            "variables",
            "Variables",
            "The same in each run. Steps read them as context.name.",
        ),
        reader: None,
        names,
        value: Arc::new(value),
        open: true,
    });
    view! {
        {text_field(field("slug", "Short name in addresses", "Made of the name when empty."), 1, slug)}
        {variables}
    }
    .into_any()
}
