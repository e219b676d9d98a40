//! The task list at the right: the active run on every page, and only while there is one.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use std::time::Duration;

use crate::engine::ids::RunId;
use crate::engine::tasks::{Task, TaskList};
use crate::rpc::error::PageError;
use crate::rpc::pages::active_run;
use crate::rpc::views::ActiveRunView;
use crate::ui::components::{Bar, RunBadge, StatusIcon};
use crate::ui::format;
use crate::ui::later::Later;
use crate::ui::live::Live;
use crate::ui::theme;

/// How long changes of the run are gathered before its tasks are asked for again.
const GATHERS: Duration = Duration::from_millis(500);
/// How long after an answer that did not come.
const TRIES_AGAIN: Duration = Duration::from_secs(2);

type Active = Resource<Result<Option<ActiveRunView>, PageError>>;

#[component]
pub fn TaskPanel() -> impl IntoView {
    let live = Live::expect();
    let changes = RwSignal::new(0_u32);
    let active = Resource::new(move || (live.lists.get(), changes.get()), |_| active_run());
    view! {
        <Transition>
            <Panels active changes />
        </Transition>
    }
}

/// None or one: the active run may become another.
#[component]
fn Panels(active: Active, changes: RwSignal<u32>) -> impl IntoView {
    // An answer that did not come takes nothing away.
    let shown = Memo::new(
        move |last: Option<&Option<ActiveRunView>>| match active.get() {
            Some(Ok(run)) => run,
            Some(Err(_)) | None => last.cloned().flatten(),
        },
    );
    let again = Later::after(TRIES_AGAIN);
    Effect::new(move || match active.get() {
        Some(Err(_)) => again.ask(move || ask_anew(changes)),
        Some(Ok(_)) | None => again.forget(),
    });
    view! {
        // By run: lists change more often than what is active.
        <For each=move || shown.get() key=|run| run.id.clone() children=move |run| {
            let (id, name) = (run.id.clone(), run.workflow_name.clone());
            let list = Memo::new(move |last: Option<&TaskList>| {
                let newer = shown.with(|shown| {
                    let shown = shown.as_ref().filter(|shown| shown.id == run.id)?;
                    Some(shown.list.clone())
                });
                newer.or(last.cloned()).unwrap_or_else(|| run.list.clone())
            });
            keep_up(id.clone(), list, changes);
            view! { <Panel id name list /> }
        } />
    }
}

fn ask_anew(changes: RwSignal<u32>) {
    changes.update(|changes| *changes = changes.wrapping_add(1));
}

/// Asks again when the run has gone on.
fn keep_up(id: RunId, list: Memo<TaskList>, changes: RwSignal<u32>) {
    let live = Live::expect();
    let newest = Memo::new(move |_| {
        live.summaries
            .with(|known| known.get(&id).map(|known| known.seq))
    });
    let seq = Memo::new(move |_| list.with(|list| list.seq));
    let is_behind = Memo::new(move |_| newest.get().is_some_and(|newest| newest > seq.get()));
    let soon = Later::after(GATHERS);
    Effect::new(move || {
        // Also of an answer that was behind already when it came.
        seq.track();
        if is_behind.get() {
            soon.ask(move || ask_anew(changes));
        } else {
            soon.forget();
        }
    });
}

#[component]
fn Panel(id: RunId, name: String, list: Memo<TaskList>) -> impl IntoView {
    // Where there is little room, the run's own page says it all.
    let path = use_location().pathname;
    let address = format!("/runs/{id}");
    let own_page = address.clone();
    let class = move || match path.get() == own_page {
        true => "panel panel-own-page",
        false => "panel",
    };
    let percent = Signal::derive(move || list.with(|list| list.percent));
    let stands = Memo::new(move |_| list.with(|list| (list.status, list.for_people)));
    let badge = move || {
        let (status, for_people) = stands.get();
        view! { <RunBadge status for_people /> }
    };
    let tasks = move || {
        list.with(|list| {
            let tasks = list.tasks.iter().map(task);
            tasks.collect::<Vec<_>>()
        })
    };
    let more = move || {
        let more = list.with(|list| list.before + list.behind);
        (more > 0).then(|| view! { <p class="muted">{format!("and {} more", format::counted(more, "step"))}</p> })
    };
    view! {
        <aside class=class aria-label="Active run">
            <a class="panel-title" href=address>{name}</a>
            {badge}
            <Bar percent label="Progress of the active run" />
            <ol class="panel-steps">{tasks}</ol>
            {more}
        </aside>
    }
}

fn task(task: &Task) -> impl IntoView + use<> {
    let look = theme::of_step(task.status);
    view! {
        <li class=format!("panel-step is-{}", look.class)>
            <StatusIcon look />
            <span>{task.name.clone()}</span>
            <span class="visually-hidden">{look.word}</span>
        </li>
    }
}
