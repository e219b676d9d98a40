//! What starts the workflow by itself. Schedules are set here; webhooks and ends of runs are set through the API and
//! shown. The forms are plain posts.

use leptos::prelude::*;

use crate::engine::event::EndState;
use crate::engine::trigger::{Missed, Overlap, Schedule, Source};
use crate::rpc::triggers::{ActOnTrigger, AddSchedule, TriggerCard, TriggersView, triggers};
use crate::ui::asking::{Answers, Asking, Refusal};
use crate::ui::components::Moment;

#[component]
pub fn TriggersSection(slug: String) -> impl IntoView {
    let add = Answers::of::<AddSchedule>("slug");
    let act = Answers::of::<ActOnTrigger>("trigger_id");
    let view = Resource::new(
        move || (add.count(), act.count()),
        move |_| triggers(slug.clone()),
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                // That there is no such workflow, the page has said already.
                view.await.ok().map(|view| show(view, add, act))
            })}
        </Transition>
    }
}

fn show(view: TriggersView, add: Answers, act: Answers) -> impl IntoView {
    let refused = Signal::derive(move || act.refusal());
    let empty = view.items.is_empty();
    let items: Vec<_> = view
        .items
        .into_iter()
        .map(|card| view! { <li><TriggerRow card act /></li> })
        .collect();
    view! {
        <section class="triggers" aria-labelledby="triggers-title">
            <h2 id="triggers-title">"Starts by itself"</h2>
            <Refusal error=refused />
            {if empty {
                view! { <p class="muted">"Nothing starts it by itself yet."</p> }.into_any()
            } else {
                view! { <ul class="trigger-list">{items}</ul> }.into_any()
            }}
            <AddScheduleForm slug=view.slug add />
        </section>
    }
}

#[component]
fn TriggerRow(card: TriggerCard, act: Answers) -> impl IntoView {
    let (word, label) = if card.enabled {
        ("switch_off", "Switch off")
    } else {
        ("switch_on", "Switch on")
    };
    let state = if card.enabled { "On" } else { "Off" };
    let tried = matches!(card.source, Source::Schedule(_));
    view! {
        <article class="trigger" class:trigger-off=!card.enabled>
            <p class="trigger-name"><strong>{card.name.clone()}</strong> " " <span class="tag">{state}</span></p>
            <p class="trigger-when">{when(&card)}</p>
            <p class="muted">
                {card.next_at.map(|at| view! { "Next " <Moment at /> ". " })}
                {card.queued.map(|at| view! { "The run of " <Moment at /> " waits for the last one to end. " })}
                {card.last_run.map(|run| view! { <a href=format!("/runs/{run}")>"Last run"</a> })}
                {card.fired_at.map(|at| view! { " " <Moment at /> "." })}
            </p>
            {card.error.map(|error| view! { <p class="notice notice-failed">"The last time nothing was started: " {error}</p> })}
            <Asking answers=act class="trigger-acts">
                <input type="hidden" name="trigger_id" value=card.id.to_string() />
                <button class="button button-small" name="act" value=word disabled=move || act.busy()>{label}</button>
                {tried.then(|| view! { <button class="button button-small" name="act" value="fire" disabled=move || act.busy()>"Start one now"</button> })}
                <button class="button button-small" name="act" value="delete" disabled=move || act.busy() aria-label=format!("Delete {}", card.name)>"Delete"</button>
            </Asking>
        </article>
    }
}

/// What it waits for, in words.
fn when(card: &TriggerCard) -> AnyView {
    match &card.source {
        Source::Schedule(schedule) => {
            let policies = policies(schedule);
            view! { <code>{schedule.cron.clone()}</code> " in " {schedule.zone.clone()} ". " <span class="muted">{policies}</span> }
                .into_any()
        }
        Source::Webhook(_) => {
            let path = format!("/hooks/{}", card.id);
            view! { "A signed message to " <code>{path}</code> }.into_any()
        }
        Source::RunFinished(finished) => {
            let states: Vec<&str> = finished.states.iter().copied().map(state_word).collect();
            let name = card
                .after
                .clone()
                .unwrap_or_else(|| "another workflow".to_owned());
            view! { {format!("When a run of {name} has {}", states.join(" or "))} }.into_any()
        }
    }
}

fn state_word(state: EndState) -> &'static str {
    match state {
        EndState::Completed => "completed",
        EndState::Failed => "failed",
        EndState::Cancelled => "been cancelled",
    }
}

fn policies(schedule: &Schedule) -> String {
    let missed = match schedule.missed {
        Missed::Skip => "Missed times are left out",
        Missed::Latest => "One run for all missed times",
        Missed::All => "One run for each missed time",
    };
    let overlap = match schedule.overlap {
        Overlap::Allow => "runs may overlap",
        Overlap::Skip => "none begins while one runs",
        Overlap::Queue => "one waits while one runs",
    };
    format!("{missed}; {overlap}.")
}

#[component]
fn AddScheduleForm(slug: String, add: Answers) -> impl IntoView {
    let refusal = Signal::derive(move || add.refusal());
    // What was refused is said where it was typed.
    let open = add.refused();
    view! {
        <details class="trigger-add" open=move || open.get()>
            <summary class="button button-small">"Add a schedule…"</summary>
            <Asking answers=add class="form">
                <input type="hidden" name="slug" value=slug />
                <Refusal error=refusal />
                <div class="field">
                    <label for="trigger-name">"Name"</label>
                    <input id="trigger-name" name="name" required maxlength="200" />
                </div>
                <div class="field">
                    <label for="trigger-cron">"When"</label>
                    <input id="trigger-cron" name="cron" required value="0 6 * * 1-5" aria-describedby="trigger-cron-hint" />
                    <p class="hint" id="trigger-cron-hint">"Minute, hour, day, month, weekday; here 6:00 from Monday to Friday. Seconds may stand in front."</p>
                </div>
                <div class="field">
                    <label for="trigger-zone">"Time zone"</label>
                    <input id="trigger-zone" name="zone" required value="UTC" aria-describedby="trigger-zone-hint" />
                    <p class="hint" id="trigger-zone-hint">"Such as Europe/Berlin."</p>
                </div>
                <div class="field">
                    <label for="trigger-missed">"Times missed while the server was away"</label>
                    <select id="trigger-missed" name="missed">
                        <option value="latest">"One run for all of them"</option>
                        <option value="skip">"Leave them out"</option>
                        <option value="all">"A run for each, at most 100"</option>
                    </select>
                </div>
                <div class="field">
                    <label for="trigger-overlap">"While the last run has not ended"</label>
                    <select id="trigger-overlap" name="overlap">
                        <option value="skip">"Start none"</option>
                        <option value="queue">"Start one when it has"</option>
                        <option value="allow">"Start another beside it"</option>
                    </select>
                </div>
                <div class="field">
                    <label for="trigger-input">"Input, as JSON"</label>
                    <textarea id="trigger-input" name="input" rows="4">"{}"</textarea>
                </div>
                <button class="button button-primary" disabled=move || add.busy()>"Add the schedule"</button>
            </Asking>
        </details>
    }
}
