//! Values that have names: the fields of an output, the variables, an input of which no schema is known. One row each.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use super::fields::{FieldOf, Held, text_field};
use super::suggesting::is_composing;
use super::values::{Literal, value_field};
use super::written::{plain_shown, plain_written};
use crate::engine::input::FieldKind;
use crate::engine::upstream::Reader;

/// The value of that name, which may not be there.
pub(super) type Named = Arc<dyn Fn(&str) -> Held<Option<Value>> + Send + Sync>;

/// A list of named values.
#[derive(Clone)]
pub(super) struct Rows {
    /// Of the whole: `set`. The label is its legend.
    pub of: FieldOf,
    /// Who reads names in the values; nobody where they are constants.
    pub reader: Option<Reader>,
    pub names: Memo<Vec<String>>,
    pub value: Named,
    /// A name may be added.
    pub open: bool,
}

/// The field of each row is empty: null, and not gone. It goes with its button.
fn kept(value: Held<Option<Value>>) -> Held<Option<Value>> {
    value.shown_as(
        |value| value.filter(|value| !value.is_null()),
        |value| Some(value.unwrap_or_default()),
    )
}

fn constant(value: Held<Option<Value>>) -> Held<String> {
    value.shown_as(
        |value| plain_shown(value.as_ref()),
        |text: String| Some(plain_written(&text)),
    )
}

pub(super) fn rows(rows: Rows) -> AnyView {
    let new = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<&'static str>);
    let new_id = format!("{}-new", rows.of.id());
    let hint_id = format!("{new_id}-hint");
    let add = {
        let rows = rows.clone();
        move || {
            let name = new.get_untracked().trim().to_owned();
            let is_there = rows.names.with_untracked(|names| names.contains(&name));
            problem.set(match (name.is_empty(), is_there) {
                (true, _) => Some("Give it a name."),
                (false, true) => Some("There is one of that name already."),
                (false, false) => None,
            });
            if problem.get_untracked().is_none() {
                let added = (rows.value)(&name);
                rows.of.editor.apart(|| added.set(Some(Value::Null)));
                new.set(String::new());
            }
        }
    };
    let add = StoredValue::new(add);
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && !is_composing(&event) {
            event.prevent_default();
            add.with_value(|add| add());
        }
    };
    let (names, each) = (rows.names, rows.clone());
    let adding = rows.open.then(|| {
        let (id, hint) = (new_id.clone(), hint_id.clone());
        view! {
            <div class="set-add">
                <label class="visually-hidden" for=new_id.clone()>"Name of a new field"</label>
                <input id=id aria-describedby=hint placeholder="new field" autocomplete="off" aria-invalid=move || problem.get().map(|_| "true") prop:value=move || new.get() on:keydown=key
                    on:input:target=move |event| { problem.set(None); new.set(event.target().value()); } />
                <button type="button" class="button button-small" on:click=move |_| add.with_value(|add| add())>"Add a field"</button>
            </div>
            <p class="hint" id=hint_id.clone() role="alert">{move || problem.get().map(|problem| view! { <span class="field-error">{problem}</span> })}</p>
        }
    });
    view! {
        <fieldset class="set-fields">
            <legend>{rows.of.label.clone()}</legend>
            <p class="hint">{rows.of.hint.clone()}</p>
            <For each=move || names.get() key=|name| name.clone() children=move |name| row(&each, name) />
            {adding}
        </fieldset>
    }
    .into_any()
}

fn row(rows: &Rows, name: String) -> AnyView {
    let of = FieldOf {
        name: format!("{}.{name}", rows.of.name),
        label: name.clone(),
        hint: String::new(),
        ..rows.of.clone()
    };
    let value = (rows.value)(&name);
    let literal = Literal::Kind(FieldKind::Json);
    let field = match &rows.reader {
        Some(reader) => value_field(of, literal, reader.clone(), kept(value.clone())),
        None => text_field(of, 2, constant(value.clone())),
    };
    let editor = rows.of.editor;
    let gone = name.clone();
    let remove = move |_| {
        editor.apart(|| value.set(None));
        editor.said.set(format!("{gone} removed."));
    };
    view! {
        <div class="set-row">
            {field}
            <button type="button" class="button button-small" aria-label=format!("Remove {name}") on:click=remove>"Remove"</button>
        </div>
    }
    .into_any()
}
