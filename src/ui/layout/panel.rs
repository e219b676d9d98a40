//! The task list at the right: the active run on every page, and only while there is one.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use std::sync::Arc;

use crate::engine::progress;
use crate::engine::state::RunState;
use crate::rpc::pages::active_run;
use crate::rpc::views::RunView;
use crate::ui::components::{Bar, RunBadge, StatusIcon};
use crate::ui::live::Live;
use crate::ui::theme;

#[component]
pub fn TaskPanel() -> impl IntoView {
    let live = Live::expect();
    let run = Resource::new(move || live.lists.get(), |_| active_run());
    view! {
        <Transition>
            {move || Suspend::new(async move {
                run.await.ok().flatten().map(|run| view! { <ActiveRun run /> })
            })}
        </Transition>
    }
}

#[component]
fn ActiveRun(run: RunView) -> impl IntoView {
    let RunView {
        summary,
        outline,
        events,
        ..
    } = run;
    let state = RwSignal::new(RunState::replay(Arc::new(outline), &events));
    Live::expect().follow(summary.header.run_id.clone(), state);
    let href = format!("/runs/{}", summary.header.run_id);
    // Where there is little room, the run's own page says it all.
    let path = use_location().pathname;
    let own_page = href.clone();
    let class = move || {
        if path.get() == own_page {
            "panel panel-own-page"
        } else {
            "panel"
        }
    };
    let percent = Signal::derive(move || state.with(progress::percent));
    let status = Memo::new(move |_| state.with(RunState::status));
    let steps: Vec<_> = (0..state.with_untracked(|state| state.steps.len()))
        .map(|at| view! { <PanelStep state at /> })
        .collect();
    view! {
        <aside class=class aria-label="Active run">
            <a class="panel-title" href=href>{summary.header.workflow_name}</a>
            {move || view! { <RunBadge status=status.get() /> }}
            <Bar percent label="Progress of the active run" />
            <ol class="panel-steps">{steps}</ol>
        </aside>
    }
}

#[component]
fn PanelStep(state: RwSignal<RunState>, at: usize) -> impl IntoView {
    let name = state.with_untracked(|state| state.outline.steps[at].name.clone());
    let look = Memo::new(move |_| theme::of_step(state.with(|state| state.steps[at].status)));
    view! {
        <li class=move || format!("panel-step is-{}", look.get().class)>
            {move || view! { <StatusIcon look=look.get() /> }}
            <span>{name}</span>
            <span class="visually-hidden">{move || look.get().word}</span>
        </li>
    }
}
