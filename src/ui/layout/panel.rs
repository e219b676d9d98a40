//! The task list at the right: the active run on every page, and only while there is one.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use std::sync::Arc;

use crate::engine::ids::RunId;
use crate::engine::progress;
use crate::engine::state::RunState;
use crate::rpc::pages::active_run;
use crate::rpc::views::{ActiveRunView, RunView};
use crate::ui::components::{Bar, RunBadge, StatusIcon};
use crate::ui::live::Live;
use crate::ui::parts::{Place, apart};
use crate::ui::theme;

apart!(panel, PANEL: ActiveRunView => |run| inside(&run));

#[component]
pub fn TaskPanel() -> impl IntoView {
    let live = Live::expect();
    let active = Resource::new(move || live.lists.get(), |_| active_run());
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let active = active.await.ok().flatten();
                // By run: lists change more often than what is active.
                view! { <For each=move || active.clone() key=|run| run.id.clone() children=panel_of /> }
            })}
        </Transition>
    }
}

fn panel_of(run: ActiveRunView) -> impl IntoView {
    // Where there is little room, the run's own page says it all.
    let path = use_location().pathname;
    let own_page = address_of(&run.id);
    let class = move || {
        if path.get() == own_page {
            "panel panel-own-page"
        } else {
            "panel"
        }
    };
    view! { <aside class=class aria-label="Active run">{PANEL.show(run, Place::Beside)}</aside> }
}

fn address_of(run: &RunId) -> String {
    format!("/runs/{run}")
}

/// What the panel shows; nothing of a view that cannot be read, which another release has sent.
fn inside(run: &ActiveRunView) -> AnyView {
    let view = serde_json::from_str(run.view.get());
    view.ok().map(followed).into_any()
}

fn followed(run: RunView) -> impl IntoView {
    let RunView {
        summary,
        outline,
        events,
        ..
    } = run;
    let header = summary.header;
    let state = RwSignal::new(RunState::replay(Arc::new(outline), &events));
    Live::expect().follow(header.run_id.clone(), state);
    let percent = Signal::derive(move || state.with(progress::percent));
    let stands = Memo::new(move |_| {
        state.with(|state| (state.status(), state.waiting_for_people().next().is_some()))
    });
    // The run's own steps: what is inside maps and loops is on its page.
    let shown = state.with_untracked(|state| {
        let own = state.steps_of(0);
        own.filter(|&at| state.outline.steps[state.steps[at].shape].undoes.is_none())
            .collect::<Vec<_>>()
    });
    let steps: Vec<_> = shown
        .into_iter()
        .map(|at| view! { <PanelStep state at /> })
        .collect();
    view! {
        <a class="panel-title" href=address_of(&header.run_id)>{header.workflow_name}</a>
        {move || {
            let (status, for_people) = stands.get();
            view! { <RunBadge status for_people /> }
        }}
        <Bar percent label="Progress of the active run" />
        <ol class="panel-steps">{steps}</ol>
    }
}

#[component]
fn PanelStep(state: RwSignal<RunState>, at: usize) -> impl IntoView {
    let name = state.with_untracked(|state| state.name(at).to_owned());
    let look = Memo::new(move |_| theme::of_step(state.with(|state| state.steps[at].status)));
    view! {
        <li class=move || format!("panel-step is-{}", look.get().class)>
            {move || view! { <StatusIcon look=look.get() /> }}
            <span>{name}</span>
            <span class="visually-hidden">{move || look.get().word}</span>
        </li>
    }
}
