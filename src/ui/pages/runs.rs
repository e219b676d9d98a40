//! All runs, newest first, by state.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::engine::state::RunStatus;
use crate::rpc::pages::runs;
use crate::rpc::views::RunsView;
use crate::ui::components::{Empty, Failure, RunList};
use crate::ui::live::Live;
use crate::ui::theme;

const FILTERS: [RunStatus; 5] = [
    RunStatus::Running,
    RunStatus::Waiting,
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Cancelled,
];

#[component]
pub fn RunsPage() -> impl IntoView {
    let live = Live::expect();
    let query = use_query_map();
    let status = Memo::new(move |_| query.with(|query| query.get("status")).unwrap_or_default());
    let cursor = Memo::new(move |_| query.with(|query| query.get("cursor")));
    let view = Resource::new(
        move || (status.get(), cursor.get(), live.lists.get()),
        |(status, cursor, _)| runs(status, cursor),
    );
    let filter = move |word: &'static str, name: &'static str| {
        let href = if word.is_empty() {
            "/runs".to_owned()
        } else {
            format!("/runs?status={word}")
        };
        view! { <li><a href=href aria-current=move || (status.get() == word).then_some("page")>{name}</a></li> }
    };
    view! {
        <Title text="Runs" />
        <div class="page-head">
            <h1>"Runs"</h1>
            <a class="button" href="/capsules">"Open a capsule…"</a>
        </div>
        <nav class="filters" aria-label="Filter by state">
            <ul>
                {filter("", "All")}
                {FILTERS.map(|status| filter(status.as_str(), theme::of_run(status, false).word)).into_iter().collect_view()}
            </ul>
        </nav>
        <Transition>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => show(view, &status.get_untracked()).into_any(),
                    Err(error) => view! { <Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn show(view: RunsView, status: &str) -> impl IntoView + use<> {
    let RunsView { items, next, now } = view;
    let older = next.map(|cursor| format!("/runs?status={status}&cursor={cursor}"));
    let empty = items.is_empty();
    view! {
        {if empty {
            view! {
                <Empty title="No runs here.">
                    <p><a class="button" href="/workflows">"Choose a workflow to start"</a></p>
                </Empty>
            }.into_any()
        } else {
            view! { <RunList runs=items now /> }.into_any()
        }}
        {older.map(|href| view! { <p><a class="button" href=href>"Older runs"</a></p> })}
    }
}
