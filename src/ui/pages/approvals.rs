//! The inbox: every question that waits, with what has to be seen to answer it.

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;

use super::run::Place;
use crate::engine::state::StepStatus;
use crate::rpc::actions::DecideGate;
use crate::rpc::pages::approvals;
use crate::rpc::views::{ApprovalsView, DoubtCard, GateCard};
use crate::ui::asking::{Answers, Refusal};
use crate::ui::components::{Empty, Failure, GateForm, Moment, StepBadge};
use crate::ui::format;
use crate::ui::live::Live;

#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let live = Live::expect();
    let decide = Answers::of::<DecideGate>("gate_id");
    let view = Resource::new(move || (live.lists.get(), decide.count()), |_| approvals());
    let waiting = move || {
        let view = view.get().and_then(Result::ok);
        view.map(|view| view.waiting).unwrap_or_default()
    };
    let refused = Signal::derive(move || {
        let shown: Vec<String> = waiting()
            .iter()
            .map(|gate| gate.gate_id.to_string())
            .collect();
        decide.refusal_elsewhere(&shown)
    });
    view! {
        <Title text="Approvals" />
        <h1>"Approvals"</h1>
        <Accepted decide />
        <Transition>
            <Refusal error=refused />
            {move || view.get().map(around)}
            // By gate: what has been typed at one question stays there when another one goes.
            <ul class="inbox" on:mousedown=move |event| {
                // The second half of a double click: it was not meant for what has moved there.
                if untrack(|| decide.rests()) {
                    event.prevent_default();
                }
            }>
                <For each=waiting key=|gate| gate.gate_id.clone() let:gate>
                    <li><Card gate decide /></li>
                </For>
            </ul>
        </Transition>
    }
}

/// What stands above the questions, or in their place.
fn around(view: Result<ApprovalsView, crate::rpc::error::PageError>) -> AnyView {
    match view {
        Err(error) => view! { <Failure error /> }.into_any(),
        Ok(view) if view.waiting.is_empty() && view.doubts.is_empty() => view! {
            <Empty title="Nothing waits for you.">
                <p>"When a run needs a person, its question appears here."</p>
            </Empty>
        }
        .into_any(),
        Ok(view) => {
            let doubts: Vec<_> = view
                .doubts
                .into_iter()
                .map(|doubt| view! { <li><Doubt doubt /></li> })
                .collect();
            (!doubts.is_empty())
                .then(|| view! { <ul class="inbox">{doubts}</ul> })
                .into_any()
        }
    }
}

/// That the last answer counts, and where it led. The question it belonged to is gone, so the reader is brought here.
#[component]
fn Accepted(decide: Answers) -> impl IntoView {
    let line = NodeRef::<html::P>::new();
    Effect::new(move |rested: Option<bool>| {
        let rests = decide.rests();
        let Some(line) = line.get() else {
            return rests;
        };
        // What is not on the page yet takes no focus. A second click on a button that cannot be pressed takes it away.
        request_animation_frame(move || {
            let has_ended = rested == Some(true) && !rests;
            if !has_ended || is_nowhere() {
                let _ = line.focus();
            }
        });
        rests
    });
    move || {
        let answer = decide.accepted()?;
        let word = if answer.field("decision") == "approve" {
            "Approved."
        } else {
            "Rejected."
        };
        Some(view! {
            <p class="notice notice-accepted" role="status" tabindex="-1" node_ref=line>
                {word} " " <a href=format!("/runs/{}", answer.field("run_id"))>"See the run"</a>
            </p>
        })
    }
}

/// Nothing in particular has the focus: the page takes it where nothing else is under the pointer.
fn is_nowhere() -> bool {
    let active = document().active_element();
    active.is_none_or(|active| active.tag_name() == "BODY" || active.tag_name() == "MAIN")
}

#[component]
fn Card(gate: GateCard, decide: Answers) -> impl IntoView {
    view! {
        <article class="card card-waiting">
            <StepBadge status=StepStatus::WaitingForApproval />
            <h2>{gate.question.title.clone()}</h2>
            <p class="muted">
                <a href=format!("/runs/{}", gate.run_id)>{gate.workflow_name}</a>
                {format::iterations(&gate.step_id).map(|place| format!(" · {place}"))}
                " · asked " <Moment at=gate.opened_at />
                {gate.deadline.map(|deadline| view! { " · answer by " <Moment at=deadline /> })}
            </p>
            <GateForm question=gate.question run_id=gate.run_id.to_string() gate_id=gate.gate_id.to_string() plan_hash=gate.plan_hash decide />
        </article>
    }
}

#[component]
fn Doubt(doubt: DoubtCard) -> impl IntoView {
    let href = format!(
        "/runs/{}{}",
        doubt.run_id,
        Place::step(&doubt.step_id).link()
    );
    let message = doubt.message.trim_end_matches('.').to_owned();
    view! {
        <article class="card card-waiting">
            <StepBadge status=StepStatus::OutcomeUnknown />
            <h2>{doubt.step_name}</h2>
            <p class="muted">
                <a href=format!("/runs/{}", doubt.run_id)>{doubt.workflow_name}</a>
                {format::iterations(&doubt.step_id).map(|place| format!(" · {place}"))}
                {doubt.since.map(|since| view! { " · since " <Moment at=since /> })}
            </p>
            <p>"Only a person can tell what became of this: " {message} "."</p>
            <p><a class="button" href=href>"Look and answer"</a></p>
        </article>
    }
}
