//! The form that starts a run. It is a plain post; what the server refuses comes back with everything that was typed.

use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use leptos_router::hooks::use_location;
use std::collections::BTreeMap;

use crate::engine::input::{Field, FieldKind, TextFormat, initial_text};
use crate::rpc::views::RefusedStart;
use crate::ui::markup::as_written;

/// Where ways from other pages lead.
pub(super) const ANCHOR: &str = "start";

#[component]
pub(super) fn StartForm(
    action: String,
    fields: Vec<Field>,
    refused: RefusedStart,
) -> impl IntoView {
    let RefusedStart {
        typed,
        errors,
        message,
    } = refused;
    let errors: BTreeMap<String, String> = errors
        .into_iter()
        .map(|error| (error.field, error.message))
        .collect();
    let wrong = errors.len();
    let was_typed = !typed.is_empty() || wrong > 0;
    let fields: Vec<_> = fields
        .into_iter()
        .map(|field| {
            let text = if was_typed {
                typed.get(&field.name).cloned().unwrap_or_default()
            } else {
                initial_text(&field)
            };
            let error = errors.get(&field.name).cloned();
            view! { <FormField field text error /> }
        })
        .collect();
    // Whoever has chosen to run it comes to the first thing to fill in.
    let form = NodeRef::<html::Form>::new();
    let hash = use_location().hash;
    Effect::new(move || {
        let Some(form) = form.get() else { return };
        if hash.get_untracked().trim_start_matches('#') != ANCHOR {
            return;
        }
        // What is not on the page yet takes no focus.
        request_animation_frame(move || {
            let first = form.query_selector("input, textarea, select, button");
            let first = first.ok().flatten().map(JsCast::dyn_into::<HtmlElement>);
            if let Some(Ok(first)) = first {
                let _ = first.focus();
            }
        });
    });
    view! {
        <form class="form" method="post" action=action node_ref=form>
            {(wrong > 0).then(|| view! {
                <p class="notice notice-failed" role="alert">{if wrong == 1 { "One field needs another look.".to_owned() } else { format!("{wrong} fields need another look.") }}</p>
            })}
            {message.map(|message| view! { <p class="notice notice-failed" role="alert">{message}</p> })}
            {fields}
            <button class="button button-primary">"Start"</button>
        </form>
    }
}

#[component]
pub(in crate::ui::pages) fn FormField(
    field: Field,
    text: String,
    error: Option<String>,
) -> impl IntoView {
    let id = format!("input-{}", field.name);
    let name = format!("input.{}", field.name);
    let hint_id = format!("{id}-hint");
    let how = field.kind.how();
    let is_described = !field.description.is_empty() || how.is_some() || error.is_some();
    let described = is_described.then(|| hint_id.clone());
    let wrong = error.is_some();
    let invalid = wrong.then_some("true");
    let required = field.required;
    let control = match field.kind {
        FieldKind::Text { format: TextFormat::Multiline } | FieldKind::Lines { .. } | FieldKind::Json => {
            // What was typed before the page came to life stays.
            let written = as_written(&text);
            view! {
                <textarea id=id.clone() name=name rows="4" required=required aria-describedby=described aria-invalid=invalid
                    inner_html=written prop:defaultValue=text></textarea>
            }
            .into_any()
        }
        FieldKind::Text { format } => {
            let kind = match format {
                TextFormat::Plain | TextFormat::Multiline => "text",
                TextFormat::Url => "url",
                TextFormat::Email => "email",
                TextFormat::Date => "date",
            };
            view! { <input id=id.clone() name=name type=kind value=text required=required aria-describedby=described aria-invalid=invalid /> }.into_any()
        }
        FieldKind::Words => {
            view! { <input id=id.clone() name=name value=text required=required autocomplete="off" spellcheck="false" aria-describedby=described aria-invalid=invalid /> }.into_any()
        }
        FieldKind::Number { integer, minimum, maximum } => view! {
            <input id=id.clone() name=name type="number" value=text required=required
                step=if integer { "1" } else { "any" } min=minimum.map(|n| n.to_string()) max=maximum.map(|n| n.to_string())
                aria-describedby=described aria-invalid=invalid />
        }
        .into_any(),
        FieldKind::Boolean => view! {
            <input id=id.clone() name=name type="checkbox" value="true" checked=text == "true" aria-describedby=described />
        }
        .into_any(),
        FieldKind::Choice { options } => {
            // Nothing is chosen for people: where there is no default they choose, or leave it when they may.
            // With a default, leaving it out would mean the default, so that is no choice of its own.
            let nothing = (field.default.is_none() && (!required || text.is_empty())).then(|| {
                let label = if required { "Choose one" } else { "None" };
                view! { <option value="" selected=text.is_empty()>{label}</option> }
            });
            let options: Vec<_> = options.into_iter().map(|option| view! { <option value=option.clone() selected=option == text>{option.clone()}</option> }).collect();
            view! { <select id=id.clone() name=name required=required aria-describedby=described aria-invalid=invalid>{nothing} {options}</select> }.into_any()
        }
    };
    view! {
        <div class="field" class:field-invalid=wrong>
            <label for=id>{field.title} {(!required).then(|| view! { <span class="muted">" (optional)"</span> })}</label>
            {control}
            <p class="hint" id=hint_id>
                {error.map(|error| view! { <span class="field-error">{error}</span> })}
                {field.description} " " {how}
            </p>
        </div>
    }
}
