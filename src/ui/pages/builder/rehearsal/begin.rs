//! How a rehearsal begins: with what a run is given, and whether tools answer by themselves.

use leptos::ev::SubmitEvent;
use leptos::html::Form;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{FormData, HtmlFormElement};
use std::collections::BTreeMap;

use super::super::editor::Editor;
use crate::engine::input::{Field, FieldError, fields, initial_text, parse};
use crate::engine::rehearse::Unscripted;
use crate::engine::rehearse::case::Given;
use crate::ui::pages::workflow::FormField;
use crate::workbench::Move;

/// How long a tool takes that answers by itself, in virtual milliseconds.
pub(super) const EXAMPLE_TAKES_MS: u64 = 1_000;

#[component]
pub(super) fn BeginForm(
    editor: Editor,
    /// Something is played already.
    begun: Memo<bool>,
) -> impl IntoView {
    let stage = editor.stage;
    let form = NodeRef::<Form>::new();
    let by_themselves = stage.by_themselves;
    let wrong = RwSignal::new(Vec::<FieldError>::new());
    let inputs = Memo::new(move |_| editor.document.with(|draft| fields(draft.inputs.as_ref())));
    let rows = move || {
        let (typed, errors) = (stage.typed.get_untracked(), wrong.get());
        inputs
            .get()
            .into_iter()
            .map(|field| row(field, &typed, &errors))
            .collect::<Vec<_>>()
    };
    // Kept while the page shows something else.
    let keep = move || {
        if let Some(form) = form.get_untracked() {
            stage.typed.set(typed_in(&form));
        }
    };
    let begin = move |event: SubmitEvent| {
        event.prevent_default();
        keep();
        let typed = stage.typed.get_untracked();
        match inputs.with_untracked(|fields| parse(fields, &typed)) {
            Err(errors) => wrong.set(errors),
            Ok(input) => {
                wrong.set(Vec::new());
                let given = Given {
                    input: Some(input),
                    ..Given::default()
                };
                let tools = match by_themselves.get_untracked() {
                    true => Unscripted::Example {
                        after_ms: EXAMPLE_TAKES_MS,
                    },
                    false => Unscripted::Wait,
                };
                let workflow = Box::new(editor.document.get_untracked());
                let given = Box::new(given);
                stage.make(
                    editor,
                    Move::Begin {
                        workflow,
                        given,
                        tools,
                    },
                );
            }
        }
    };
    let findings = move || editor.checked.with(|checked| checked.findings.len());
    let label = move || match stage.play.with(Option::is_some) {
        true => "Begin again",
        false => "Begin",
    };
    view! {
        <section class="rehearsal-panel" aria-labelledby="begin-title">
            <h2 id="begin-title">"Rehearse"</h2>
            <p class="hint">"No tool is called, nobody is asked, and the clock is not the real one."</p>
            // What it began with is in the way while it is played.
            <details class="more rehearsal-given" open=move || !begun.get() || wrong.with(|wrong| !wrong.is_empty())>
            <summary>"What the run is given"</summary>
            <form id="rehearsal-begin" node_ref=form class="form rehearsal-form" novalidate on:submit=begin on:input=move |_| keep()>
                {rows}
                <div class="field field-check">
                    <input id="tools-by-themselves" type="checkbox" prop:checked=move || by_themselves.get()
                        on:change:target=move |event| by_themselves.set(event.target().checked()) />
                    <label for="tools-by-themselves">"Tools answer by themselves " <span class="hint">"with an example of what they give."</span></label>
                </div>
            </form>
            </details>
            {move || (findings() > 0).then(|| view! { <p class="notice">"First mend what is wrong with the draft: what does not compile cannot be played."</p> })}
            <button form="rehearsal-begin" class="button" class:button-primary=move || !begun.get() disabled=move || { findings() > 0 || editor.blind.get() }>{label}</button>
        </section>
    }
}

fn row(field: Field, typed: &BTreeMap<String, String>, errors: &[FieldError]) -> AnyView {
    let text = match typed.get(&field.name) {
        Some(text) => text.clone(),
        None if typed.is_empty() => initial_text(&field),
        None => String::new(),
    };
    let mut errors = errors.iter();
    let error = errors.find(|error| error.field == field.name);
    let error = error.map(|error| error.message.clone());
    view! { <FormField field text error /> }.into_any()
}

/// What stands in the form's fields, by the names of the inputs.
fn typed_in(form: &HtmlFormElement) -> BTreeMap<String, String> {
    let mut typed = BTreeMap::new();
    let Ok(data) = FormData::new_with_form(form) else {
        return typed;
    };
    for entry in data.entries().into_iter().flatten() {
        let Ok(pair) = entry.dyn_into::<leptos::web_sys::js_sys::Array>() else {
            continue;
        };
        let name = pair.get(0).as_string().unwrap_or_default();
        if let (Some(name), Some(text)) = (name.strip_prefix("input."), pair.get(1).as_string()) {
            typed.insert(name.to_owned(), text);
        }
    }
    typed
}
