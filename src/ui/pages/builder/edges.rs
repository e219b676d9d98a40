//! The form of one way between two steps.

use leptos::prelude::*;

use super::editor::{EdgeAt, Editor, Selected, edge_of};
use super::fields::{FieldOf, check_field, choice_field, text_field};
use super::picture::name_of;
use crate::engine::edit;
use crate::engine::workflow::{Edge, EdgeTrigger};

#[component]
pub(super) fn EdgePanel(editor: Editor, at: EdgeAt) -> impl IntoView {
    let ends = editor.document.with_untracked(|draft| {
        let edge = edge_of(draft, &at)?;
        let name = |id| edit::find(draft, id).map_or_else(|| id.to_string(), name_of);
        Some((name(&edge.from), name(&edge.to)))
    });
    let Some((from, to)) = ends else {
        return ().into_any();
    };
    let field = |name: &str, label: &str, hint: &str| FieldOf {
        editor,
        place: Selected::Edge(at.clone()),
        name: name.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
    };
    let remove = {
        let at = at.clone();
        move |_| {
            editor.change(None, |draft| {
                if let Some((_, edges)) = edit::level_mut(draft, at.inside.as_ref())
                    && at.position < edges.len()
                {
                    edges.remove(at.position);
                }
            });
            editor.select(Selected::Workflow);
            editor
                .said
                .set("The way is removed. Undo brings it back.".to_owned());
        }
    };
    let triggers = [
        ("", "the step has succeeded"),
        ("failed", "the step has failed (its fallback)"),
        ("rejected", "the gate was rejected"),
    ];
    let options = triggers.map(|(word, text)| (word.to_owned(), text.to_owned()));
    view! {
        <div class="form builder-form">
            <p class="hint">"From " <strong>{from}</strong> " to " <strong>{to}</strong></p>
            {choice_field(
                field("on", "Goes on when", ""),
                options.to_vec(),
                read(editor, &at, |edge| match edge.on {
                    None => String::new(),
                    Some(EdgeTrigger::Failed) => "failed".to_owned(),
                    Some(EdgeTrigger::Rejected) => "rejected".to_owned(),
                }),
                write(editor, &at, "on", |edge, word: String| {
                    edge.on = match word.as_str() {
                        "failed" => Some(EdgeTrigger::Failed),
                        "rejected" => Some(EdgeTrigger::Rejected),
                        _ => None,
                    };
                }),
            )}
            {text_field(
                field("when", "And only when (optional)", "A CEL expression, such as check.result or size(judge.breaches) > 0."),
                2,
                read(editor, &at, |edge| edge.when.clone().unwrap_or_default()),
                write(editor, &at, "when", |edge, text: String| edge.when = (!text.is_empty()).then_some(text)),
            )}
            {check_field(
                field("default", "Otherwise", "Taken when no way with a condition is."),
                read(editor, &at, |edge| edge.default),
                write(editor, &at, "default", |edge, on| edge.default = on),
            )}
            {text_field(
                field("label", "Label (optional)", "What the picture says, such as breach."),
                1,
                read(editor, &at, |edge| edge.label.clone().unwrap_or_default()),
                write(editor, &at, "label", |edge, text: String| edge.label = (!text.is_empty()).then_some(text)),
            )}
            <button type="button" class="button button-small" on:click=remove>"Remove this way"</button>
        </div>
    }
    .into_any()
}

fn read<T: Default + 'static>(
    editor: Editor,
    at: &EdgeAt,
    read: impl Fn(&Edge) -> T + Send + Sync + 'static,
) -> impl Fn() -> T + Send + Sync + 'static {
    let at = at.clone();
    move || {
        editor
            .document
            .with(|draft| edge_of(draft, &at).map(&read).unwrap_or_default())
    }
}

fn write<T>(
    editor: Editor,
    at: &EdgeAt,
    field: &'static str,
    write: impl Fn(&mut Edge, T) + Send + Sync + 'static,
) -> impl Fn(T) + Send + Sync + 'static {
    let at = at.clone();
    move |value| editor.change_edge(&at, field, |edge| write(edge, value))
}
