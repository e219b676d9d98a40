//! What runs, what waits for me, what has ended.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::rpc::pages::home;
use crate::rpc::views::{GateCard, HomeView, RunStats};
use crate::ui::components::{Empty, Failure, Moment, RunList, StatusIcon};
use crate::ui::live::Live;
use crate::ui::theme;

#[component]
pub fn HomePage() -> impl IntoView {
    let live = Live::expect();
    let view = Resource::new(move || live.lists.get(), |_| home());
    view! {
        <Title text="Home" />
        <h1>"Home"</h1>
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
        recent,
        stats,
        now,
    } = view;
    let nothing = active.is_empty() && recent.is_empty();
    view! {
        <Stats stats />
        {(!waiting.is_empty()).then(|| view! { <Waiting waiting /> })}
        {(!active.is_empty()).then(|| view! {
            <section aria-labelledby="active-title">
                <h2 id="active-title">"Running"</h2>
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
            {figure("in all", stats.total, "/runs")}
        </div>
    }
}

#[component]
fn Waiting(waiting: Vec<GateCard>) -> impl IntoView {
    let rows: Vec<_> = waiting
        .into_iter()
        .map(|gate| {
            let look = theme::of_step(crate::engine::state::StepStatus::WaitingForApproval);
            view! {
                <li>
                    <a class="waiting-row" href=format!("/runs/{}", gate.run_id)>
                        <StatusIcon look />
                        <span class="waiting-title">{gate.question.title}</span>
                        <span class="muted">{gate.workflow_name}" · "<Moment at=gate.opened_at /></span>
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
