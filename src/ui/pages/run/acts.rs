//! What a person can do to a run: hold it, cancel it, retry or repeat it, skip a step, or say what became of an outcome
//! that nobody knows.

use leptos::prelude::*;

use serde_json::Value;

use super::{Forms, Viewer};
use crate::engine::event::EndState;
use crate::engine::fork::kept;
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepRun, StepStatus};
use crate::engine::workflow::StepKind;
use crate::ui::asking::{Asking, Refusal};
use crate::ui::components::{ValueView, is_open};
use crate::ui::format;

/// What can be done to the whole run as it stands.
#[component]
pub fn RunActs(viewer: Viewer, forms: Forms) -> impl IntoView {
    let Forms { act, cancel, .. } = forms;
    let run_id = forms.run_id.get_value();
    let compare = format!("/runs/{run_id}/compare");
    let offers = Memo::new(move |_| viewer.state.with(offers));
    let refusal = Signal::derive(move || cancel.refusal().or_else(|| act.refusal()));
    let buttons = move || {
        let made = offers.get().into_iter().map(|(word, label)| {
            view! { <button class="button button-small" name="act" value=word>{label}</button> }
        });
        made.collect::<Vec<_>>()
    };
    view! {
        <Refusal error=refusal />
        <div class="run-acts">
            <Asking answers=act>
                <input type="hidden" name="run_id" value=run_id />
                <input type="hidden" name="comment" value="" />
                {buttons}
            </Asking>
            <CancelForm viewer forms />
            <a class="button button-small" href=compare>"Compare…"</a>
        </div>
    }
}

/// The word that the server knows, and what the button says.
fn offers(state: &RunState) -> Vec<(&'static str, &'static str)> {
    match (&state.end, &state.cancelling, &state.paused) {
        (Some(end), _, _) => {
            let retry = end.state == EndState::Failed && state.compensating.is_none();
            let retry = retry.then_some(("retry", "Retry what failed"));
            retry.into_iter().chain([("again", "Run again")]).collect()
        }
        (None, Some(_), _) => Vec::new(),
        (None, None, Some(_)) => vec![("resume", "Resume")],
        (None, None, None) => vec![("pause", "Pause")],
    }
}

#[component]
fn CancelForm(viewer: Viewer, forms: Forms) -> impl IntoView {
    let open = Memo::new(move |_| {
        viewer
            .state
            .with(|state| state.end.is_none() && state.cancelling.is_none())
    });
    view! {
        <Show when=move || open.get()>
            <details class="cancel">
                <summary class="button button-small">"Cancel run…"</summary>
                <Asking answers=forms.cancel class="cancel-form">
                    <input type="hidden" name="run_id" value=forms.run_id.get_value() />
                    <label for="cancel-comment">"Why? (optional)"</label>
                    <input id="cancel-comment" name="comment" maxlength="4000" />
                    <p class="hint">"What is running is told to stop. What has been done stays done."</p>
                    <button class="button button-reject">"Cancel the run"</button>
                </Asking>
            </details>
        </Show>
    }
}

/// What can be done to one step as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepActs {
    skip: bool,
    fork: bool,
}

impl StepActs {
    pub fn of(state: &RunState, step: &StepRun) -> Self {
        let shape = &state.outline.steps[step.shape];
        let is_gate = shape.kind == StepKind::HumanGate;
        let failed_run = state
            .end
            .as_ref()
            .is_some_and(|end| end.state == EndState::Failed);
        let may_skip = match step.status {
            StepStatus::Failed => failed_run && state.compensating.is_none(),
            StepStatus::Queued
            | StepStatus::Retrying
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal => true,
            // Of those that are still to come only a few are ever skipped; the API can.
            StepStatus::Pending
            | StepStatus::InProgress
            | StepStatus::WaitingForApproval
            | StepStatus::OutcomeUnknown
            | StepStatus::Completed
            | StepStatus::Skipped
            | StepStatus::Cancelled => false,
        };
        let ordinary = shape.undoes.is_none() && !is_gate;
        Self {
            skip: ordinary && may_skip,
            fork: ordinary
                && state.end.is_some()
                && matches!(step.status, StepStatus::Completed | StepStatus::Failed),
        }
    }

    /// What of it makes sense from an earlier moment: to begin anew.
    pub fn elsewhere(self) -> Self {
        Self {
            skip: false,
            ..self
        }
    }
}

#[component]
pub fn StepActsForm(
    viewer: Viewer,
    forms: Forms,
    acts: Memo<StepActs>,
    #[prop(into)] step_id: String,
) -> impl IntoView {
    let on_step = forms.on_step;
    let subject = step_id.clone();
    let refusal = Signal::derive(move || on_step.refusal_of(&subject));
    let id = StoredValue::new(format!("act-{step_id}"));
    let step_id = StoredValue::new(step_id);
    let opened = RwSignal::new(false);
    let toggled = move |event| opened.set(is_open(&event));
    let outlook = move || {
        let kept = opened
            .get()
            .then(|| step_id.with_value(|path| kept_by(viewer, path)));
        let kept = kept
            .flatten()
            .unwrap_or_else(|| "What was done before is taken over".to_owned());
        format!(
            "{kept}; this step and what comes after it are done again, and people are asked anew."
        )
    };
    // Only where it is asked for: an input may be long, and steps are many.
    let is_chosen = Memo::new(move |_| {
        let chosen = viewer.looked.chosen().get();
        chosen.is_some_and(|chosen| step_id.with_value(|path| chosen.as_str() == path))
    });
    let input = move || {
        let asked = opened.get() || is_chosen.get();
        asked
            .then(|| other_input(viewer, &step_id.get_value()))
            .flatten()
    };
    let with_input = move || {
        let href = step_id.with_value(|path| viewer.looked.link_to(&StepPath::new(path.as_str())));
        (!is_chosen.get())
            .then(|| view! { <p class="only-unscripted"><a href=href>"With another input"</a></p> })
    };
    let hidden = move || {
        view! {
            <input type="hidden" name="run_id" value=forms.run_id.get_value() />
            <input type="hidden" name="step_id" value=step_id.get_value() />
        }
    };
    view! {
        <Refusal error=refusal />
        <Show when=move || acts.get().skip>
            <Asking answers=on_step class="step-acts">
                {hidden()}
                <label for=id.get_value()>"Why skip it?"</label>
                <input id=id.get_value() name="comment" required maxlength="4000" />
                <button class="button button-small" name="act" value="skip">"Skip this step"</button>
            </Asking>
        </Show>
        <Show when=move || acts.get().fork>
            <Asking answers=on_step class="step-acts">
                {hidden()}
                <input type="hidden" name="comment" value="" />
                <details class="fork" on:toggle=toggled>
                    <summary class="button button-small">"Start a new run from here…"</summary>
                    <p class="hint">{outlook}</p>
                    {input}
                    {with_input}
                    <button class="button button-small" name="act" value="fork">"Start the new run"</button>
                </details>
            </Asking>
        </Show>
    }
}

/// How much a new run from this step need not do again, or why there can be none.
fn kept_by(viewer: Viewer, path: &str) -> Option<String> {
    let kept = viewer
        .reel?
        .with(|film| kept(film.newest(), &StepPath::new(path)));
    Some(match kept {
        Ok(kept) => match u32::try_from(kept.len()).unwrap_or(u32::MAX) {
            0 => "Nothing has to be taken over".to_owned(),
            count => format!("What {} gave is taken over", format::counted(count, "step")),
        },
        Err(error) => format!("It cannot be: {error}"),
    })
}

/// A field for the input of the new run, with that of this one in it. None where that is too large to be here.
fn other_input(viewer: Viewer, path: &str) -> Option<AnyView> {
    let input = viewer
        .reel?
        .with(|film| format::pretty(&film.newest().input));
    if input.contains("$large") || input == "{}" {
        return None;
    }
    let id = format!("fork-input-{path}");
    let rows = input.lines().count().clamp(3, 12).to_string();
    Some(
        view! {
            <label for=id.clone()>"Input of the new run"</label>
            <textarea id=id name="input" class="code" rows=rows spellcheck="false">{input}</textarea>
        }
        .into_any(),
    )
}

#[component]
pub fn OutcomeForm(
    forms: Forms,
    #[prop(into)] step_id: String,
    message: String,
    /// The input of the attempt in doubt.
    asked: Option<Value>,
) -> impl IntoView {
    let resolve = forms.resolve;
    let id = format!("outcome-{step_id}");
    let subject = step_id.clone();
    let refusal = Signal::derive(move || resolve.refusal_of(&subject));
    let ended_in = message.trim_end_matches('.').to_owned();
    view! {
        <div class="gate gate-unknown">
            <p class="gate-message">"Only a person can tell what became of this: " {ended_in} "."</p>
            {asked.map(|asked| view! { <div class="shown"><p class="shown-label">"What was sent"</p><ValueView value=asked watched=true /></div> })}
            <p>"Look at the receiving side, then say what you found. Nothing is repeated unless you say so."</p>
            <Asking answers=resolve class="gate-form">
                <input type="hidden" name="run_id" value=forms.run_id.get_value() />
                <input type="hidden" name="step_id" value=step_id />
                <label for=id.clone()>"What you found (optional)"</label>
                <input id=id name="comment" maxlength="4000" />
                <Refusal error=refusal />
                <div class="gate-answers">
                    <button class="button" name="resolution" value="happened">"It happened"</button>
                    <button class="button" name="resolution" value="did_not">"It did not"</button>
                    <button class="button" name="resolution" value="retry">"Do it again"</button>
                </div>
                <p class="hint">"It happened: the step counts as completed. It did not: the step fails. Do it again: it is sent once more."</p>
            </Asking>
        </div>
    }
}
