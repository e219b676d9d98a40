//! What is wrong with the draft, as a list: each leads to its place.

use leptos::prelude::*;

use super::editor::{Editor, place_of};
use crate::engine::diagnostic::{Diagnostic, Repair};
use crate::engine::patch::apply_patch;
use crate::ui::components::prose;

#[component]
pub(super) fn FindingsView(editor: Editor) -> impl IntoView {
    let count = Memo::new(move |_| editor.checked.with(|checked| checked.findings.len()));
    let heading = move || match (editor.blind.get(), count.get()) {
        (false, 0) if !editor.heard.get() => "Checking…".to_owned(),
        (true, _) => {
            "Not checked in this browser: the server checks when it is published.".to_owned()
        }
        (false, 0) => "Nothing to mend: it can be published.".to_owned(),
        (false, 1) => "One thing to mend".to_owned(),
        (false, count) => format!("{count} things to mend"),
    };
    // Most answers of the worker say the same as the one before.
    let findings = Memo::new(move |_| editor.checked.with(|checked| checked.findings.clone()));
    let rows = move || {
        findings
            .get()
            .into_iter()
            .map(|finding| row(editor, finding))
            .collect::<Vec<_>>()
    };
    view! {
        <section class="findings" class:findings-none=move || count.get() == 0 aria-labelledby="findings-title">
            <h2 id="findings-title">{heading}</h2>
            <ol class="findings-list">{rows}</ol>
        </section>
    }
}

fn row(editor: Editor, finding: Diagnostic) -> impl IntoView {
    let place = place_of(&finding);
    let Diagnostic {
        code,
        message,
        fix,
        repair,
        ..
    } = finding;
    let mend = repair.map(|repair| {
        let label = repair.label.clone();
        let patch = move |_| mend(editor, &repair);
        view! { <button type="button" class="button button-small" on:click=patch>{prose(&label)}</button> }
    });
    view! {
        <li class="finding">
            <button type="button" class="finding-place" on:click=move |_| editor.select(place.clone())>{prose(&message)}</button>
            " " {fix.map(|fix| prose(&fix))} " " {mend} " " <code class="muted">{code}</code>
        </li>
    }
}

fn mend(editor: Editor, repair: &Repair) {
    // A patch goes by positions: after another change they may be those of other steps.
    let checked = editor.checked.with_untracked(|checked| checked.revision);
    if checked != editor.revision.get_untracked() {
        editor
            .said
            .set("The draft is being checked. Try again in a moment.".to_owned());
        return;
    }
    let mended = editor
        .document
        .with_untracked(|draft| apply_patch(draft, &repair.patch));
    match mended {
        Ok(mended) => {
            editor.change(None, |draft| *draft = mended);
            editor.said.set(format!("{}: done.", repair.label));
        }
        // The draft has changed since it was checked.
        Err(_) => editor
            .said
            .set("That does not fit any more. Look at the list again.".to_owned()),
    }
}
