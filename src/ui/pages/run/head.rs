//! What is said of a run as a whole: how it stands, what it goes back to, how it ended.

use leptos::prelude::*;

use super::{Asks, Viewer};
use crate::engine::event::Origin as Was;
use crate::engine::progress;
use crate::engine::state::{RunState, RunStatus};
use crate::ui::components::{Bar, Elapsed, Moment, RunBadge};
use crate::ui::theme;

#[component]
pub fn Head(viewer: Viewer) -> impl IntoView {
    let state = viewer.state;
    // Whoever a run in a capsule waited for is not asked here.
    let asks_people = !matches!(viewer.asks, Asks::Nobody(_));
    let stands = Memo::new(move |_| {
        state.with(|state| {
            let for_people = asks_people && state.waiting_for_people().next().is_some();
            (state.status(), for_people)
        })
    });
    let badge = move || {
        let (status, for_people) = stands.get();
        view! { <RunBadge status for_people /> }
    };
    let class = move || {
        let (status, for_people) = stands.get();
        theme::of_run(status, for_people).class
    };
    let percent = Signal::derive(move || state.with(progress::percent));
    let since = Signal::derive(move || state.with(|state| state.started_at));
    let until = Signal::derive(move || state.with(|state| state.finished_at));
    let is_live = matches!(viewer.asks, Asks::Server(_));
    let started =
        Memo::new(move |_| state.with(|state| (state.started_by.clone(), state.started_at)));
    let started = move || {
        let (by, at) = started.get();
        view! { {format!("Started by {by}")} {at.map(|at| view! { " · " <Moment at /> })} }
    };
    view! {
        <div class="run-status">
            // The one place that is read out when it changes.
            <div role="status" aria-atomic="true">{badge}</div>
            <div class=move || format!("bar-of-run is-{}", class())>
                <Bar percent label="Progress of the run" class="bar-large" />
            </div>
        </div>
        <p class="muted">
            {started} " · " <Elapsed since until now=viewer.now />
        </p>
        {move || (is_live && until.get().is_none()).then(|| view! {
            <p class="muted only-unscripted">"This page does not follow the run without scripting: reload it to see how it goes on."</p>
        })}
    }
}

/// What the run goes back to.
#[component]
pub fn Origin(viewer: Viewer) -> impl IntoView {
    let origin = viewer.state.with_untracked(|state| state.origin.clone())?;
    let id = match viewer.asks {
        Asks::Server(forms) => forms.with_value(|forms| forms.run_id.get_value()),
        Asks::Rehearser(_) | Asks::Nobody(_) => return None,
    };
    let compare = view! { <a href=format!("/runs/{id}/compare")>"Compare with it"</a> };
    Some(match origin {
        Was::Again { run_id } => view! {
            <p class="muted"><a href=format!("/runs/{run_id}")>"The same as an earlier run"</a> " · " {compare}</p>
        }
        .into_any(),
        Was::Fork { run_id, step } => view! {
            <p class="muted">"Begun at " <code>{step.to_string()}</code> " of " <a href=format!("/runs/{run_id}")>"another run"</a> " · " {compare}</p>
        }
        .into_any(),
        Was::Parent { run_id, step, .. } => view! {
            <p class="muted">"The step " <code>{step.to_string()}</code> " of " <a href=format!("/runs/{run_id}")>"another run"</a></p>
        }
        .into_any(),
        Was::Trigger { name, .. } => view! { <p class="muted">{format!("Started by the trigger {name}")}</p> }.into_any(),
    })
}

/// How it ended, in a sentence; or what keeps it from going on.
#[component]
pub fn Result(viewer: Viewer) -> impl IntoView {
    let end = Memo::new(move |_| {
        viewer
            .state
            .with(|state| state.end.clone().map(|end| (state.status(), end)))
    });
    let held = Memo::new(move |_| viewer.state.with(held_up));
    move || {
        let Some((status, end)) = end.get() else {
            let text = held.get()?;
            return Some(view! { <div class="notice"><p>{text}</p></div> }.into_any());
        };
        let (class, text) = match status {
            RunStatus::Failed => (
                "notice notice-failed",
                end.message.unwrap_or_else(|| "The run failed.".to_owned()),
            ),
            RunStatus::Cancelled => (
                "notice",
                end.message
                    .unwrap_or_else(|| "The run was cancelled.".to_owned()),
            ),
            RunStatus::Completed
            | RunStatus::Pending
            | RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Paused
            | RunStatus::Cancelling => return None,
        };
        let reason = end.reason.map(|reason| reason.as_str());
        let reason = reason.map(|reason| view! { " " <code>{reason}</code> });
        Some(view! { <div class=class><p>{text} {reason}</p></div> }.into_any())
    }
}

/// Why a run that has not ended does not simply go on.
fn held_up(state: &RunState) -> Option<String> {
    if state.queued {
        return Some("It waits for its turn among the runs of its workflow.".to_owned());
    }
    if let Some(compensating) = &state.compensating {
        return Some(format!(
            "{} What it did is being undone.",
            compensating.message
        ));
    }
    let paused = state.paused.as_ref()?;
    let comment = match paused.comment.as_str() {
        "" => String::new(),
        comment => format!(": “{comment}”"),
    };
    Some(format!(
        "Paused by {}{comment}. What runs goes on to its end; nothing else starts.",
        paused.actor
    ))
}
