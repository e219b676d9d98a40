//! The fields that the forms of the builder are made of. Each shows what is in the draft, changes it as it is typed, and
//! says what is wrong with it right beneath.

use leptos::prelude::*;

use super::editor::{Editor, Selected};

/// What every field has.
#[derive(Clone)]
pub struct FieldOf {
    pub editor: Editor,
    /// The part of the draft that it belongs to.
    pub place: Selected,
    /// Its name there, as findings say it, such as `with.url`.
    pub name: String,
    pub label: String,
    pub hint: String,
}

impl FieldOf {
    fn id(&self) -> String {
        let place = match &self.place {
            Selected::Workflow => String::new(),
            Selected::Step(step) => step.to_string(),
            Selected::Edge(at) => format!("edge-{}", at.position),
        };
        let name = self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        format!("field-{place}-{name}")
    }

    /// The sentences about this field, and about what is inside it.
    fn wrong(&self) -> Vec<String> {
        let inner = format!("{}.", self.name);
        self.editor
            .findings_of(&self.place)
            .into_iter()
            .filter(|finding| {
                let field = finding.field.as_deref().unwrap_or_default();
                field == self.name || field.starts_with(&inner)
            })
            .map(|finding| finding.to_string())
            .collect()
    }
}

/// Label, control, hint and findings.
pub(super) fn framed(of: FieldOf, control: impl FnOnce(String, String) -> AnyView) -> AnyView {
    let id = of.id();
    let hint_id = format!("{id}-hint");
    let control = control(id.clone(), hint_id.clone());
    let label = of.label.clone();
    let hint = of.hint.clone();
    let wrong = Memo::new(move |_| of.wrong());
    view! {
        <div class="field" class:field-invalid=move || wrong.with(|wrong| !wrong.is_empty())>
            <label for=id>{label}</label>
            {control}
            <p class="hint" id=hint_id>
                {move || wrong.get().into_iter().map(|sentence| view! { <span class="field-error">{sentence}</span> }).collect::<Vec<_>>()}
                {hint}
            </p>
        </div>
    }
    .into_any()
}

/// One line of text, or several.
pub fn text_field(
    of: FieldOf,
    lines: u32,
    value: impl Fn() -> String + Send + Sync + 'static,
    change: impl Fn(String) + Send + Sync + 'static,
) -> AnyView {
    let value = Memo::new(move |_| value());
    framed(of, move |id, hint| {
        if lines > 1 {
            view! {
                <textarea id=id rows=lines aria-describedby=hint prop:value=move || value.get() on:input:target=move |event| change(event.target().value())></textarea>
            }
            .into_any()
        } else {
            view! {
                <input id=id aria-describedby=hint autocomplete="off" spellcheck="false" prop:value=move || value.get() on:input:target=move |event| change(event.target().value()) />
            }
            .into_any()
        }
    })
}

/// A whole number, or nothing.
pub fn number_field(
    of: FieldOf,
    value: impl Fn() -> Option<u64> + Send + Sync + 'static,
    change: impl Fn(Option<u64>) + Send + Sync + 'static,
) -> AnyView {
    let value = Memo::new(move |_| value().map(|number| number.to_string()).unwrap_or_default());
    framed(of, move |id, hint| {
        view! {
            <input id=id type="number" min="0" step="1" inputmode="numeric" aria-describedby=hint prop:value=move || value.get()
                on:input:target=move |event| change(event.target().value().trim().parse().ok()) />
        }
        .into_any()
    })
}

/// One of several words. Each with what people read.
pub fn choice_field(
    of: FieldOf,
    options: Vec<(String, String)>,
    value: impl Fn() -> String + Send + Sync + 'static,
    change: impl Fn(String) + Send + Sync + 'static,
) -> AnyView {
    let value = Memo::new(move |_| value());
    framed(of, move |id, hint| {
        let options: Vec<_> = options
            .into_iter()
            .map(|(word, text)| {
                let chosen = word.clone();
                view! { <option value=word selected=move || value.with(|value| *value == chosen)>{text}</option> }
            })
            .collect();
        view! {
            <select id=id aria-describedby=hint on:change:target=move |event| change(event.target().value())>{options}</select>
        }
        .into_any()
    })
}

/// Yes or no.
pub fn check_field(
    of: FieldOf,
    value: impl Fn() -> bool + Send + Sync + 'static,
    change: impl Fn(bool) + Send + Sync + 'static,
) -> AnyView {
    let id = of.id();
    let label = of.label.clone();
    let hint = of.hint.clone();
    view! {
        <div class="field field-check">
            <input id=id.clone() type="checkbox" prop:checked=value on:change:target=move |event| change(event.target().checked()) />
            <label for=id>{label} <span class="hint">{hint}</span></label>
        </div>
    }
    .into_any()
}
