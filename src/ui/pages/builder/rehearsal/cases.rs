//! Rehearsals that are kept with the workflow as test cases, and whether they hold.

use leptos::prelude::*;

use super::super::editor::Editor;
use crate::engine::rehearse::Unscripted;
use crate::engine::rehearse::case::Case;
use crate::ui::components::prose;
use crate::workbench::{Ask, Move};

#[component]
pub(super) fn CasesPanel(editor: Editor) -> impl IntoView {
    let stage = editor.stage;
    // Tried again whenever the draft changes while somebody looks.
    Effect::new(move || {
        let revision = editor.revision.get();
        let workflow = Box::new(editor.document.get_untracked());
        editor.ask(Ask::Cases { revision, workflow });
    });
    let names = Memo::new(move |_| {
        editor.document.with(|draft| {
            let cases = draft.cases.iter().enumerate();
            cases
                .map(|(at, case)| (at, case.name.clone()))
                .collect::<Vec<_>>()
        })
    });
    let rows = move || {
        let rows = names
            .get()
            .into_iter()
            .map(|(at, name)| view! { <CaseRow editor at name /> });
        rows.collect::<Vec<_>>()
    };
    let name = RwSignal::new(String::new());
    let field = NodeRef::<leptos::html::Input>::new();
    let keep = move |_| {
        let name = name.get_untracked().trim().to_owned();
        if !name.is_empty() {
            stage.make(editor, Move::Keep { name });
        }
    };
    // Once it is kept, the next one wants a name of its own.
    Effect::new(move |before: Option<usize>| {
        let count = names.with(Vec::len);
        let typed = name.get_untracked();
        let is_kept = names.with(|names| names.iter().any(|(_, kept)| *kept == typed.trim()));
        if before.is_some_and(|before| count > before) && is_kept {
            name.set(String::new());
            // The button has nothing to do now, and would lose the focus to nobody.
            if let Some(field) = field.get_untracked() {
                let _ = field.focus();
            }
        }
        count
    });
    let label = move || {
        let taken = |kept: &(usize, String)| name.with(|name| name.trim() == kept.1);
        match names.with(|names| names.iter().any(taken)) {
            true => "Replace the test case",
            false => "Keep as a test case",
        }
    };
    let cannot =
        move || stage.play.with(Option::is_none) || name.with(|name| name.trim().is_empty());
    view! {
        <section class="rehearsal-panel" aria-labelledby="cases-title">
            <h2 id="cases-title">"Test cases"</h2>
            {move || names.with(Vec::is_empty).then(|| view! { <p class="hint">"Keep a rehearsal as a test case: what was given and what has to come of it. It is checked here, and by " <code>"signalbox simulate"</code> "."</p> })}
            <ul class="cases">{rows}</ul>
            <div class="rehearsal-row">
                <label class="visually-hidden" for="case-name">"Name of the test case"</label>
                <input id="case-name" node_ref=field placeholder="name of the case" maxlength="200" prop:value=move || name.get() on:input:target=move |event| name.set(event.target().value()) />
                <button type="button" class="button button-small" disabled=cannot on:click=keep>{label}</button>
            </div>
        </section>
    }
}

#[component]
fn CaseRow(editor: Editor, at: usize, name: String) -> impl IntoView {
    let stage = editor.stage;
    let verdict = {
        let name = name.clone();
        Memo::new(move |_| {
            stage.verdicts.with(|verdicts| {
                let verdict = verdicts.get(at).filter(|verdict| verdict.name == name);
                verdict.map(|verdict| verdict.wrong.clone())
            })
        })
    };
    let stands = move || match verdict.get() {
        None => view! { <span class="muted">"not tried"</span> }.into_any(),
        Some(wrong) if wrong.is_empty() => {
            view! { <span class="case-holds">"holds"</span> }.into_any()
        }
        Some(wrong) => {
            let wrong: Vec<_> = wrong
                .into_iter()
                .map(|why| view! { <li>{prose(&why)}</li> })
                .collect();
            view! { <span class="case-fails">"does not hold"</span> <ul class="case-wrong">{wrong}</ul> }.into_any()
        }
    };
    let play = move |_| {
        let workflow = Box::new(editor.document.get_untracked());
        if let Some(case) = workflow.cases.get(at) {
            let given = Box::new(case.given.clone());
            let tools = Unscripted::default();
            stage.make(
                editor,
                Move::Begin {
                    workflow,
                    given,
                    tools,
                },
            );
        }
    };
    let broken = move || editor.checked.with(|checked| !checked.findings.is_empty());
    let remove = {
        let name = name.clone();
        move |_| {
            editor.change(None, |draft| {
                if draft.cases.get(at).is_some_and(|case| case.name == name) {
                    draft.cases.remove(at);
                }
            });
            editor.said.set(format!("{name} removed."));
        }
    };
    view! {
        <li class="case">
            <span class="case-name">{name.clone()}</span> " " {stands}
            <span class="case-acts">
                <button type="button" class="button button-small" aria-label=format!("Play {name}") disabled=broken on:click=play>"Play"</button>
                <button type="button" class="button button-small" aria-label=format!("Remove {name}") on:click=remove>"Remove"</button>
            </span>
        </li>
    }
}

/// Puts the case into the draft; one of the same name gives way.
pub(super) fn keep(editor: Editor, case: Case) {
    let name = case.name.clone();
    editor.change(None, |draft| {
        match draft.cases.iter_mut().find(|kept| kept.name == case.name) {
            Some(kept) => *kept = case,
            None => draft.cases.push(case),
        }
    });
    editor.said.set(format!("Kept as the test case {name}."));
}
