//! The task list at the right: the active run on every page, and only while there is one.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use std::time::Duration;

use crate::engine::tasks::Task;
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
    keep_up(shown, changes);
    let path = use_location().pathname;
    move || shown.get().map(|run| panel(run, path))
}

fn ask_anew(changes: RwSignal<u32>) {
    changes.update(|changes| *changes = changes.wrapping_add(1));
}

/// Asks again when the run has gone on.
fn keep_up(shown: Memo<Option<ActiveRunView>>, changes: RwSignal<u32>) {
    let live = Live::expect();
    // The event up to which it is shown, if there are others since: also of an answer that was behind when it came.
    let behind = Memo::new(move |_| {
        shown.with(|run| {
            let ActiveRunView { id, list, .. } = run.as_ref()?;
            let newest = live
                .summaries
                .with(|known| known.get(id).map(|known| known.seq));
            (newest? > list.seq).then_some(list.seq)
        })
    });
    let soon = Later::after(GATHERS);
    Effect::new(move || match behind.get() {
        Some(_) => soon.ask(move || ask_anew(changes)),
        None => soon.forget(),
    });
}

fn panel(run: ActiveRunView, path: Memo<String>) -> impl IntoView {
    let ActiveRunView {
        id,
        workflow_name,
        list,
    } = run;
    // Where there is little room, the run's own page says it all.
    let address = format!("/runs/{id}");
    let own_page = address.clone();
    let class = move || match path.get() == own_page {
        true => "panel panel-own-page",
        false => "panel",
    };
    let tasks: Vec<_> = list.tasks.iter().map(task).collect();
    let more = list.before + list.behind;
    let more = (more > 0).then(
        || view! { <p class="muted">{format!("and {} more", format::counted(more, "step"))}</p> },
    );
    view! {
        <aside class=class aria-label="Active run">
            <a class="panel-title" href=address>{workflow_name}</a>
            <RunBadge status=list.status for_people=list.for_people />
            <Bar percent=Signal::stored(list.percent) label="Progress of the active run" />
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
