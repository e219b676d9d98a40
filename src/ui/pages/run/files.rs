//! The files that a run has left.

use leptos::prelude::*;
use leptos::task::spawn_local;

use serde_json::Value;

use super::{Forms, Viewer};
use crate::engine::ids::StepPath;
use crate::engine::state::RunState;
use crate::rpc::pages::run_files;
use crate::rpc::views::ArtifactCard;
use crate::ui::format;

#[component]
pub fn Artifacts(viewer: Viewer, forms: Forms) -> impl IntoView {
    let files = forms.files;
    let run_id = forms.run_id.get_value();
    fetch_when_they_matter(viewer, forms);
    move || {
        files.with(|files| {
            self::files(files.clone(), None, |file| {
                format!("/runs/{run_id}/artifacts/{}", file.id)
            })
        })
    }
}

/// The list of them, each with its address; nothing where there are none. `rel`: `external` where that is no page of ours.
pub(super) fn files(
    files: Vec<ArtifactCard>,
    rel: Option<&'static str>,
    href: impl Fn(&ArtifactCard) -> String,
) -> Option<AnyView> {
    if files.is_empty() {
        return None;
    }
    let rows: Vec<_> = files
        .into_iter()
        .map(|file| {
            let href = href(&file);
            view! { <li><a href=href rel=rel>{file.name}</a> " " <span class="muted">{format::bytes(file.bytes)}</span></li> }
        })
        .collect();
    Some(
        view! {
            <section class="artifacts" aria-labelledby="files-title">
                <h2 id="files-title">"Files"</h2>
                <ul>{rows}</ul>
            </section>
        }
        .into_any(),
    )
}

/// The files that a step has left, and those that its input names, each with its kind and size.
pub(super) fn of_step(forms: Forms, path: &StepPath, input: Option<&Value>) -> Option<AnyView> {
    let files = forms.files.get();
    let left = files.iter().filter(|file| file.step_id == *path);
    let left: Vec<_> = left.map(|file| row(forms, file)).collect();
    let named = |file: &&ArtifactCard| input.is_some_and(|input| names(input, file.id.as_str()));
    let read: Vec<_> = files
        .iter()
        .filter(named)
        .map(|file| row(forms, file))
        .collect();
    let list = |title, rows: Vec<AnyView>| {
        (!rows.is_empty()).then(|| view! { <h4>{title}</h4><ul>{rows}</ul> })
    };
    let lists = [list("Files in the input", read), list("Files", left)];
    let is_any = lists.iter().any(Option::is_some);
    is_any.then(|| view! { {lists} }.into_any())
}

fn row(forms: Forms, file: &ArtifactCard) -> AnyView {
    let of_run = format!("runs/{}/artifacts/{}", forms.run_id.get_value(), file.id);
    let what = format!(" {} · {} · ", file.media_type, format::bytes(file.bytes));
    view! {
        <li>
            <a href=format!("/{of_run}")>{file.name.clone()}</a>
            <span class="muted">{what}</span>
            <a href=format!("/api/v1/{of_run}") rel="external" download="">"Download"<span class="visually-hidden">" "{file.name.clone()}</span></a>
        </li>
    }
    .into_any()
}

/// Is it said somewhere in the value?
fn names(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Array(items) => items.iter().any(|item| names(item, id)),
        Value::Object(fields) => fields.values().any(|item| names(item, id)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Asks for the files that there are by now, while there may be more.
pub(super) fn fetch(viewer: Viewer, forms: Forms) {
    let has_ended = |state: &RunState| state.end.is_some();
    let has_ended = viewer
        .reel
        .is_none_or(|reel| untrack(|| reel.with(|film| has_ended(film.newest()))));
    if !has_ended {
        ask(forms);
    }
}

fn ask(forms: Forms) {
    let run_id = forms.run_id.get_value();
    spawn_local(async move {
        if let Ok(found) = run_files(run_id).await {
            let is_new = |known: &mut Vec<ArtifactCard>| {
                let is_new = *known != found;
                *known = found;
                (is_new, ())
            };
            let _ = forms.files.try_maybe_update(is_new);
        }
    });
}

/// Files are not told of in the log. They matter when a person is asked something and when the run ends, so a page
/// that is open then asks for them.
fn fetch_when_they_matter(viewer: Viewer, forms: Forms) {
    let moment = Memo::new(move |_| {
        let moment = |state: &RunState| (state.end.is_some(), state.waiting_for_people().count());
        // Of the run as it is, at whichever moment one looks at it.
        match viewer.reel {
            Some(reel) => reel.with(|film| moment(film.newest())),
            None => viewer.state.with(moment),
        }
    });
    Effect::new(move |earlier: Option<(bool, usize)>| {
        let now = moment.get();
        if earlier.is_some_and(|earlier| earlier != now) {
            ask(forms);
        }
        now
    });
}
