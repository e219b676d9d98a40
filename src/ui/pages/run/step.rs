//! One step of the run: how it stands, why, what went in and what came out.

use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use super::acts::StepActs;
use super::inside::{INSIDE, tells_something};
use super::iterations::Iterations;
use super::question::Question;
use super::{Asks, Viewer};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;
use crate::engine::state::{EdgeState, RunState, StepRun, StepStatus};
use crate::engine::workflow::StepKind;
use crate::ui::components::{Bar, Elapsed, Moment, StepBadge, branch_labels};
use crate::ui::folding::Fold;
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
    let forms = match viewer.asks {
        Asks::Server(forms) => Some(forms.get_value()),
        Asks::Rehearser(_) | Asks::Nobody(_) => None,
    };
    let question = match viewer.asks {
        Asks::Rehearser(ask) => ask.run(StepPath::new(path.as_str())),
        Asks::Server(_) | Asks::Nobody(_) => {
            let step_id = path.clone();
            view! { <Question viewer forms at step step_id /> }.into_any()
        }
    };
    // A rehearsal calls nothing, and a capsule holds no logs.
    let log = forms.map(|forms| {
        let (path, name) = (path.clone(), name.clone());
        forms.logs.draw(viewer, forms, step, path, name)
    });
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
    let has_more = Memo::new(move |_| {
        let tells = |step: &Arc<StepRun>| {
            !step.attempts.is_empty() || step.output.as_ref().is_some_and(tells_something)
        };
        step.with(tells) || acts.get() != StepActs::default()
    });
    let details = move || {
        let fold = Fold::new(INSIDE.fetch);
        let inside = fold.inside(INSIDE, (viewer, step, acts, path.clone(), fold.is_open()));
        view! {
            <details class="more step-more" node_ref=fold.details on:toggle=move |event| fold.toggled(&event)>
                <summary>"Details"<span class="visually-hidden">{format!(" of {name}")}</span></summary>
                {inside}
            </details>
        }
    };
    move || has_more.get().then(&details)
}
