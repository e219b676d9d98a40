//! The form of one step: what every step has, and what its kind needs.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use super::branches::condition_form;
use super::calls::{external_form, subworkflow_form, tool_form};
use super::editor::Editor;
use super::fields::{Frame, Held, choice_field};
use super::form::{StepForm, part};
use super::gates::gate_form;
use super::policies::policies;
use super::rounds::{loop_form, map_form, wait_form};
use super::rows::{Rows, rows};
use super::ways::ways_around;
use super::words;
use crate::engine::ids::StepId;
use crate::engine::rename::can_be_called;
use crate::engine::workflow::{JoinRule, Step, StepKind};

/// The form of the step with this id.
#[component]
pub(super) fn StepPanel(editor: Editor, id: StepId) -> impl IntoView {
    let form = StepForm::new(editor, id);
    let Some(step) = form.step() else {
        return ().into_any();
    };
    let name = form.text(
        "name",
        "Name",
        "What people read. Made of the id when empty.",
        1,
        part!(name),
    );
    let read_as = {
        let id = form.id.clone();
        Memo::new(move |_| editor.will_be(&id).to_string())
    };
    let id = id_field(&form);
    let about = words::about(step.kind);
    let description = form.text("description", "Description", "", 2, part!(description));
    let specific = specific(&form, &step);
    let ways = ways_around(&form, step.kind);
    let policies = policies(&form, &step);
    // Once the fields are there, those that come and go included.
    let elsewhere = RwSignal::new(Vec::new());
    Effect::new(move || {
        let found = form.elsewhere();
        if elsewhere.with_untracked(|known| *known != found) {
            elsewhere.set(found);
        }
    });
    let elsewhere = move || {
        let wrong = elsewhere.get().into_iter();
        wrong.map(|wrong| wrong.whole(editor)).collect::<Vec<_>>()
    };
    view! {
        <div class="form builder-form">
            <p class="hint builder-about">{about} " Others read it as " <code>{move || read_as.get()}</code> "."</p>
            {elsewhere}
            {name}
            {specific}
            {ways}
            {policies}
            <details class="more">
                <summary>"Id and description"</summary>
                {id}
                {description}
            </details>
        </div>
    }
    .into_any()
}

fn specific(form: &StepForm, step: &Step) -> AnyView {
    match step.kind {
        StepKind::ToolCall => tool_form(form, step),
        StepKind::HumanGate => gate_form(form),
        StepKind::Condition => condition_form(form),
        StepKind::Parallel => ().into_any(),
        StepKind::Join => join_form(form),
        StepKind::Transform => set_form(form),
        StepKind::Map => map_form(form),
        StepKind::Loop => loop_form(form),
        StepKind::Wait => wait_form(form),
        StepKind::Subworkflow => subworkflow_form(form),
        StepKind::External => external_form(form),
    }
}

/// The name by which others read the step. Changed when it is left, and they follow.
fn id_field(form: &StepForm) -> AnyView {
    let (editor, id) = (form.editor, form.id.clone());
    let problem = RwSignal::new(None::<String>);
    let hint = "By which other steps read what it gives. They follow when it is changed.";
    let frame = Frame::with_problem(form.field("id", "Id", hint), move || problem.get());
    let (field, described, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let shown = id.to_string();
    let change = move |text: String| {
        let to = StepId::new(text.trim());
        if to == id {
            problem.set(None);
            return;
        }
        let can = editor
            .document
            .with_untracked(|draft| can_be_called(draft, &to));
        match can {
            Err(why) => problem.set(Some(format!("{why} It is still called {id}."))),
            Ok(()) => editor.choose_id(&id, to),
        }
    };
    let control = view! {
        <input id=field class="code" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=described aria-invalid=invalid value=shown
            on:change:target=move |event| change(event.target().value()) />
    };
    frame.around(control.into_any())
}

fn join_form(form: &StepForm) -> AnyView {
    let rules = [
        (JoinRule::AllSuccess, "all of them have succeeded"),
        (
            JoinRule::NoneFailedMinOneSuccess,
            "none has failed and one has succeeded (after a branch)",
        ),
        (JoinRule::AllDone, "all of them have ended, however"),
        (JoinRule::OneSuccess, "the first one has succeeded"),
    ];
    let options = rules.map(|(rule, text)| (rule.as_str().to_owned(), text.to_owned()));
    let value = Held::new(
        form.read(|step| step.rule.unwrap_or_default().as_str().to_owned()),
        form.write("rule", move |step, word: String| {
            let rule = rules.iter().find(|(rule, _)| rule.as_str() == word);
            step.rule = rule.map(|(rule, _)| *rule);
        }),
    );
    choice_field(
        form.field("rule", "Goes on when", "Of the steps that lead here."),
        options.to_vec(),
        value,
    )
}

/// The fields of the output: a name and a value each.
fn set_form(form: &StepForm) -> AnyView {
    let names = form.read(|step| {
        let names = step.set.iter().flat_map(|set| set.keys().cloned());
        names.collect::<Vec<_>>()
    });
    let of = form.field("set", "Fields of the output", "");
    let reader = form.reader();
    let form = form.clone();
    let value = move |name: &str| {
        let (key, name) = (name.to_owned(), name.to_owned());
        Held::new(
            form.read(move |step| step.set.as_ref()?.get(&key).cloned()),
            form.write(
                &format!("set.{name}"),
                move |step: &mut Step, value: Option<Value>| {
                    let set = step.set.get_or_insert_default();
                    match value {
                        Some(value) => {
                            set.insert(name.clone(), value);
                        }
                        None => {
                            set.remove(&name);
                        }
                    }
                },
            ),
        )
    };
    rows(Rows {
        of,
        reader: Some(reader),
        names: Memo::new(move |_| names()),
        value: Arc::new(value),
        open: true,
    })
}
