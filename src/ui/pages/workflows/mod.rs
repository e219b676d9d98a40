//! The workflows there are.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::rpc::pages::workflows;
use crate::rpc::views::WorkflowCard;
use crate::ui::components::{Empty, Failure, Moment, RunBadge};
use crate::ui::live::Live;

#[component]
pub fn WorkflowsPage() -> impl IntoView {
    let live = Live::expect();
    let cards = Resource::new(move || live.lists.get(), |_| workflows());
    view! {
        <Title text="Workflows" />
        <div class="page-head">
            <h1>"Workflows"</h1>
            <a class="button button-primary" href="/workflows/new">"New workflow"</a>
        </div>
        <Transition>
            {move || Suspend::new(async move {
                match cards.await {
                    Ok(cards) if cards.is_empty() => view! {
                        <Empty title="There are no workflows.">
                            <p>"Make one here, or send its YAML to " <code>"POST /api/v1/workflows"</code> "."</p>
                        </Empty>
                    }.into_any(),
                    Ok(cards) => {
                        let cards: Vec<_> = cards.into_iter().map(|card| view! { <li><Card card /></li> }).collect();
                        view! { <ul class="cards">{cards}</ul> }.into_any()
                    }
                    Err(error) => view! { <Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Card(card: WorkflowCard) -> impl IntoView {
    let href = format!("/workflows/{}", card.slug);
    let tags: Vec<_> = card
        .tags
        .into_iter()
        .map(|tag| view! { <span class="tag">{tag}</span> })
        .collect();
    view! {
        <article class="card">
            <h2><a href=href.clone()>{card.name.clone()}</a></h2>
            <p>{card.description}</p>
            <p class="card-facts">
                {card.is_template.then(|| view! { <span class="tag">"template"</span> })}
                {tags}
                <span class="muted">{format!("{} steps · version {}", card.steps, card.version)}</span>
            </p>
            {card.last_run.map(|run| view! {
                <p class="card-facts">
                    <a href=format!("/runs/{}", run.header.run_id)>"Last run"</a>
                    <RunBadge status=run.status for_people={run.waiting_for_people > 0} />
                    <span class="muted"><Moment at=run.header.created_at /></span>
                </p>
            })}
            <p><a class="button" href=href aria-label=format!("Start {}", card.name)>"Start…"</a></p>
        </article>
    }
}
