//! What runs, what waits for me, what has ended.

mod records;

use leptos::prelude::*;
use leptos_meta::Title;

use crate::engine::state::StepStatus;
use crate::engine::time::Timestamp;
use crate::rpc::pages::home;
use crate::rpc::views::{DoubtCard, GateCard, HomeView, RunStats};
use crate::ui::components::{Empty, Failure, Moment, RunList, StatusIcon};
use crate::ui::live::Live;
use crate::ui::theme;
use records::Records;

#[component]
pub fn HomePage() -> impl IntoView {
    let live = Live::expect();
    let view = Resource::new(move || live.lists.get(), |_| home());
    view! {
        <Title text="Home" />
        <div class="page-head">
            <h1>"Home"</h1>
            <a class="button" href="/workflows/new">"New workflow"</a>
        </div>
        <Transition>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => show(view).into_any(),
                    Err(error) => view! { <Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn show(view: HomeView) -> impl IntoView {
    let HomeView {
        active,
        waiting,
        doubts,
        recent,
        records,
        stats,
        now,
    } = view;
    let nothing = active.is_empty() && recent.is_empty();
    view! {
        <Stats stats />
        {(!waiting.is_empty() || !doubts.is_empty()).then(|| view! { <Waiting waiting doubts /> })}
        {(!active.is_empty()).then(|| view! {
            <section aria-labelledby="active-title">
                <h2 id="active-title">"Active"</h2>
                <RunList runs=active now />
            </section>
        })}
        {(!recent.is_empty()).then(|| view! {
            <section aria-labelledby="recent-title">
                <h2 id="recent-title">"Recently ended"</h2>
                <RunList runs=recent now />
                <p><a href="/runs">"All runs"</a></p>
            </section>
        })}
        {(!records.is_empty()).then(|| view! { <Records records /> })}
        {nothing.then(|| view! {
            <Empty title="Nothing has run yet.">
                <p>"The system health check probes this machine and asks you before it publishes its report."</p>
                <p><a class="button button-primary" href="/workflows/system-health-check">"Try the system health check"</a></p>
            </Empty>
        })}
    }
}

#[component]
fn Stats(stats: RunStats) -> impl IntoView {
    let figure = |name: &'static str, count: u32, href: &'static str| {
        view! { <a class="stat" href=href><span class="stat-number">{count}</span><span class="stat-name">{name}</span></a> }
    };
    view! {
        <div class="stats">
            {figure("active", stats.active, "/runs")}
            {figure("completed", stats.completed, "/runs?status=completed")}
            {figure("failed", stats.failed, "/runs?status=failed")}
            {figure("cancelled", stats.cancelled, "/runs?status=cancelled")}
            {figure("in all", stats.total, "/runs")}
        </div>
    }
}

#[component]
fn Waiting(waiting: Vec<GateCard>, doubts: Vec<DoubtCard>) -> impl IntoView {
    let gates = waiting.into_iter().map(|gate| Row {
        status: StepStatus::WaitingForApproval,
        href: format!("/runs/{}", gate.run_id),
        title: gate.question.title,
        workflow: gate.workflow_name,
        since: Some(gate.opened_at),
    });
    let doubts = doubts.into_iter().map(|doubt| Row {
        status: StepStatus::OutcomeUnknown,
        href: format!("/runs/{}", doubt.run_id),
        title: format!("{}: did it happen?", doubt.step_name),
        workflow: doubt.workflow_name,
        since: doubt.since,
    });
    let rows: Vec<_> = doubts
        .chain(gates)
        .map(|row| {
            view! {
                <li>
                    <a class="waiting-row" href=row.href>
                        <StatusIcon look=theme::of_step(row.status) />
                        <span class="waiting-title">{row.title}</span>
                        <span class="muted">{row.workflow}{row.since.map(|since| view! { " · " <Moment at=since /> })}</span>
                    </a>
                </li>
            }
        })
        .collect();
    view! {
        <section class="waiting-for-you" aria-labelledby="waiting-title">
            <h2 id="waiting-title">"Waiting for you"</h2>
            <ul>{rows}</ul>
        </section>
    }
}

/// One thing that waits for a person.
struct Row {
    status: StepStatus,
    href: String,
    title: String,
    workflow: String,
    since: Option<Timestamp>,
}
