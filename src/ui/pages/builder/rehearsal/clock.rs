//! The clock of the rehearsal, and what is done to the run as a whole.

use leptos::prelude::*;

use super::super::editor::Editor;
use super::begin::EXAMPLE_TAKES_MS;
use crate::engine::event::EndState;
use crate::engine::rehearse::Unscripted;
use crate::engine::rehearse::case::{Act, Deed};
use crate::engine::state::RunState;
use crate::ui::components::Moment;
use crate::ui::format;
use crate::workbench::Move;

/// Who does what the author does to the run.
const AUTHOR: &str = "author";

/// A word, its plural as people read it, and how many milliseconds it is.
const UNITS: [(&str, u64); 5] = [
    ("milliseconds", 1),
    ("seconds", 1_000),
    ("minutes", 60_000),
    ("hours", 3_600_000),
    ("days", 86_400_000),
];

#[component]
pub(super) fn ClockPanel(editor: Editor) -> impl IntoView {
    let stage = editor.stage;
    let play = move |made: Move| stage.make(editor, made);
    let now = move || stage.scene.with(|scene| scene.now);
    let elapsed = move || format::duration(stage.scene.with(|scene| scene.elapsed_ms));
    let next = Memo::new(move |_| {
        stage.scene.with(|scene| {
            let next = scene.next_at_ms?;
            Some(next.saturating_sub(scene.elapsed_ms))
        })
    });
    let next_label = move || match next.get() {
        None => "Nothing is due".to_owned(),
        Some(0) => "Next, at once".to_owned(),
        Some(ms) => format!("Next, in {}", format::duration(ms)),
    };
    let nothing_due = move || next.get().is_none();
    let toggle_tools = move |answer: bool| {
        let tools = match answer {
            true => Unscripted::Example {
                after_ms: EXAMPLE_TAKES_MS,
            },
            false => Unscripted::Wait,
        };
        play(Move::Tools { tools });
    };
    view! {
        <section class="rehearsal-panel" aria-labelledby="clock-title">
            <h2 id="clock-title">"Clock"</h2>
            <p class="rehearsal-now">{move || now().map(|at| view! { <Moment at /> })} <span class="muted">{move || format!(" · {} since the start", elapsed())}</span></p>
            <div class="rehearsal-row">
                <button type="button" class="button button-small" disabled=nothing_due on:click=move |_| play(Move::Next)>{next_label}</button>
                <button type="button" class="button button-small" disabled=nothing_due on:click=move |_| play(Move::UntilAsked)>"On until somebody is asked"</button>
                <button type="button" class="button button-small" disabled=nothing_due on:click=move |_| play(Move::ToTheEnd)>"To the end"</button>
            </div>
            <JumpForm editor />
            <div class="field field-check">
                <input id="goes-on" type="checkbox" prop:checked=move || stage.goes_on.get() on:change:target=move |event| stage.goes_on.set(event.target().checked()) />
                <label for="goes-on">"Go on by itself " <span class="hint">"after each answer, until the next question."</span></label>
            </div>
            <div class="rehearsal-row">
                <button type="button" class="button button-small" on:click=move |_| toggle_tools(true)>"Let all tools answer"</button>
                <button type="button" class="button button-small" on:click=move |_| toggle_tools(false)>"Ask me again"</button>
                <button type="button" class="button button-small" disabled=move || !stage.scene.with(|scene| scene.can_take_back) on:click=move |_| play(Move::TakeBack)>"Take back"</button>
            </div>
            <Deeds editor />
        </section>
    }
}

#[component]
fn JumpForm(editor: Editor) -> impl IntoView {
    let many = RwSignal::new("1".to_owned());
    let unit = RwSignal::new(3_600_000u64);
    let ms = move || {
        let many = many.get().trim().parse::<u64>().ok();
        many.and_then(|many| many.checked_mul(unit.get()))
    };
    let jump = move |_| {
        if let Some(ms) = untrack(ms) {
            editor.stage.make(editor, Move::JumpBy { ms });
        }
    };
    let options: Vec<_> = UNITS
        .into_iter()
        .map(|(word, ms)| view! { <option value=ms.to_string() selected={ms == 3_600_000}>{word}</option> })
        .collect();
    view! {
        <div class="rehearsal-row">
            <label for="jump-many">"Jump by"</label>
            <input id="jump-many" class="rehearsal-number" inputmode="numeric" prop:value=move || many.get() on:input:target=move |event| many.set(event.target().value()) />
            <select aria-label="Unit of the jump" on:change:target=move |event| unit.set(event.target().value().parse().unwrap_or(1))>{options}</select>
            <button type="button" class="button button-small" disabled=move || ms().is_none() on:click=jump>"Jump"</button>
        </div>
    }
}

/// What can be done to the run as it stands.
#[component]
fn Deeds(editor: Editor) -> impl IntoView {
    let stage = editor.stage;
    let offers = move || {
        let play = stage.play.get()?;
        Some(play.state.with(offers))
    };
    let buttons = move || {
        let made = offers().into_iter().flatten().map(|(deed, label)| {
            let does = move |_| {
                let is_crash = deed == Deed::Crash;
                let act = Act {
                    by: if is_crash { "" } else { AUTHOR }.to_owned(),
                    deed: deed.clone(),
                    comment: String::new(),
                    after_ms: 0,
                };
                stage.make(editor, Move::Act(act));
            };
            view! { <button type="button" class="button button-small" on:click=does>{label}</button> }
        });
        made.collect::<Vec<_>>()
    };
    view! { <div class="rehearsal-row">{buttons}</div> }
}

fn offers(state: &RunState) -> Vec<(Deed, &'static str)> {
    let crash = (Deed::Crash, "Crash and start again");
    match (&state.end, &state.cancelling, &state.paused) {
        (Some(end), _, _) => {
            let retry = end.state == EndState::Failed && state.compensating.is_none();
            let retry = retry.then_some((Deed::Retry, "Retry what failed"));
            retry.into_iter().collect()
        }
        (None, Some(_), _) => vec![crash],
        (None, None, Some(_)) => vec![crash, (Deed::Resume, "Resume"), (Deed::Cancel, "Cancel")],
        (None, None, None) => vec![crash, (Deed::Pause, "Pause"), (Deed::Cancel, "Cancel")],
    }
}
