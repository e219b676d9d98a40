//! The form of the workflow itself: what it is called, what a run of it is given, and its bounds.

use leptos::prelude::*;

use super::editor::{Editor, Selected};
use super::fields::{FieldOf, text_field, words_field};
use super::inputs::InputsEditor;
use super::limits::{limits_form, more_form, part};

#[component]
pub(super) fn WorkflowPanel(editor: Editor) -> impl IntoView {
    let field = move |name: &str, label: &str, hint: &str| FieldOf {
        editor,
        place: Selected::Workflow,
        name: name.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let name = part(
        editor,
        "name",
        |draft| draft.name.clone(),
        |draft, text| draft.name = text,
    );
    let description = part(
        editor,
        "description",
        |draft| draft.description.clone(),
        |draft, text| draft.description = text,
    );
    let tags = part(
        editor,
        "tags",
        |draft| draft.tags.clone(),
        |draft, tags| draft.tags = tags,
    );
    view! {
        <div class="form builder-form">
            {text_field(field("name", "Name", ""), 1, name)}
            {text_field(field("description", "Description", "What it does, for those who start it."), 3, description)}
            {words_field(field("tags", "Tags", "Words with commas between them."), tags)}
            <InputsEditor editor />
            <details class="more">
                <summary>"Limits"</summary>
                {limits_form(editor, field)}
            </details>
            <details class="more">
                <summary>"Variables and address"</summary>
                {more_form(editor, field)}
            </details>
        </div>
    }
    .into_any()
}
