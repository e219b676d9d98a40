//! The run viewer: the whole plan from the first moment, live, with what a person can do about it.

mod acts;
mod capsule;
mod changes;
mod events;
mod files;
mod graph;
mod head;
mod inside;
mod iterations;
mod list;
mod logs;
mod notice;
mod origins;
mod paging;
mod place;
mod question;
mod reel;
mod scrubber;
mod seeking;
mod step;
mod telling;
mod timeline;
mod views;

use leptos::prelude::*;
use leptos::web_sys::MouseEvent;
use leptos_meta::Title;
use serde_json::Value;
use std::sync::Arc;

use super::param;
use crate::engine::ids::StepPath;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::rpc::actions::{ActOnRun, ActOnStep, DecideGate, ResolveOutcome};
use crate::rpc::error::PageError;
use crate::rpc::pages::run;
use crate::rpc::views::{ArtifactCard, RunView};
use crate::ui::asking::{Answers, Refusal};
use crate::ui::components::{Failure, ValueView};
use crate::ui::folding::Fold;
use crate::ui::format;
use crate::ui::later::a_moment_later;
use crate::ui::live::Live;
use crate::ui::parts::apart;
use acts::RunActs;
pub use capsule::CapsulePage;
use files::Artifacts;
use head::Origin;
pub(super) use head::{Head, Result};
pub(super) use iterations::Steps;
pub(in crate::ui) use list::FOUND;
pub(in crate::ui) use logs::LOG;
use logs::Logs;
pub(super) use paging::{PageLink, Pager, page as page_of};
pub(super) use place::{Looked, Place};
pub(in crate::ui) use question::{GATE, OUTCOME};
use reel::Reel;
use scrubber::Scrubber;
use seeking::WaitingHere;
pub(super) use seeking::follow;
pub(in crate::ui) use views::VIEWS;
use views::{Tabs, Views};

apart!(acts, INPUT: Viewer => |viewer| given(viewer));

/// What the parts of the viewer share.
#[derive(Clone, Copy)]
pub struct Viewer {
    pub state: RwSignal<RunState>,
    /// Until when what goes on has lasted.
    pub now: Signal<Timestamp>,
    pub asks: Asks,
    pub looked: Looked,
    /// Where one can go back in time.
    pub reel: Option<Reel>,
}

impl Viewer {
    /// After which event the run is shown; none for as it is.
    pub fn moment(self) -> Option<u32> {
        self.reel?.moment().get()
    }

    /// The places have addresses.
    fn has_address(self) -> bool {
        match self.asks {
            Asks::Server(_) | Asks::Nobody(_) => true,
            Asks::Rehearser(_) => false,
        }
    }
}

/// Who answers what the run asks.
#[derive(Clone, Copy)]
pub enum Asks {
    /// People, by the forms of a run on the server.
    Server(StoredValue<Forms>),
    /// Whoever rehearses: what this makes stands in the row of each step.
    Rehearser(Callback<StepPath, AnyView>),
    /// The run came in the capsule with this id: nobody can answer any more.
    Nobody(StoredValue<String>),
}

/// What can be done on the page of a run.
#[derive(Clone, Copy)]
pub struct Forms {
    run_id: StoredValue<String>,
    decide: Answers,
    resolve: Answers,
    on_step: Answers,
    act: Answers,
    logs: Logs,
    files: RwSignal<Vec<ArtifactCard>>,
}

impl Forms {
    /// The second half of a double click was meant for the answer that the first half has given, not for what has moved
    /// into its place since.
    fn keep_off(self, click: &MouseEvent) {
        let answering = || self.decide.busy() || self.resolve.busy() || self.on_step.busy();
        if click.detail() > 1 && untrack(answering) {
            click.prevent_default();
            click.stop_propagation();
        }
    }
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = param("id");
    let view = Resource::new(move || id.get(), run);
    // Out here, so that an answer to a form is still there when the page is drawn anew.
    let forms = Forms {
        run_id: StoredValue::new(id.get_untracked()),
        decide: Answers::of::<DecideGate>("gate_id"),
        resolve: Answers::of::<ResolveOutcome>("step_id"),
        act: Answers::of::<ActOnRun>("run_id"),
        on_step: Answers::of::<ActOnStep>("step_id"),
        logs: Logs::new(Vec::new(), Timestamp::default()),
        files: RwSignal::new(Vec::new()),
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
        logs,
        now,
    } = match view {
        Ok(view) => view,
        Err(error) => {
            return view! { <Title text="Run" /><h1>"Run"</h1><Failure error /> }.into_any();
        }
    };
    let looked = Looked::by_address();
    let moment = looked.at.get_untracked();
    let reel = Reel::new(Arc::new(outline), events, moment);
    let header = summary.header;
    let live = Live::expect();
    live.follow(header.run_id.clone(), reel);
    let forms = Forms {
        run_id: StoredValue::new(header.run_id.to_string()),
        logs: Logs::new(logs, now),
        files: RwSignal::new(artifacts),
        ..forms
    };
    let by_the_clock = live.now(now);
    let viewer = Viewer {
        state: reel.shown(),
        now: Signal::derive(move || reel.time().unwrap_or_else(|| by_the_clock.get())),
        asks: Asks::Server(StoredValue::new(forms)),
        looked,
        reel: Some(reel),
    };
    Effect::new(move || reel.go(looked.at.get()));
    follow(viewer);
    let is_now = a_moment_later(Memo::new(move |_| viewer.moment().is_none()));
    view! {
        <Title text=header.workflow_name.clone() />
        <div class="run-head">
            <p class="crumb"><a href=format!("/workflows/{}", header.workflow_slug)>"Workflow"</a> {format!(" · version {}", header.version)}</p>
            <h1>{header.workflow_name}</h1>
            <Head viewer />
            <Origin viewer />
            <Show when=move || is_now.get()>
                <RunActs viewer forms version=header.version />
            </Show>
        </div>
        <div on:click:capture=move |event| forms.keep_off(&event)>
            <RefusedElsewhere viewer forms />
            <Result viewer />
            <WaitingHere viewer />
            <Artifacts viewer forms />
            <Tabs viewer />
            <Scrubber viewer reel />
            <Views viewer reel />
            <Details viewer forms />
        </div>
    }
    .into_any()
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

/// The input, and where else the run can be had, for those who want to know.
#[component]
fn Details(viewer: Viewer, forms: Forms) -> impl IntoView {
    let events = move || {
        let seq = viewer.reel.map(|reel| reel.end().get());
        format!("{} in the log", format::counted(seq.unwrap_or(0), "event"))
    };
    let base = format!("/api/v1/runs/{}", forms.run_id.get_value());
    view! {
        {input(viewer)}
        <p class="muted">
            {events} " · "
            <a href=format!("{base}/events") rel="external">"read them as JSON"</a> " · "
            <a href=format!("{base}/capsule") rel="external">"save the run as a capsule"</a>
        </p>
    }
}

fn input(viewer: Viewer) -> AnyView {
    let fold = Fold::new(INPUT.fetch);
    let inside = fold.inside(INPUT, viewer);
    view! {
        <details class="more" node_ref=fold.details on:toggle=move |event| fold.toggled(&event)>
            <summary>"Input"</summary>
            {inside}
        </details>
    }
    .into_any()
}

fn given(viewer: Viewer) -> AnyView {
    let input = viewer
        .state
        .with_untracked(|state| Value::clone(&state.input));
    let text = format::pretty(&input);
    match text.contains("$large") {
        true => view! { <ValueView value=input watched=true /> }.into_any(),
        false => view! { <pre class="json" tabindex="0">{text}</pre> }.into_any(),
    }
}
