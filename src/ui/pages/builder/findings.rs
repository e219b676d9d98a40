//! What is wrong with the draft: as a list in which each leads to its place, and beside the fields.

use leptos::prelude::*;

use super::browser;
use super::editor::{Editor, PANEL_TITLE, place_of};
use crate::engine::diagnostic::{Diagnostic, Repair};
use crate::engine::patch::apply_patch;
use crate::ui::components::prose;

const TITLE: &str = "findings-title";

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
    let warnings = Memo::new(move |_| editor.checked.with(|checked| checked.warnings.clone()));
    let unlikely = move || {
        let warnings = warnings.get();
        (!warnings.is_empty()).then(|| {
            let rows: Vec<_> = warnings
                .into_iter()
                .map(|warning| row(editor, warning))
                .collect();
            view! {
                <h3>"Worth a look"</h3>
                <ol class="findings-list">{rows}</ol>
            }
        })
    };
    view! {
        <section class="findings" class:findings-none=move || count.get() == 0 aria-labelledby=TITLE>
            <h2 id=TITLE tabindex="-1">{heading}</h2>
            <ol class="findings-list">{rows}</ol>
            {unlikely}
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
    let mend = repair.map(|repair| mending(editor, repair, TITLE.to_owned()));
    view! {
        <li class="finding">
            <button type="button" class="finding-place" on:click=move |_| editor.select(place.clone())>{prose(&message)}</button>
            " " {fix.map(|fix| prose(&fix))} " " {mend} " " <code class="muted">{code}</code>
        </li>
    }
}

/// What is wrong, as it stands beside a field.
#[derive(Clone, PartialEq)]
pub(super) struct Wrong {
    sentence: String,
    repair: Option<Repair>,
    /// It can be published all the same.
    is_warning: bool,
}

impl From<Diagnostic> for Wrong {
    fn from(finding: Diagnostic) -> Self {
        Self {
            sentence: finding.to_string(),
            repair: finding.repair,
            is_warning: false,
        }
    }
}

impl Wrong {
    /// With a text that is not in the draft, because it cannot be read.
    pub fn typed(sentence: String) -> Self {
        Self {
            sentence,
            repair: None,
            is_warning: false,
        }
    }

    pub fn warning(warning: Diagnostic) -> Self {
        Self {
            is_warning: true,
            ..warning.into()
        }
    }

    pub fn stops(&self) -> bool {
        !self.is_warning
    }

    pub fn sentence(&self) -> AnyView {
        let sentence = prose(&self.sentence);
        match self.is_warning {
            true => {
                view! { <span class="field-warning">"Worth a look: " {sentence}</span> }.into_any()
            }
            false => view! { <span class="field-error">{sentence}</span> }.into_any(),
        }
    }

    /// What makes it go away. The focus goes to what has this id.
    pub fn mending(&self, editor: Editor, next: String) -> Option<AnyView> {
        let repair = self.repair.clone()?;
        Some(mending(editor, repair, next))
    }

    /// Both, where there is no field.
    pub fn whole(&self, editor: Editor) -> AnyView {
        let mending = self.mending(editor, PANEL_TITLE.to_owned());
        view! { <p>{self.sentence()} " " {mending}</p> }.into_any()
    }
}

/// The button goes away with what was wrong, so the focus goes to what has the id `next`.
fn mending(editor: Editor, repair: Repair, next: String) -> AnyView {
    let label = repair.label.clone();
    let patch = move |_| {
        if mend(editor, &repair) {
            browser::focus_next(next.clone());
        }
    };
    view! { <button type="button" class="button button-small" on:click=patch>{prose(&label)}</button> }.into_any()
}

/// Whether it is mended; if not, it is said why.
fn mend(editor: Editor, repair: &Repair) -> bool {
    // A patch goes by positions: after another change they may be those of other steps.
    let checked = editor.checked.with_untracked(|checked| checked.revision);
    if checked != editor.revision.get_untracked() {
        editor
            .said
            .set("The draft is being checked. Try again in a moment.".to_owned());
        return false;
    }
    let mended = editor
        .document
        .with_untracked(|draft| apply_patch(draft, &repair.patch));
    match mended {
        Ok(mended) => {
            editor.change(None, |draft| *draft = mended);
            editor.said.set(format!("{}: done.", repair.label));
            true
        }
        // The draft has changed since it was checked.
        Err(_) => {
            let why = "That does not fit any more. Look at the list again.";
            editor.said.set(why.to_owned());
            false
        }
    }
}
