//! What can be added, and where it goes: chosen from a list, or dragged onto the picture.

use leptos::prelude::*;

use super::carrying::{NEW_STEP, begin, new_step};
use super::editor::{Editor, Selected};
use super::words::KINDS;
use crate::engine::edit::{self, Place};
use crate::engine::workflow::{Step, StepKind};

#[component]
pub(super) fn Palette(editor: Editor) -> impl IntoView {
    let tools: Vec<String> = editor
        .catalogue
        .with_value(|catalogue| catalogue.names().map(str::to_owned).collect());
    let wanted = RwSignal::new("tool:http.request".to_owned());
    let add = move |beside: bool| {
        let place = match editor.selected.get_untracked() {
            Selected::Step(id) if beside => Place::Beside(id),
            Selected::Step(id) => Place::After(id),
            Selected::Workflow | Selected::Edge(_) => Place::Loose(None),
        };
        put(editor, new_step(&wanted.get_untracked()), &place);
    };
    let holds = Memo::new(move |_| match editor.selected.get() {
        Selected::Step(id) => editor.document.with(|draft| {
            edit::find(draft, &id)
                .filter(|step| matches!(step.kind, StepKind::Map | StepKind::Loop))
                .map(|step| step.id.clone())
        }),
        Selected::Workflow | Selected::Edge(_) => None,
    });
    let inside = move |_| {
        if let Some(holder) = holds.get_untracked() {
            let step = new_step(&wanted.get_untracked());
            put(editor, step, &Place::Loose(Some(holder)));
        }
    };
    let on_step = Memo::new(move |_| {
        editor
            .selected
            .with(|selected| matches!(selected, Selected::Step(_)))
    });
    let tool_options: Vec<_> = tools
        .iter()
        .map(|name| view! { <option value=format!("tool:{name}")>{name.clone()}</option> })
        .collect();
    let kind_options: Vec<_> = KINDS
        .into_iter()
        .map(|(kind, text)| view! { <option value=kind.as_str()>{text}</option> })
        .collect();
    view! {
        <div class="palette">
            <label for="palette-what">"Add a step"</label>
            <select id="palette-what" on:change:target=move |event| wanted.set(event.target().value())>
                <optgroup label="Tools">{tool_options}</optgroup>
                <optgroup label="Ways and people">{kind_options}</optgroup>
            </select>
            <div class="palette-acts">
                <button type="button" class="button button-small button-primary" on:click=move |_| add(false)>{move || if on_step.get() { "Add after" } else { "Add" }}</button>
                {move || on_step.get().then(|| view! { <button type="button" class="button button-small" on:click=move |_| add(true)>"Add beside what follows"</button> })}
                {move || holds.get().map(|_| view! { <button type="button" class="button button-small" on:click=inside>"Add inside"</button> })}
            </div>
            {chips(tools)}
        </div>
    }
}

/// The same, to be dragged: onto the ground, a step or a way of the picture.
fn chips(tools: Vec<String>) -> AnyView {
    let tools = tools.into_iter().map(|name| (format!("tool:{name}"), name));
    let kinds = KINDS.map(|(kind, text)| (kind.as_str().to_owned(), text.to_owned()));
    let chips: Vec<_> = tools
        .chain(kinds)
        .map(|(word, text)| view! { <li class="chip" draggable="true" on:dragstart=move |event| begin(&event, NEW_STEP, &word)>{text}</li> })
        .collect();
    view! {
        <details class="palette-chips">
            <summary>"Drag onto the picture"</summary>
            <p class="hint">"Onto a step: after it. Onto a way: between its ends."</p>
            <ul>{chips}</ul>
        </details>
    }
    .into_any()
}

fn put(editor: Editor, step: Step, place: &Place) {
    let id = editor.change(None, |draft| edit::add_step(draft, step, place));
    editor.added(&id);
}
