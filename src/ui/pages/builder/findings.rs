//! What is wrong with the draft, as a list: each leads to its place.

use leptos::prelude::*;

use super::editor::{Editor, place_of};
use crate::engine::diagnostic::Diagnostic;

#[component]
pub(super) fn FindingsView(editor: Editor) -> impl IntoView {
    let count = Memo::new(move |_| editor.checked.with(|checked| checked.findings.len()));
    let heading = move || match (editor.blind.get(), count.get()) {
        (true, _) => {
            "Not checked in this browser: the server checks when it is published.".to_owned()
        }
        (false, 0) => "Nothing to mend: it can be published.".to_owned(),
        (false, 1) => "One thing to mend".to_owned(),
        (false, count) => format!("{count} things to mend"),
    };
    let rows = move || {
        let findings = editor.checked.with(|checked| checked.findings.clone());
        findings
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
        code, message, fix, ..
    } = finding;
    view! {
        <li class="finding">
            <button type="button" class="finding-place" on:click=move |_| editor.select(place.clone())>{message}</button>
            " " {fix} " " <code class="muted">{code}</code>
        </li>
    }
}
