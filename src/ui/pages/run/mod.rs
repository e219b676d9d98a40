//! The run viewer: the whole plan from the first moment, live, with what a person can do about it.

mod acts;
mod step;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use std::sync::Arc;

use super::param;
use crate::engine::progress;
use crate::engine::state::{RunState, RunStatus, StepRun, StepStatus};
use crate::engine::time::Timestamp;
use crate::rpc::actions::{CancelRun, DecideGate, ResolveOutcome};
use crate::rpc::error::PageError;
use crate::rpc::pages::{run, run_files};
use crate::rpc::views::{ArtifactCard, RunView};
use crate::ui::components::{
    Answers, Bar, Elapsed, Failure, Moment, Refusal, RunBadge, StatusIcon,
};
use crate::ui::format;
use crate::ui::live::Live;
use crate::ui::theme;
use acts::CancelForm;
use step::StepRow;

/// What the parts of the viewer share.
#[derive(Clone, Copy)]
struct Viewer {
    run_id: StoredValue<String>,
    state: RwSignal<RunState>,
    /// The server's clock when the page was made.
    now: Timestamp,
    decide: Answers<DecideGate>,
    resolve: Answers<ResolveOutcome>,
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = param("id");
    let view = Resource::new(move || id.get(), run);
    // Out here, so that an answer to a form is still there when the page is drawn anew.
    let acts = Acts {
        decide: Answers::new(|asked| &asked.gate_id),
        resolve: Answers::new(|asked| &asked.step_id),
        cancel: ServerAction::new(),
    };
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move {
                let view = view.await;
                // By run, so that nothing typed or opened for one stands before another.
                let key = view.as_ref().map(|view| view.summary.header.run_id.clone()).ok();
                let keyed = [(key, view)];
                view! {
                    <For each=move || keyed.clone() key=|(key, _)| key.clone() children=move |(_, view)| show(view, acts) />
                }
            })}
        </Transition>
    }
}

/// What can be done on the page.
#[derive(Clone, Copy)]
struct Acts {
    decide: Answers<DecideGate>,
    resolve: Answers<ResolveOutcome>,
    cancel: ServerAction<CancelRun>,
}

fn show(view: Result<RunView, PageError>, acts: Acts) -> AnyView {
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
    Live::expect().follow(header.run_id.clone(), state);
    let viewer = Viewer {
        run_id: StoredValue::new(header.run_id.to_string()),
        state,
        now,
        decide: acts.decide,
        resolve: acts.resolve,
    };
    let steps: Vec<_> = (0..state.with_untracked(|state| state.steps.len()))
        .map(|at| view! { <StepRow viewer at /> })
        .collect();
    view! {
        <Title text=header.workflow_name.clone() />
        <div class="run-head">
            <p class="crumb"><a href=format!("/workflows/{}", header.workflow_slug)>"Workflow"</a> {format!(" · version {}", header.version)}</p>
            <h1>{header.workflow_name}</h1>
            <Head viewer />
            <CancelForm viewer cancel=acts.cancel />
        </div>
        <RefusedElsewhere viewer />
        <Result viewer />
        <WaitingHere viewer />
        <Artifacts viewer artifacts />
        <section aria-labelledby="steps-title">
            <h2 id="steps-title">"Steps"</h2>
            <ol class="steps">{steps}</ol>
        </section>
        <Details viewer />
    }
    .into_any()
}

#[component]
fn Head(viewer: Viewer) -> impl IntoView {
    let state = viewer.state;
    let status = Memo::new(move |_| state.with(RunState::status));
    let percent = Signal::derive(move || state.with(progress::percent));
    let since = Signal::derive(move || state.with(|state| state.started_at));
    let until = Signal::derive(move || state.with(|state| state.finished_at));
    let started_by = state.with_untracked(|state| state.started_by.clone());
    let started_at = state.with_untracked(|state| state.started_at);
    view! {
        <div class="run-status">
            // The one place that is read out when it changes.
            <div role="status" aria-atomic="true">{move || view! { <RunBadge status=status.get() /> }}</div>
            <div class=move || format!("bar-of-run is-{}", theme::of_run(status.get()).class)>
                <Bar percent label="Progress of the run" class="bar-large" />
            </div>
        </div>
        <p class="muted">
            {format!("Started by {started_by}")} {started_at.map(|at| view! { " · " <Moment at /> })}
            " · " <Elapsed since until now=viewer.now />
        </p>
        {move || until.get().is_none().then(|| view! {
            <p class="muted only-unscripted">"This page does not follow the run without scripting: reload it to see how it goes on."</p>
        })}
    }
}

/// How it ended, in a sentence.
#[component]
fn Result(viewer: Viewer) -> impl IntoView {
    let end = Memo::new(move |_| {
        viewer
            .state
            .with(|state| state.end.clone().map(|end| (state.status(), end)))
    });
    move || {
        let (status, end) = end.get()?;
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
            | RunStatus::Cancelling => return None,
        };
        let reason = end.reason.map(|reason| reason.as_str());
        Some(
            view! { <div class=class><p>{text} {reason.map(|reason| view! { " " <code>{reason}</code> })}</p></div> },
        )
    }
}

/// A refused answer whose question is not on the page any more.
#[component]
fn RefusedElsewhere(viewer: Viewer) -> impl IntoView {
    let open = Memo::new(move |_| {
        viewer.state.with(|state| {
            let steps = state.outline.steps.iter().zip(&state.steps);
            steps
                .filter_map(|(shape, step)| match step.status {
                    StepStatus::WaitingForApproval => {
                        step.gate.as_ref().map(|gate| gate.id.to_string())
                    }
                    StepStatus::OutcomeUnknown => Some(shape.id.to_string()),
                    StepStatus::Pending
                    | StepStatus::Queued
                    | StepStatus::InProgress
                    | StepStatus::Retrying
                    | StepStatus::Completed
                    | StepStatus::Failed
                    | StepStatus::Skipped
                    | StepStatus::Cancelled => None,
                })
                .collect::<Vec<_>>()
        })
    });
    let refused = Signal::derive(move || {
        open.with(|open| {
            let decision = viewer.decide.refusal_elsewhere(open);
            decision.or_else(|| viewer.resolve.refusal_elsewhere(open))
        })
    });
    view! { <Refusal error=refused /> }
}

/// The way to what waits for a person, which may be far down the page.
#[component]
fn WaitingHere(viewer: Viewer) -> impl IntoView {
    let steps = Memo::new(move |_| {
        viewer.state.with(|state| {
            let waits = |status| {
                matches!(
                    status,
                    StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown
                )
            };
            let shapes = state.outline.steps.iter().zip(&state.steps);
            shapes
                .filter(|(_, step)| waits(step.status))
                .map(|(shape, step)| (shape.id.clone(), shape.name.clone(), step.status))
                .collect::<Vec<_>>()
        })
    });
    move || {
        let rows: Vec<_> = steps
            .get()
            .into_iter()
            .map(|(id, name, status)| {
                view! {
                    <a class="waiting-row" href=format!("#step-{id}") rel="external">
                        <StatusIcon look=theme::of_step(status) />
                        <span class="waiting-title">{name}</span>
                        <span>"Look and answer"</span>
                    </a>
                }
            })
            .collect();
        (!rows.is_empty()).then(|| view! { <div class="waiting-for-you">{rows}</div> })
    }
}

#[component]
fn Artifacts(viewer: Viewer, artifacts: Vec<ArtifactCard>) -> impl IntoView {
    let files = RwSignal::new(artifacts);
    let run_id = viewer.run_id.get_value();
    fetch_when_they_matter(viewer, files);
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
fn fetch_when_they_matter(viewer: Viewer, files: RwSignal<Vec<ArtifactCard>>) {
    let moment = Memo::new(move |_| {
        viewer.state.with(|state| {
            let waiting = |step: &&StepRun| step.status == StepStatus::WaitingForApproval;
            (
                state.end.is_some(),
                state.steps.iter().filter(waiting).count(),
            )
        })
    });
    Effect::new(move |earlier: Option<(bool, usize)>| {
        let now = moment.get();
        if earlier.is_some_and(|earlier| earlier != now) {
            let run_id = viewer.run_id.get_value();
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
fn Details(viewer: Viewer) -> impl IntoView {
    let input = viewer
        .state
        .with_untracked(|state| format::pretty(&state.input));
    let events = move || {
        viewer
            .state
            .with(|state| format!("{} events in the log", state.seq))
    };
    view! {
        <details class="more">
            <summary>"Input"</summary>
            <pre class="json" tabindex="0">{input}</pre>
        </details>
        <p class="muted">
            {events} " · "
            <a href=format!("/api/v1/runs/{}/events", viewer.run_id.get_value()) rel="external">"read them as JSON"</a>
        </p>
    }
}
