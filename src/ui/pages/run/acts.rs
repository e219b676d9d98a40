//! What a person can do to a run: hold it, cancel it, retry or repeat it, skip a step, or say what became of an outcome
//! that nobody knows.

use leptos::prelude::*;

use serde_json::Value;

use super::notice::TellMe;
use super::{Forms, Viewer};
use crate::engine::event::Resolution;
use crate::engine::foretold::{Act, foretell};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, RunStatus, StepRun, StepStatus};
use crate::engine::workflow::StepKind;
use crate::ui::asking::{Asking, Refusal};
use crate::ui::components::{ValueView, is_open};
use crate::ui::folding::Fold;
use crate::ui::format;
use crate::ui::markup::as_written;
use crate::ui::parts::apart;

/// An act on the whole run, as it is offered.
#[derive(Clone, Copy)]
pub struct Offer {
    act: Act,
    /// As the server knows it.
    word: &'static str,
    /// On what opens it, and on the button inside.
    label: &'static str,
    button: &'static str,
}

impl Offer {
    /// Is it where people look for it? That it is does not say that it may be done.
    fn stands(self, state: &RunState) -> bool {
        let goes_on = state.end.is_none();
        let is_going_to_end = state.cancelling.is_some();
        let has_failed = || state.status() == RunStatus::Failed;
        match self.act {
            Act::Pause => goes_on && !is_going_to_end && state.paused.is_none(),
            Act::Resume => goes_on && !is_going_to_end && state.paused.is_some(),
            Act::Cancel => goes_on,
            Act::Retry => has_failed(),
            Act::Again { .. } => !goes_on,
            Act::Skip(_) | Act::Fork(_) | Act::Resolve(..) | Act::Decide(..) => false,
        }
    }
}

apart!(acts, ACT: (Viewer, Forms, Offer) => |(viewer, forms, offer)| act_form(viewer, forms, offer));

/// What can be done to the whole run as it stands.
#[component]
pub fn RunActs(viewer: Viewer, forms: Forms, version: u32) -> impl IntoView {
    let compare = format!("/runs/{}/compare", forms.run_id.get_value());
    let act = forms.act;
    let refusal = Signal::derive(move || act.refusal());
    let offer = |act, word, label, button| Offer {
        act,
        word,
        label,
        button,
    };
    let again = Act::Again { version };
    let offers = [
        offer(Act::Pause, "pause", "Pause…", "Pause the run"),
        offer(Act::Resume, "resume", "Resume…", "Resume the run"),
        offer(
            Act::Retry,
            "retry",
            "Retry what failed…",
            "Retry what failed",
        ),
        offer(again, "again", "Run again…", "Run it again"),
        offer(Act::Cancel, "cancel", "Cancel run…", "Cancel the run"),
    ];
    view! {
        <Refusal error=refusal />
        <div class="run-acts">
            {offers.map(|offer| view! { <RunActForm viewer forms offer /> })}
            <a class="button button-small" href=compare>"Compare…"</a>
            <TellMe viewer forms />
        </div>
    }
}

#[component]
fn RunActForm(viewer: Viewer, forms: Forms, offer: Offer) -> impl IntoView {
    let stands = Memo::new(move |_| viewer.state.with(|state| offer.stands(state)));
    let details = move || {
        let fold = Fold::new(ACT.fetch);
        let inside = fold.inside(ACT, (viewer, forms, offer));
        view! {
            <details class="act" name="act" node_ref=fold.details on:toggle=move |event| fold.toggled(&event)>
                <summary class="button button-small">{offer.label}</summary>
                {inside}
            </details>
        }
    };
    move || stands.get().then(details)
}

fn act_form(viewer: Viewer, forms: Forms, offer: Offer) -> AnyView {
    let Offer {
        act, word, button, ..
    } = offer;
    let outlook = Memo::new(move |_| viewer.state.with(|state| outlook(state, act)));
    let class = match act == Act::Cancel {
        true => "button button-reject",
        false => "button",
    };
    let hint = format!("{word}-outlook");
    let is_off = move || forms.act.busy() || outlook.with(Outlook::is_refused);
    let (id, label) = (format!("{word}-why"), format!("Why {word}? (optional)"));
    let why = match act {
        Act::Again { .. } => view! { <input type="hidden" name="comment" value="" /> }.into_any(),
        Act::Pause
        | Act::Resume
        | Act::Cancel
        | Act::Retry
        | Act::Skip(_)
        | Act::Fork(_)
        | Act::Resolve(..)
        | Act::Decide(..) => view! {
            <label for=id.clone()>{label}</label>
            <input id=id name="comment" maxlength="4000" />
        }
        .into_any(),
    };
    view! {
        <Asking answers=forms.act class="act-form">
            <input type="hidden" name="run_id" value=forms.run_id.get_value() />
            <p class="hint" id=hint.clone()>{move || outlook.with(Outlook::text)}</p>
            {why}
            <button class=class name="act" value=word aria-describedby=hint disabled=is_off>{button}</button>
        </Asking>
    }
    .into_any()
}

/// What an act would do, or why it is refused.
#[derive(Clone, PartialEq)]
pub(super) struct Outlook(Result<String, String>);

impl Outlook {
    pub(super) fn text(&self) -> String {
        match &self.0 {
            Ok(text) => text.clone(),
            Err(why) => format!("Not possible: {why}."),
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.0.is_err()
    }
}

pub(super) fn outlook(state: &RunState, act: Act) -> Outlook {
    Outlook(foretell(state, act).map(|foretold| foretold.text(state)))
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
        let failed_run = state.status() == RunStatus::Failed;
        let may_skip = match step.status {
            StepStatus::Failed => failed_run && state.compensating.is_none(),
            StepStatus::Queued
            | StepStatus::Retrying
            | StepStatus::WaitingForTimer
            | StepStatus::WaitingForExternal => true,
            // A map or a loop is not skipped while it works: what is inside it is.
            StepStatus::InProgress => step.running_attempt().is_some(),
            // Of those that are still to come only a few are ever skipped; the API can.
            StepStatus::Pending
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
    let step_id = StoredValue::new(step_id);
    view! {
        <Refusal error=refusal />
        <Show when=move || acts.get().skip>
            <SkipForm viewer forms step_id />
        </Show>
        <Show when=move || acts.get().fork>
            <ForkForm viewer forms step_id />
        </Show>
    }
}

/// What both forms say of where they belong.
fn about(forms: Forms, step_id: StoredValue<String>) -> impl IntoView {
    view! {
        <input type="hidden" name="run_id" value=forms.run_id.get_value() />
        <input type="hidden" name="step_id" value=step_id.get_value() />
    }
}

#[component]
fn SkipForm(viewer: Viewer, forms: Forms, step_id: StoredValue<String>) -> impl IntoView {
    let path = step_id.get_value();
    let (id, hint) = (format!("act-{path}"), format!("skip-{path}"));
    let skip = Memo::new(move |_| {
        viewer.state.with(|state| {
            let found = step_id.with_value(|path| state.find(&StepPath::new(path.as_str())));
            found.map(|at| outlook(state, Act::Skip(at)))
        })
    });
    let text = move || skip.with(|skip| skip.as_ref().map(Outlook::text));
    let is_refused = move || skip.with(|skip| skip.as_ref().is_none_or(Outlook::is_refused));
    let is_off = move || forms.on_step.busy() || is_refused();
    view! {
        <Asking answers=forms.on_step class="step-acts">
            {about(forms, step_id)}
            <label for=id.clone()>"Why skip it?"</label>
            <input id=id name="comment" required maxlength="4000" />
            <button class="button button-small" name="act" value="skip" aria-describedby=hint.clone() disabled=is_off>"Skip this step"</button>
            <p class="hint" id=hint>{text}</p>
        </Asking>
    }
}

#[component]
fn ForkForm(viewer: Viewer, forms: Forms, step_id: StoredValue<String>) -> impl IntoView {
    let hint = format!("fork-{}", step_id.get_value());
    let fold = format!("fork-fold-{}", step_id.get_value());
    let opened = RwSignal::new(false);
    let toggled = move |event| opened.set(is_open(&event));
    // Only where it is asked for: an input may be long, and steps are many.
    let is_chosen = Memo::new(move |_| {
        let chosen = viewer.looked.chosen().get();
        chosen.is_some_and(|chosen| step_id.with_value(|path| chosen.as_str() == path))
    });
    // What is taken over takes a while to be found out.
    let fork = Memo::new(move |_| {
        let asked = opened.get() || is_chosen.get();
        let told = asked.then(|| step_id.with_value(|path| fork_outlook(viewer, path)));
        told.flatten()
            .unwrap_or_else(|| Outlook(Ok(FORKED.to_owned())))
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
    view! {
        <Asking answers=forms.on_step class="step-acts">
            {about(forms, step_id)}
            <input type="hidden" name="comment" value="" />
            <details class="fork" id=fold on:toggle=toggled>
                <summary class="button button-small">"Start a new run from here…"</summary>
                <p class="hint" id=hint.clone()>{move || fork.with(Outlook::text)}</p>
                {input}
                {with_input}
                <button class="button button-small" name="act" value="fork" aria-describedby=hint disabled=move || forms.on_step.busy() || fork.with(Outlook::is_refused)>
                    "Start the new run"
                </button>
            </details>
        </Asking>
    }
}

/// What a new run does in any case.
const FORKED: &str = "What was done before is taken over; this step and what comes after it are done again, and people are asked anew.";

/// What a new run from this step would do, or why there can be none: of the run as it is, at whichever moment one looks.
fn fork_outlook(viewer: Viewer, path: &str) -> Option<Outlook> {
    viewer.reel?.with(|film| {
        let at = film.newest().find(&StepPath::new(path))?;
        Some(outlook(film.newest(), Act::Fork(at)))
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
    let written = as_written(&input);
    Some(
        view! {
            <label for=id.clone()>"Input of the new run"</label>
            <textarea id=id name="input" class="code" rows=rows spellcheck="false" inner_html=written prop:defaultValue=input></textarea>
        }
        .into_any(),
    )
}

#[component]
pub fn OutcomeForm(
    viewer: Viewer,
    forms: Forms,
    #[prop(into)] step_id: String,
    message: String,
    /// The input of the attempt in doubt.
    asked: Option<Value>,
) -> impl IntoView {
    let resolve = forms.resolve;
    let id = format!("outcome-{step_id}");
    let (hint, path) = (format!("{id}-outlook"), StepPath::new(step_id.as_str()));
    let outlooks = Memo::new(move |_| {
        viewer.state.with(|state| {
            let at = state.find(&path)?;
            let answers = [Resolution::Happened, Resolution::DidNot, Resolution::Retry];
            Some(answers.map(|answer| outlook(state, Act::Resolve(at, answer))))
        })
    });
    let hints = move || {
        let told = outlooks.get()?;
        let words = ["It happened", "It did not", "Do it again"];
        let told = words.into_iter().zip(&told);
        let told = told.map(|(word, told)| view! { <li>{format!("{word}: {}", told.text())}</li> });
        Some(told.collect::<Vec<_>>())
    };
    let no_retry =
        move || outlooks.with(|told| told.as_ref().is_some_and(|[.., again]| again.is_refused()));
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
                    <button class="button" name="resolution" value="happened" aria-describedby=hint.clone()>"It happened"</button>
                    <button class="button" name="resolution" value="did_not" aria-describedby=hint.clone()>"It did not"</button>
                    <button class="button" name="resolution" value="retry" aria-describedby=hint.clone() disabled=no_retry>"Do it again"</button>
                </div>
                <ul class="hint" id=hint.clone()>{hints}</ul>
            </Asking>
        </div>
    }
}
