//! Runs in rows; each follows its run while it moves.

use leptos::prelude::*;

use super::{Bar, Elapsed, Moment, RunBadge};
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::ui::live::Live;
use crate::ui::theme;

#[component]
pub fn RunList(runs: Vec<RunSummary>, now: Timestamp) -> impl IntoView {
    let now = Live::expect().now(now);
    let rows: Vec<_> = runs
        .into_iter()
        .map(|run| view! { <li><RunRow run now /></li> })
        .collect();
    view! { <ul class="run-list">{rows}</ul> }
}

/// `now`: the clock that a run under way is measured by.
#[component]
pub fn RunRow(run: RunSummary, now: Signal<Timestamp>) -> impl IntoView {
    let live = Live::expect();
    let href = format!("/runs/{}", run.header.run_id);
    let name = run.header.workflow_name.clone();
    let created_at = run.header.created_at;
    let version = format!("version {} · ", run.header.version);
    let run = Memo::new(move |_| live.newest(&run));
    let stands = Memo::new(move |_| run.with(|run| (run.status, run.waiting_for_people > 0)));
    let look = move || {
        let (status, for_people) = stands.get();
        theme::of_run(status, for_people)
    };
    let percent = Signal::derive(move || run.with(|run| run.percent));
    let since = Signal::derive(move || run.with(|run| run.started_at));
    let until = Signal::derive(move || run.with(|run| run.finished_at));
    let detail = move || run.with(|run| run.message.clone().or_else(|| run.current.clone()));
    view! {
        <a class=move || format!("run-row is-{}", look().class) href=href>
            <span class="run-row-name">{name.clone()}</span>
            {move || {
                let (status, for_people) = stands.get();
                view! { <RunBadge status for_people /> }
            }}
            <span class="run-row-detail">{detail}</span>
            <Bar percent label=format!("Progress of {name}") />
            <span class="run-row-time">{version}<Moment at=created_at />" · "<Elapsed since until now /></span>
        </a>
    }
}
