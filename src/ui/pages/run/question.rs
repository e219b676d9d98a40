//! What a step asks of a person: whether it may go on, or what became of an effect that nobody saw end.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use serde_json::Value;
use std::sync::Arc;

use super::acts::{OutcomeForm, outlook};
use super::inside::tells_something;
use super::{Forms, Viewer};
use crate::engine::event::Decision;
use crate::engine::foretold::Act;
use crate::engine::state::{Gate, RunState, StepRun, StepStatus};
use crate::ui::components::{GateForm, GateQuestion};
use crate::ui::parts::{Place, apart};

/// A gate with its step's place. Without forms nobody can answer it any more.
type Asked = (Viewer, Option<Forms>, usize, Gate);

/// Nobody knows what became of the step's last attempt: its path, what is known, and what was sent.
type InDoubt = (Viewer, Forms, String, String, Option<Value>);

apart!(gate, GATE: Asked => |(viewer, forms, at, gate)| asked(viewer, forms, at, gate));
apart!(acts, OUTCOME: InDoubt => |(viewer, forms, step_id, message, sent)| in_doubt(viewer, forms, step_id, message, sent));

/// What waits for a person here.
#[component]
pub fn Question(
    viewer: Viewer,
    /// None: nobody can answer any more.
    forms: Option<Forms>,
    at: usize,
    step: Memo<Arc<StepRun>>,
    step_id: String,
) -> impl IntoView {
    // It can be answered now only.
    let answering = Memo::new(move |_| forms.filter(|_| viewer.moment().is_none()).is_some());
    let answering = Signal::derive(move || forms.filter(|_| answering.get()));
    let waits = Memo::new(move |_| step.with(waits));
    let landing = format!("step-{step_id}");
    Effect::new(move |asked: Option<Option<String>>| {
        // Whoever goes through time answers nothing.
        let forms = answering.get()?;
        let asks = waits.with(|waits| match waits {
            Some(Waits::Gate(gate)) => Some(gate.id.to_string()),
            Some(Waits::Outcome { .. }) | None => None,
        });
        // The form that had the focus is gone; the reader stays where the answer is.
        if asks.is_none()
            && let Some(Some(gate)) = asked
            && forms.decide.was_about(&gate)
            && let Some(step) = document().get_element_by_id(&landing)
        {
            let _ = step.unchecked_into::<HtmlElement>().focus();
        }
        asks
    });
    move || {
        let forms = answering.get();
        Some(match (waits.get()?, forms) {
            (Waits::Gate(gate), forms) => GATE.show((viewer, forms, at, *gate), Place::Within),
            (Waits::Outcome { message, sent }, Some(forms)) => {
                let in_doubt = (viewer, forms, step_id.clone(), message, sent);
                OUTCOME.show(in_doubt, Place::Within)
            }
            (Waits::Outcome { message, .. }, None) => {
                view! { <p class="muted">{message}</p> }.into_any()
            }
        })
    }
}

fn asked(viewer: Viewer, forms: Option<Forms>, at: usize, gate: Gate) -> AnyView {
    let question = match forms {
        Some(forms) => gate_form(viewer, forms, at, gate),
        None => {
            view! { <div class="gate"><GateQuestion question=gate.question /></div> }.into_any()
        }
    };
    // The server says so that the page needs this part.
    view! { <div class="question" data-part=GATE.name>{question}</div> }.into_any()
}

fn in_doubt(
    viewer: Viewer,
    forms: Forms,
    step_id: String,
    message: String,
    sent: Option<Value>,
) -> AnyView {
    let form = view! { <OutcomeForm viewer forms step_id message asked=sent /> };
    view! { <div class="question" data-part=OUTCOME.name>{form}</div> }.into_any()
}

fn gate_form(viewer: Viewer, forms: Forms, at: usize, gate: Gate) -> AnyView {
    // What the answers lead to changes with how the run stands as a whole: not to be found out at each event.
    let stands = Memo::new(move |_| {
        let of = |state: &RunState| (state.status(), state.cancelling.is_some(), state.deadline);
        viewer.state.with(of)
    });
    let lead = move |decision| {
        stands.track();
        viewer
            .state
            .with_untracked(|state| match state.steps.get(at) {
                Some(_) => outlook(state, Act::Decide(at, decision)).text(),
                None => String::new(),
            })
    };
    let leads = Memo::new(move |_| [lead(Decision::Approve), lead(Decision::Reject)]);
    let told = |word: &'static str, at: usize| {
        move || leads.with(|leads| format!("{word}: {}", leads[at]))
    };
    let (approve, reject) = (told("Approve", 0), told("Reject", 1));
    let hint = format!("leads-{}", gate.id);
    view! {
        <GateForm question=gate.question run_id=forms.run_id.get_value() gate_id=gate.id.to_string() plan_hash=gate.plan_hash
            decide=forms.decide described_by=hint.clone() />
        <p class="hint" id=hint>{approve} <br /> {reject}</p>
    }
    .into_any()
}

/// What a step waits for that a person has to say.
fn waits(step: &Arc<StepRun>) -> Option<Waits> {
    match step.status {
        StepStatus::WaitingForApproval => step.gate.clone().map(Box::new).map(Waits::Gate),
        StepStatus::OutcomeUnknown => {
            let sent = step.attempts.last().map(|attempt| attempt.input.clone());
            Some(Waits::Outcome {
                message: step.unknown.clone().unwrap_or_default(),
                sent: sent.filter(tells_something),
            })
        }
        StepStatus::Pending
        | StepStatus::Queued
        | StepStatus::InProgress
        | StepStatus::Retrying
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal
        | StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Skipped
        | StepStatus::Cancelled => None,
    }
}

#[derive(Clone, PartialEq)]
enum Waits {
    Gate(Box<Gate>),
    Outcome {
        message: String,
        sent: Option<Value>,
    },
}
