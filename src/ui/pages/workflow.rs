//! One workflow: what it will do, and the form that starts it. The form is a plain post; what the server refuses comes
//! back with everything that was typed.

mod triggers;

use leptos::prelude::*;
use leptos_meta::Title;
use std::collections::BTreeMap;

use super::param;
use crate::engine::input::{Field, FieldKind, TextFormat, initial_text};
use crate::rpc::error::PageError;
use crate::rpc::pages::workflow;
use crate::rpc::views::{RefusedStart, WorkflowView};
use crate::ui::components::{Failure, RunList, branch_labels};
use triggers::TriggersSection;

#[component]
pub fn WorkflowPage() -> impl IntoView {
    let slug = param("slug");
    let view = Resource::new(move || slug.get(), workflow);
    // What the server refused travels with the page, so that hydration finds the same form.
    let refused =
        SharedValue::new(|| use_context::<RefusedStart>().unwrap_or_default()).into_inner();
    view! {
        <Suspense fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || {
                let refused = refused.clone();
                Suspend::new(async move { show(view.await, refused) })
            }}
        </Suspense>
        <TriggersSection slug />
    }
}

fn show(view: Result<WorkflowView, PageError>, refused: RefusedStart) -> AnyView {
    let WorkflowView {
        card,
        outline,
        fields,
        recent,
        now,
    } = match view {
        Ok(view) => view,
        Err(error) => {
            return view! { <Title text="Workflow" /><h1>"Workflow"</h1><Failure error /> }
                .into_any();
        }
    };
    let action = format!("/workflows/{}", card.slug);
    let steps: Vec<_> = outline
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let labels: Vec<_> = branch_labels(&outline, at).into_iter().map(|label| view! { <span class="tag">{label}</span> }).collect();
            let what = step.tool.clone().unwrap_or_else(|| step.kind.as_str().replace('_', " "));
            view! { <li><span>{step.name.clone()}</span> " " {labels} <code class="muted">{what}</code></li> }
        })
        .collect();
    view! {
        <Title text=card.name.clone() />
        <div class="page-head">
            <h1>{card.name.clone()}</h1>
            <a class="button" href=format!("/workflows/{}/versions", card.slug)>"Versions"</a>
            {card.can_change.then(|| view! { <a class="button" href=format!("/workflows/{}/edit", card.slug)>"Edit"</a> })}
        </div>
        <p class="lead">{card.description}</p>
        <div class="columns">
            <section aria-labelledby="start-title">
                <h2 id="start-title">"Start a run"</h2>
                <StartForm action fields refused />
            </section>
            <section aria-labelledby="steps-title">
                <h2 id="steps-title">"What it does"</h2>
                <ol class="outline">{steps}</ol>
            </section>
        </div>
        {(!recent.is_empty()).then(|| view! {
            <section aria-labelledby="recent-title">
                <h2 id="recent-title">"Recent runs"</h2>
                <RunList runs=recent now />
            </section>
        })}
    }
    .into_any()
}

#[component]
fn StartForm(action: String, fields: Vec<Field>, refused: RefusedStart) -> impl IntoView {
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
    view! {
        <form class="form" method="post" action=action>
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
pub(super) fn FormField(field: Field, text: String, error: Option<String>) -> impl IntoView {
    let id = format!("input-{}", field.name);
    let name = format!("input.{}", field.name);
    let hint_id = format!("{id}-hint");
    let described = (!field.description.is_empty() || error.is_some()).then(|| hint_id.clone());
    let wrong = error.is_some();
    let invalid = wrong.then_some("true");
    let required = field.required;
    let control = match field.kind {
        FieldKind::Text { format: TextFormat::Multiline } | FieldKind::Lines { .. } | FieldKind::Json => view! {
            <textarea id=id.clone() name=name rows="4" required=required aria-describedby=described aria-invalid=invalid prop:value=text.clone()>{text.clone()}</textarea>
        }
        .into_any(),
        FieldKind::Text { format } => {
            let kind = match format {
                TextFormat::Plain | TextFormat::Multiline => "text",
                TextFormat::Url => "url",
                TextFormat::Email => "email",
                TextFormat::Date => "date",
            };
            view! { <input id=id.clone() name=name type=kind value=text required=required aria-describedby=described aria-invalid=invalid /> }.into_any()
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
                {field.description}
            </p>
        </div>
    }
}
