//! The inbox: every question that waits, with what has to be seen to answer it.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::engine::state::StepStatus;
use crate::rpc::actions::DecideGate;
use crate::rpc::pages::approvals;
use crate::rpc::views::GateCard;
use crate::ui::components::{Empty, Failure, GateForm, Moment, StepBadge};
use crate::ui::live::Live;

#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let live = Live::expect();
    let decide = ServerAction::<DecideGate>::new();
    let view = Resource::new(
        move || (live.lists.get(), decide.version().get()),
        |_| approvals(),
    );
    view! {
        <Title text="Approvals" />
        <h1>"Approvals"</h1>
        <Transition>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) if view.waiting.is_empty() => view! {
                        <Empty title="Nothing waits for you.">
                            <p>"When a run needs a person, its question appears here."</p>
                        </Empty>
                    }.into_any(),
                    Ok(view) => {
                        let cards: Vec<_> = view.waiting.into_iter().map(|gate| view! { <li><Card gate decide /></li> }).collect();
                        view! { <ul class="inbox">{cards}</ul> }.into_any()
                    }
                    Err(error) => view! { <Failure error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Card(gate: GateCard, decide: ServerAction<DecideGate>) -> impl IntoView {
    view! {
        <article class="card card-waiting">
            <StepBadge status=StepStatus::WaitingForApproval />
            <h2>{gate.question.title.clone()}</h2>
            <p class="muted">
                <a href=format!("/runs/{}", gate.run_id)>{gate.workflow_name}</a>
                " · asked " <Moment at=gate.opened_at />
                {gate.deadline.map(|deadline| view! { " · answer by " <Moment at=deadline /> })}
            </p>
            <GateForm question=gate.question run_id=gate.run_id.to_string() gate_id=gate.gate_id.to_string() plan_hash=gate.plan_hash decide />
        </article>
    }
}
