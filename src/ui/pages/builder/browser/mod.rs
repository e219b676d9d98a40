//! What the builder does in a browser alone: it has the draft checked by the worker, and keeps it on the server.

mod bench;
mod keeping;
mod size;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::editor::{Editor, PANEL_TITLE};
use crate::workbench::{Answer, Ask, Checked};
use bench::Bench;
pub(super) use size::on_resize;

/// Scrolls to what has this id, and gives it the focus.
pub(super) fn go_to(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        element.scroll_into_view();
        // It can have the focus, so it gets it.
        let _ = element.focus();
    }
}

/// Gives the focus to what has this id, once what has just been done is seen; else to the heading of the form, which is
/// there in any case.
pub(super) fn focus_next(id: String) {
    request_animation_frame(move || {
        let found = document().get_element_by_id(&id);
        let element = found.or_else(|| document().get_element_by_id(PANEL_TITLE));
        if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            let _ = element.focus();
        }
    });
}

/// Begins to check and to keep. Ends with the component that asked.
pub(super) fn begin(editor: Editor, slug: Option<String>) {
    let bench: Bench = StoredValue::new_local(None);
    let hear = move |answer: Answer| match answer {
        Answer::Ready => {}
        Answer::Checked(checked) => {
            // One that was overtaken is still nearer than the one before it.
            let _ = editor.checked.try_set(*checked);
            let _ = editor.heard.try_set(true);
            let _ = editor.blind.try_set(false);
        }
        Answer::Scene(scene) => editor.stage.hear(editor, *scene),
        Answer::Cases { verdicts, .. } => {
            let _ = editor.stage.verdicts.try_set(verdicts);
        }
        Answer::Compared {
            revision,
            comparison,
        } => editor.study.compared(revision, *comparison),
        Answer::Impact { revision, outcomes } => editor.study.played(revision, outcomes),
        // What it had said so far is no longer about the draft.
        Answer::Failed => {
            let _ = editor.blind.try_set(true);
            let _ = editor.checked.try_update(Checked::forget_what_is_wrong);
        }
        Answer::NotUnderstood { message } => {
            leptos::logging::error!("the workbench did not understand: {message}");
            let _ = editor.blind.try_set(true);
        }
    };
    let started = bench::start(hear, move || {
        let _ = editor.blind.try_set(true);
    });
    editor.blind.set(started.is_none());
    bench.set_value(started);
    editor
        .ask
        .set_value(Some(Callback::new(move |ask| bench::ask(bench, &ask))));
    bench::ask(
        bench,
        &Ask::Tools {
            catalogue: editor.catalogue.get_value(),
        },
    );
    Effect::new(move || {
        let revision = editor.revision.get();
        let workflow = Box::new(editor.document.get_untracked());
        if editor.blind.get_untracked() {
            // What the server refused may be mended by now; it says so again if not.
            editor.checked.update(Checked::forget_what_is_wrong);
        }
        bench::ask(bench, &Ask::Check { revision, workflow });
    });
    keeping::keep(editor, slug);
}
