//! The run viewer: the whole plan from the first moment, live, with what a person can do about it.

mod acts;
mod step;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use std::sync::Arc;

use super::param;
use crate::engine::progress;
use crate::engine::state::{RunState, RunStatus, StepStatus};
use crate::engine::time::Timestamp;
use crate::rpc::actions::{CancelRun, DecideGate, ResolveOutcome};
use crate::rpc::error::PageError;
use crate::rpc::pages::{run, run_files};
use crate::rpc::views::{ArtifactCard, RunView};
use crate::ui::components::{Bar, Elapsed, Failure, Moment, RunBadge, StatusIcon};
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
    decide: ServerAction<DecideGate>,
    resolve: ServerAction<ResolveOutcome>,
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = param("id");
    let view = Resource::new(move || id.get(), run);
    // Out here, so that an answer to a form is still there when the page is drawn anew.
    let (decide, resolve, cancel) = (
        ServerAction::new(),
        ServerAction::new(),
        ServerAction::new(),
    );
    view! {
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move { show(view.await, decide, resolve, cancel) })}
        </Transition>
    }
}

fn show(
    view: Result<RunView, PageError>,
    decide: ServerAction<DecideGate>,
    resolve: ServerAction<ResolveOutcome>,
    cancel: ServerAction<CancelRun>,
) -> AnyView {
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
        decide,
        resolve,
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
            <CancelForm viewer cancel />
        </div>
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
        let reason = end
            .reason
            .map(|reason| format!("Reason: {}", reason.as_str().replace('_', " ")));
        Some(
            view! { <div class=class><p>{text}</p>{reason.map(|reason| view! { <p class="muted">{reason}</p> })}</div> },
        )
    }
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
                    <a class="waiting-row" href=format!("#step-{id}")>
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
    fetch_at_the_end(viewer, files);
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

/// Files are not told of in the log: a page that was open while the run ended asks for them.
fn fetch_at_the_end(viewer: Viewer, files: RwSignal<Vec<ArtifactCard>>) {
    Effect::new(move |was_over: Option<bool>| {
        let is_over = viewer.state.with(|state| state.end.is_some());
        if is_over && was_over == Some(false) {
            let run_id = viewer.run_id.get_value();
            spawn_local(async move {
                if let Ok(found) = run_files(run_id).await {
                    let _ = files.try_set(found);
                }
            });
        }
        is_over
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
