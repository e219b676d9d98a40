//! What is wrong with the draft: as a list in which each leads to its place, and beside the fields.

use leptos::prelude::*;

use super::browser;
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
        <section class="findings" class:findings-none=move || count.get() == 0 aria-labelledby="findings-title">
            <h2 id="findings-title">{heading}</h2>
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
    let mend = repair.map(|repair| mending(editor, repair, || {}));
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

    /// A sentence, and what makes it go away. `field` is the id of the control that is written in next.
    pub fn beside(self, editor: Editor, field: Option<String>) -> AnyView {
        let Self {
            sentence,
            repair,
            is_warning,
        } = self;
        let go_on = move || {
            if let Some(field) = &field {
                browser::go_to(field);
            }
        };
        let mend = repair.map(|repair| mending(editor, repair, go_on));
        let class = if is_warning {
            "field-warning"
        } else {
            "field-error"
        };
        view! { <span class=class>{prose(&sentence)} " " {mend}</span> }.into_any()
    }
}

/// The button goes away with what was wrong; `after` is where the keyboard goes.
fn mending(editor: Editor, repair: Repair, after: impl Fn() + 'static) -> AnyView {
    let label = repair.label.clone();
    let patch = move |_| {
        mend(editor, &repair);
        after();
    };
    view! { <button type="button" class="button button-small" on:click=patch>{prose(&label)}</button> }.into_any()
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
