//! One step of the run: how it stands, why, what went in and what came out.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use serde_json::Value;
use std::sync::Arc;

use super::acts::{OutcomeForm, StepActs, StepActsForm, outlook};
use super::iterations::Iterations;
use super::{Asks, Forms, Viewer, files};
use crate::engine::event::{Decision, Performer};
use crate::engine::failure::StepError;
use crate::engine::foretold::Act;
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;
use crate::engine::state::{
    Attempt, AttemptOutcome, EdgeState, Gate, RunState, StepRun, StepStatus,
};
use crate::engine::workflow::StepKind;
use crate::ui::components::{
    Bar, Elapsed, GateForm, GateQuestion, Moment, StepBadge, ValueView, branch_labels, is_open,
};
use crate::ui::format;
use crate::ui::theme;

/// Where the row of a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Among the steps of its body.
    InPlace,
    /// By itself, with what is inside of it.
    Alone,
    /// Among steps from everywhere: what is inside of it has rows of its own there.
    Listed,
}

#[component]
pub fn StepRow(viewer: Viewer, at: usize, stands: Stands) -> impl IntoView {
    let outline = viewer
        .state
        .with_untracked(|state| Arc::clone(&state.outline));
    // At an earlier moment it may not have begun, and its row is about to go.
    let step = Memo::new(move |_| {
        let found = viewer.state.with(|state| state.steps.get(at).cloned());
        found.unwrap_or_default()
    });
    let (position, path) = viewer
        .state
        .with_untracked(|state| (state.steps[at].shape, state.path(at).to_string()));
    let shape = outline.steps[position].clone();
    let holds = outline.is_container(position);
    let inside = match stands {
        Stands::InPlace => None,
        Stands::Alone | Stands::Listed => format::iterations(&StepPath::new(path.as_str())),
    };
    let holds = holds && stands != Stands::Listed;
    let landing = format!("step-{path}");
    let name = shape.name.clone();
    let goes_on = Memo::new(move |_| viewer.state.with(|state| goes_on_after_failure(state, at)));
    let led = Memo::new(move |_| viewer.state.with(|state| where_it_led(state, at)));
    let labels: Vec<_> = branch_labels(&outline, position)
        .into_iter()
        .map(|label| view! { <span class="tag">{label}</span> })
        .collect();
    let what = shape
        .tool
        .clone()
        .unwrap_or_else(|| shape.kind.as_str().replace('_', " "));
    let look = Memo::new(move |_| theme::of_step(step.with(|step| step.status)));
    let max_attempts = shape.max_attempts;
    let note = move || step.with(|step| attempt_note(step, max_attempts));
    // What is decided on the spot takes no time worth telling.
    let takes_time = |step: &Arc<StepRun>| !step.attempts.is_empty() || step.gate.is_some();
    let since =
        Signal::derive(move || step.with(|step| step.started_at.filter(|_| takes_time(step))));
    let until = Signal::derive(move || step.with(|step| step.finished_at));
    let question = match viewer.asks {
        Asks::Server(forms) => {
            let (forms, step_id) = (forms.get_value(), path.clone());
            view! { <Question viewer forms at step step_id /> }.into_any()
        }
        Asks::Rehearser(ask) => ask.run(StepPath::new(path.as_str())),
        Asks::Nobody(_) => {
            let asked = Memo::new(move |_| step.with(waits));
            (move || asked.get().map(was_asked)).into_any()
        }
    };
    let log = match viewer.asks {
        Asks::Server(forms) => {
            let (forms, path, name) = (forms.get_value(), path.clone(), name.clone());
            Some(forms.logs.draw(viewer, forms, step, path, name))
        }
        // A rehearsal calls nothing, and a capsule holds no logs.
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    view! {
        <li class=move || format!("step is-{}", look.get().class) id=landing tabindex="-1">
            <div class="step-head">
                <h3>{shape.name.clone()}</h3>
                {inside.map(|inside| view! { <span class="muted step-inside">{inside}</span> })}
                {labels}
                {move || view! { <StepBadge status=step.with(|step| step.status) note=note().unwrap_or_default() /> }}
                <span class="step-time"><Elapsed since until now=viewer.now /></span>
                <code class="muted step-what">{what}</code>
            </div>
            <Running step />
            {move || step.with(|step| reason(step, &outline))}
            {move || goes_on.get().then(|| view! { <p class="muted step-goes-on">"The run goes on with what is known."</p> })}
            {move || led.get().map(|led| view! { <p class="muted">{led}</p> })}
            {move || step.with(|step| waits_for(step))}
            {question}
            {move || step.with(|step| decision(step))}
            {log}
            <Details viewer at step name path />
            {holds.then(|| view! { <Iterations viewer owner=at /> })}
        </li>
    }
}

/// `attempt 2 of 5`, where there is more than one.
fn attempt_note(step: &StepRun, max_attempts: u32) -> Option<String> {
    let made = u32::try_from(step.attempts.len()).unwrap_or(u32::MAX);
    match step.status {
        StepStatus::Retrying => Some(format!("attempt {} of {max_attempts}", made + 1)),
        StepStatus::InProgress | StepStatus::Completed | StepStatus::Failed if made > 1 => {
            Some(format!("attempt {made}"))
        }
        StepStatus::InProgress
        | StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Pending
        | StepStatus::Queued
        | StepStatus::WaitingForApproval
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal
        | StepStatus::OutcomeUnknown
        | StepStatus::Skipped
        | StepStatus::Cancelled => None,
    }
}

/// What it waits for, where that is not a person.
fn waits_for(step: &StepRun) -> Option<AnyView> {
    if let Some(room) = &step.waits_for {
        let text = format!("It waits for its turn: {room}.");
        return Some(view! { <p class="muted">{text}</p> }.into_any());
    }
    let until = step.wait_until?;
    let asked = match step.attempts.is_empty() {
        true => "Goes on ",
        false => "Asks again ",
    };
    Some(view! { <p class="muted">{asked} <Moment at=until /></p> }.into_any())
}

/// It failed, and its workflow says that the run continues all the same.
fn goes_on_after_failure(state: &RunState, at: usize) -> bool {
    let Some(step) = state.steps.get(at) else {
        return false;
    };
    let way = |&edge: &usize| state.edges[state.edge_in(step.frame, edge)] == EdgeState::Taken;
    step.status == StepStatus::Failed && state.outline.outgoing(step.shape).iter().any(way)
}

/// What a condition has answered, and the steps that the run went on with.
fn where_it_led(state: &RunState, at: usize) -> Option<String> {
    let step = state.steps.get(at)?;
    let outline = &state.outline;
    if outline.steps[step.shape].kind != StepKind::Condition {
        return None;
    }
    let answer = match step.output.as_ref()?.get("result")? {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "Not true".to_owned(),
        other => format!("“{}”", format::text(other)),
    };
    // Where none leads on, it was asked for its answer alone.
    if outline.outgoing(step.shape).is_empty() {
        return None;
    }
    let taken = |&&edge: &&usize| state.edges[state.edge_in(step.frame, edge)] == EdgeState::Taken;
    let ways = outline.outgoing(step.shape).iter().filter(taken);
    let names: Vec<String> = ways
        .map(|&edge| format!("“{}”", outline.steps[outline.edges[edge].to].name))
        .collect();
    Some(match names.is_empty() {
        true => format!("{answer}. No step follows on that."),
        false => format!("{answer}: on to {}.", names.join(", ")),
    })
}

/// The bar, while a tool works.
#[component]
fn Running(step: Memo<Arc<StepRun>>) -> impl IntoView {
    let percent = Signal::derive(move || step.with(|step| step.percent));
    view! {
        <Show when=move || step.with(|step| step.status == StepStatus::InProgress)>
            <div class="step-running">
                <Bar percent label="Progress of the step" />
                <span class="muted">{move || step.with(|step| step.doing.clone())}</span>
            </div>
        </Show>
    }
}

/// Why it failed, is tried again, or was skipped.
fn reason(step: &StepRun, outline: &Outline) -> Option<AnyView> {
    if let Some(skipped) = &step.skipped {
        return Some(
            view! { <p class="muted">{format::skip_reason(skipped, outline)}</p> }.into_any(),
        );
    }
    if step
        .gate
        .as_ref()
        .is_some_and(|gate| gate.decided.is_some())
    {
        // Said below, with the comment.
        return None;
    }
    let StepError { code, message, .. } = step.error.clone()?;
    let next = step
        .attempts
        .last()
        .and_then(|attempt| attempt.retry_at)
        .filter(|_| step.status == StepStatus::Retrying);
    let view = view! {
        <p class="step-error">{message} " " <code>{code}</code> {next.map(|at| view! { " · next try " <Moment at /> })}</p>
    };
    Some(view.into_any())
}

/// What waits for a person here.
#[component]
fn Question(
    viewer: Viewer,
    forms: Forms,
    at: usize,
    step: Memo<Arc<StepRun>>,
    step_id: String,
) -> impl IntoView {
    let is_past = Memo::new(move |_| viewer.moment().is_some());
    let waits = Memo::new(move |_| step.with(waits));
    let landing = format!("step-{step_id}");
    Effect::new(move |asked: Option<Option<String>>| {
        // Whoever goes through time answers nothing.
        if is_past.get() {
            return None;
        }
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
        match (waits.get()?, is_past.get()) {
        // It can be answered now only.
        (waits, true) => Some(was_asked(waits)),
        (Waits::Gate(gate), false) => Some(
            view! {
                <GateForm question=gate.question run_id=forms.run_id.get_value() gate_id=gate.id.to_string() plan_hash=gate.plan_hash decide=forms.decide />
                {answers_lead(viewer, at)}
            }
            .into_any(),
        ),
        (Waits::Outcome { message, asked }, false) => Some(view! { <OutcomeForm viewer forms step_id=step_id.clone() message asked /> }.into_any()),
    }
    }
}

/// Where each answer to the gate leads.
fn answers_lead(viewer: Viewer, at: usize) -> impl IntoView {
    let lead = |decision| {
        viewer
            .state
            .with_untracked(|state| outlook(state, Act::Decide(at, decision)).text())
    };
    let (approve, reject) = (lead(Decision::Approve), lead(Decision::Reject));
    view! { <p class="hint">{format!("Approve: {approve}")} <br /> {format!("Reject: {reject}")}</p> }
}

/// What a step waits for that a person has to say.
fn waits(step: &Arc<StepRun>) -> Option<Waits> {
    match step.status {
        StepStatus::WaitingForApproval => step.gate.clone().map(Box::new).map(Waits::Gate),
        StepStatus::OutcomeUnknown => {
            let asked = step.attempts.last().map(|attempt| attempt.input.clone());
            Some(Waits::Outcome {
                message: step.unknown.clone().unwrap_or_default(),
                asked: asked.filter(tells_something),
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

/// For whoever cannot answer it.
fn was_asked(waits: Waits) -> AnyView {
    match waits {
        Waits::Gate(gate) => {
            view! { <div class="gate"><GateQuestion question=gate.question /></div> }.into_any()
        }
        Waits::Outcome { message, .. } => view! { <p class="muted">{message}</p> }.into_any(),
    }
}

#[derive(Clone, PartialEq)]
enum Waits {
    Gate(Box<Gate>),
    Outcome {
        message: String,
        asked: Option<Value>,
    },
}

/// Who answered, and what they said.
fn decision(step: &StepRun) -> Option<impl IntoView + use<>> {
    let decided = step.gate.as_ref()?.decided.clone()?;
    let comment = (!decided.comment.is_empty()).then(|| format!(": “{}”", decided.comment));
    let who = format!(
        "{} by {}",
        format::in_words(decided.decision.past_tense()),
        decided.actor
    );
    Some(view! { <p class="step-decided">{who} {comment} " · " <Moment at=decided.at /></p> })
}

/// Attempts, input and output, folded away. What a reader has opened stays open while the step goes on.
#[component]
fn Details(
    viewer: Viewer,
    at: usize,
    step: Memo<Arc<StepRun>>,
    #[prop(into)] name: String,
    #[prop(into)] path: String,
) -> impl IntoView {
    let attempts = Memo::new(move |_| step.with(|step| step.attempts.clone()));
    let output = Memo::new(move |_| step.with(|step| step.output.clone().filter(tells_something)));
    let acts = Memo::new(move |_| match (viewer.asks, viewer.reel) {
        // In the past only a new run can be begun.
        (Asks::Server(_), Some(reel)) if viewer.moment().is_some() => reel.with(|film| {
            let now = film.newest();
            let step = now.steps.get(at);
            step.map_or_else(StepActs::default, |step| {
                StepActs::of(now, step).elsewhere()
            })
        }),
        (Asks::Server(_), _) => viewer.state.with(|state| StepActs::of(state, &step.get())),
        (Asks::Rehearser(_) | Asks::Nobody(_), _) => StepActs::default(),
    });
    let path = StoredValue::new(path);
    let files = move || match viewer.asks {
        Asks::Server(forms) => attempts.with(|list| {
            let path = StepPath::new(path.get_value());
            files::of_step(
                forms.get_value(),
                &path,
                list.last().map(|made| &made.input),
            )
        }),
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    // A file that has just been left is found when somebody looks.
    let look_for_files = move |event| {
        if let (Asks::Server(forms), true) = (viewer.asks, is_open(&event)) {
            files::fetch(viewer, forms.get_value());
        }
    };
    let has_more = Memo::new(move |_| {
        attempts.with(|list| !list.is_empty())
            || output.with(Option::is_some)
            || acts.get() != StepActs::default()
    });
    let is_live = matches!(viewer.asks, Asks::Server(_));
    let acts_form = move || match viewer.asks {
        Asks::Server(forms) => {
            let forms = forms.get_value();
            Some(view! { <StepActsForm viewer forms acts step_id=path.get_value() /> }.into_any())
        }
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    let made = move || {
        attempts.with(|list| {
            let log = |made: &Attempt| match viewer.asks {
                // That of the last one stands above.
                Asks::Server(forms) if list.len() > 1 => {
                    let forms = forms.get_value();
                    let (run_id, path) = (forms.run_id.get_value(), path.get_value());
                    forms.logs.download(&run_id, &path, made)
                }
                Asks::Server(_) | Asks::Rehearser(_) | Asks::Nobody(_) => None,
            };
            let row = |made| attempt_row(made, is_live, log(made));
            let rows: Vec<_> = list.iter().map(row).collect();
            (!rows.is_empty())
                .then(|| view! { <h4>"Attempts"</h4><ol class="attempts">{rows}</ol> })
        })
    };
    let input =
        Memo::new(move |_| attempts.with(|list| list.last().map(|attempt| attempt.input.clone())));
    let input = move || {
        let input = input.get().filter(tells_something)?;
        Some(view! { <h4>"Input"</h4><ValueView value=input watched=true /> })
    };
    let output = move || {
        let output = output.get()?;
        Some(view! { <h4>"Output"</h4><ValueView value=output watched=true /> })
    };
    view! {
        <Show when=move || has_more.get()>
            <details class="more step-more" on:toggle=look_for_files>
                <summary>"Details"<span class="visually-hidden">{format!(" of {name}")}</span></summary>
                {made}
                {input}
                {output}
                {files}
                {acts_form()}
            </details>
        </Show>
    }
}

/// An empty record tells nobody anything.
fn tells_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    }
}

fn attempt_row(attempt: &Attempt, is_live: bool, log: Option<String>) -> impl IntoView + use<> {
    let outcome = match &attempt.outcome {
        AttemptOutcome::Running => "running".to_owned(),
        AttemptOutcome::Succeeded => "succeeded".to_owned(),
        AttemptOutcome::Failed { error } => format!("failed: {}", error.message),
        AttemptOutcome::Interrupted => "interrupted: the server stopped; made again".to_owned(),
        AttemptOutcome::Unknown { message } => format!("outcome unknown: {message}"),
        AttemptOutcome::Missed { error: None } => "not yet what it waits for".to_owned(),
        AttemptOutcome::Missed { error: Some(error) } => format!("no answer: {}", error.message),
        AttemptOutcome::Stopped => "stopped".to_owned(),
    };
    let took = attempt
        .finished_at
        .map(|at| format::duration(at.ms_since(attempt.started_at)));
    let run = match &attempt.by {
        Performer::Run { run_id } if is_live => {
            Some(view! { " " <a href=format!("/runs/{run_id}")>"Its run"</a> })
        }
        Performer::Run { .. } | Performer::Tool | Performer::Outside => None,
    };
    let log = log.map(|href| view! { " " <a href=href rel="external" download="">"Its log"</a> });
    view! { <li>{outcome} " " <span class="muted">{took}</span> {run} {log}</li> }
}
