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
use crate::ui::format;
use crate::ui::live::Live;
use crate::ui::parts::{Place, apart};
use crate::ui::theme;

/// Steps listed at most, and how many of them before the one that matters now.
const STEPS_SHOWN: usize = 24;
const STEPS_BEFORE: usize = 4;

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
    let shown = Memo::new(move |_| state.with(steps_shown));
    let more = move || {
        let (before, _, behind) = shown.get();
        let more = u32::try_from(before + behind).unwrap_or(u32::MAX);
        (more > 0).then(|| view! { <p class="muted">{format!("and {} more", format::counted(more, "step"))}</p> })
    };
    view! {
        <a class="panel-title" href=address_of(&header.run_id)>{header.workflow_name}</a>
        {move || {
            let (status, for_people) = stands.get();
            view! { <RunBadge status for_people /> }
        }}
        <Bar percent label="Progress of the active run" />
        <ol class="panel-steps">
            <For each=move || shown.get().1 key=|at| *at children=move |at| view! { <PanelStep state at /> } />
        </ol>
        {more}
    }
}

/// Of the run's own steps those around the one that matters now, and how many there are before and behind them. What is
/// inside maps and loops is on the run's page.
fn steps_shown(state: &RunState) -> (usize, Vec<usize>, usize) {
    let is_shown = |at: &usize| {
        let shape = &state.outline.steps[state.steps[*at].shape];
        shape.undoes.is_none()
    };
    let own: Vec<usize> = state.steps_of(0).filter(is_shown).collect();
    let current = state.current().map(|mut step| {
        while let Some(owner) = state.frames[state.steps[step].frame].owner {
            step = owner;
        }
        own.partition_point(|&at| at < step)
    });
    let first = current.unwrap_or(0).saturating_sub(STEPS_BEFORE);
    let first = first.min(own.len().saturating_sub(STEPS_SHOWN));
    let shown: Vec<usize> = own.iter().skip(first).take(STEPS_SHOWN).copied().collect();
    let behind = own.len() - first - shown.len();
    (first, shown, behind)
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
