//! The run viewer: the whole plan from the first moment, live, with what a person can do about it.

mod acts;
mod iterations;
mod paging;
mod step;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use std::sync::Arc;

use super::param;
use crate::engine::event::Origin as Was;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::progress;
use crate::engine::state::{RunState, RunStatus};
use crate::engine::time::Timestamp;
use crate::rpc::actions::{ActOnRun, ActOnStep, CancelRun, DecideGate, ResolveOutcome};
use crate::rpc::error::PageError;
use crate::rpc::pages::{run, run_files};
use crate::rpc::views::{ArtifactCard, RunView};
use crate::ui::components::{Answers, Bar, Elapsed, Failure, Moment, Refusal, RunBadge, ValueView};
use crate::ui::format;
use crate::ui::live::Live;
use crate::ui::theme;
use acts::RunActs;
pub(super) use iterations::Steps;
use paging::{Jumps, WaitingHere};
pub(super) use paging::{Looked, follow, link_to};

/// What the parts of the viewer share.
#[derive(Clone, Copy)]
pub(super) struct Viewer {
    pub state: RwSignal<RunState>,
    /// Until when what goes on has lasted.
    pub now: Signal<Timestamp>,
    pub asks: Asks,
    pub looked: Looked,
}

/// Who answers what the run asks.
#[derive(Clone, Copy)]
pub(super) enum Asks {
    /// People, by the forms of a run on the server.
    Server(StoredValue<Forms>),
    /// Whoever rehearses: what this makes stands in the row of each step.
    Rehearser(Callback<StepPath, AnyView>),
}

/// What can be done on the page of a run.
#[derive(Clone, Copy)]
pub(super) struct Forms {
    run_id: StoredValue<String>,
    decide: Answers<DecideGate>,
    resolve: Answers<ResolveOutcome>,
    on_step: Answers<ActOnStep>,
    cancel: ServerAction<CancelRun>,
    act: ServerAction<ActOnRun>,
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = param("id");
    let view = Resource::new(move || id.get(), run);
    // Out here, so that an answer to a form is still there when the page is drawn anew.
    let forms = Forms {
        run_id: StoredValue::new(id.get_untracked()),
        decide: Answers::new(|asked| &asked.gate_id),
        resolve: Answers::new(|asked| &asked.step_id),
        cancel: ServerAction::new(),
        act: ServerAction::new(),
        on_step: Answers::new(|asked| &asked.step_id),
    };
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                let view = view.await;
                // By run, so that nothing typed or opened for one stands before another.
                let key = view.as_ref().map(|view| view.summary.header.run_id.clone()).ok();
                let keyed = [(key, view)];
                view! {
                    <For each=move || keyed.clone() key=|(key, _)| key.clone() children=move |(_, view)| show(view, forms) />
                }
            })}
        </Transition>
    }
}

fn show(view: Result<RunView, PageError>, forms: Forms) -> AnyView {
    let RunView {
        summary,
        outline,
        events,
        artifacts,
        now,
    } = match view {
        Ok(view) => view,
        Err(error) => {
            return view! { <Title text="Run" /><h1>"Run"</h1><Failure error /> }.into_any();
        }
    };
    let state = RwSignal::new(RunState::replay(Arc::new(outline), &events));
    let header = summary.header;
    let live = Live::expect();
    live.follow(header.run_id.clone(), state);
    let forms = Forms {
        run_id: StoredValue::new(header.run_id.to_string()),
        ..forms
    };
    let viewer = Viewer {
        state,
        now: live.now(now),
        asks: Asks::Server(StoredValue::new(forms)),
        looked: Looked::by_address(),
    };
    follow(viewer);
    view! {
        <Title text=header.workflow_name.clone() />
        <div class="run-head">
            <p class="crumb"><a href=format!("/workflows/{}", header.workflow_slug)>"Workflow"</a> {format!(" · version {}", header.version)}</p>
            <h1>{header.workflow_name}</h1>
            <Head viewer />
            <Origin viewer />
            <RunActs viewer forms />
        </div>
        <RefusedElsewhere viewer forms />
        <Result viewer />
        <WaitingHere viewer />
        <Artifacts viewer forms artifacts />
        <section class="run-steps" aria-labelledby="steps-title">
            <h2 id="steps-title">"Steps"</h2>
            <Jumps viewer />
            <Steps viewer frame=0 />
        </section>
        <Details viewer forms />
    }
    .into_any()
}

#[component]
pub(super) fn Head(viewer: Viewer) -> impl IntoView {
    let state = viewer.state;
    let stands = Memo::new(move |_| {
        state.with(|state| (state.status(), state.waiting_for_people().next().is_some()))
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
    let started_by = state.with_untracked(|state| state.started_by.clone());
    let started_at = state.with_untracked(|state| state.started_at);
    view! {
        <div class="run-status">
            // The one place that is read out when it changes.
            <div role="status" aria-atomic="true">{badge}</div>
            <div class=move || format!("bar-of-run is-{}", class())>
                <Bar percent label="Progress of the run" class="bar-large" />
            </div>
        </div>
        <p class="muted">
            {format!("Started by {started_by}")} {started_at.map(|at| view! { " · " <Moment at /> })}
            " · " <Elapsed since until now=viewer.now />
        </p>
        {move || (is_live && until.get().is_none()).then(|| view! {
            <p class="muted only-unscripted">"This page does not follow the run without scripting: reload it to see how it goes on."</p>
        })}
    }
}

/// What the run goes back to.
#[component]
fn Origin(viewer: Viewer) -> impl IntoView {
    let origin = viewer.state.with_untracked(|state| state.origin.clone())?;
    let link = |run_id: RunId, text: &'static str| {
        view! { <p class="muted"><a href=format!("/runs/{run_id}")>{text}</a></p> }.into_any()
    };
    Some(match origin {
        Was::Again { run_id } => link(run_id, "The same as an earlier run"),
        Was::Fork { run_id, step } => view! {
            <p class="muted">"Begun at " <code>{step.to_string()}</code> " of " <a href=format!("/runs/{run_id}")>"another run"</a></p>
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
pub(super) fn Result(viewer: Viewer) -> impl IntoView {
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

/// A refused answer whose question is not on the page any more.
#[component]
fn RefusedElsewhere(viewer: Viewer, forms: Forms) -> impl IntoView {
    let is_refused = Memo::new(move |_| {
        let decision = forms.decide.refusal();
        let other = || forms.resolve.refusal().or_else(|| forms.on_step.refusal());
        decision.or_else(other).is_some()
    });
    let open = Memo::new(move |_| {
        if !is_refused.get() {
            return Vec::new();
        }
        viewer.state.with(|state| {
            let gates = state
                .waiting_for_people()
                .map(|at| match &state.steps[at].gate {
                    Some(gate) if gate.decided.is_none() => gate.id.to_string(),
                    Some(_) | None => state.path(at).to_string(),
                });
            let steps = (0..state.steps.len()).map(|at| state.path(at).to_string());
            gates.chain(steps).collect::<Vec<_>>()
        })
    });
    let refused = Signal::derive(move || {
        open.with(|open| {
            let decision = forms.decide.refusal_elsewhere(open);
            decision
                .or_else(|| forms.resolve.refusal_elsewhere(open))
                .or_else(|| forms.on_step.refusal_elsewhere(open))
        })
    });
    view! { <Refusal error=refused /> }
}

#[component]
fn Artifacts(viewer: Viewer, forms: Forms, artifacts: Vec<ArtifactCard>) -> impl IntoView {
    let files = RwSignal::new(artifacts);
    let run_id = forms.run_id.get_value();
    fetch_when_they_matter(viewer, forms, files);
    move || {
        let artifacts = files.get();
        if artifacts.is_empty() {
            return None;
        }
        let rows: Vec<_> = artifacts
            .into_iter()
            .map(|file| {
                let href = format!("/runs/{run_id}/artifacts/{}", file.id);
                view! { <li><a href=href>{file.name}</a> " " <span class="muted">{format::bytes(file.bytes)}</span></li> }
            })
            .collect();
        Some(view! {
            <section class="artifacts" aria-labelledby="files-title">
                <h2 id="files-title">"Files"</h2>
                <ul>{rows}</ul>
            </section>
        })
    }
}

/// Files are not told of in the log. They matter when a person is asked something and when the run ends, so a page
/// that is open then asks for them.
fn fetch_when_they_matter(viewer: Viewer, forms: Forms, files: RwSignal<Vec<ArtifactCard>>) {
    let moment = Memo::new(move |_| {
        viewer
            .state
            .with(|state| (state.end.is_some(), state.waiting_for_people().count()))
    });
    Effect::new(move |earlier: Option<(bool, usize)>| {
        let now = moment.get();
        if earlier.is_some_and(|earlier| earlier != now) {
            let run_id = forms.run_id.get_value();
            spawn_local(async move {
                if let Ok(found) = run_files(run_id).await {
                    let _ = files.try_set(found);
                }
            });
        }
        now
    });
}

/// The input, for those who want to know.
#[component]
fn Details(viewer: Viewer, forms: Forms) -> impl IntoView {
    let input = viewer.state.with_untracked(|state| state.input.clone());
    let text = format::pretty(&input);
    let input = match text.contains("$large") {
        true => view! { <ValueView value=input watched=true /> }.into_any(),
        false => view! { <pre class="json" tabindex="0">{text}</pre> }.into_any(),
    };
    let events = move || {
        viewer
            .state
            .with(|state| format!("{} events in the log", state.seq))
    };
    view! {
        <details class="more">
            <summary>"Input"</summary>
            {input}
        </details>
        <p class="muted">
            {events} " · "
            <a href=format!("/api/v1/runs/{}/events", forms.run_id.get_value()) rel="external">"read them as JSON"</a>
        </p>
    }
}
