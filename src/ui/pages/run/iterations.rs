//! The steps of a body, and the iterations of a map or a loop. Of many iterations one page is shown at a time; those
//! that wait for somebody or have failed come first.

use leptos::prelude::*;

use super::Viewer;
use super::paging::{self, Pager};
use super::step::StepRow;
use crate::engine::state::{Frame, FrameEnd, RunState, StepStatus};
use crate::ui::components::StatusIcon;
use crate::ui::format;
use crate::ui::theme;

/// Iterations shown at once.
const PAGE: usize = 20;

/// The steps of the run itself, or of one iteration, a page of them at a time.
#[component]
pub fn Steps(viewer: Viewer, frame: usize) -> impl IntoView {
    let all = Memo::new(move |_| viewer.state.with(|state| shown_steps(state, frame)));
    let first = paging::first_of(viewer, frame, all);
    let total = Signal::derive(move || all.with(Vec::len));
    let rows = Memo::new(move |_| {
        all.with(|all| {
            let page = all.iter().skip(first.get()).take(paging::STEPS);
            page.copied().collect::<Vec<_>>()
        })
    });
    let linked = frame == 0 && viewer.has_address();
    view! {
        <Pager first page=paging::STEPS total what="steps" linked />
        <ol class="steps" class:steps-inner={frame != 0}>
            <For each=move || rows.get() key=|at| *at children=move |at| view! { <StepRow viewer at /> } />
        </ol>
        <Pager first page=paging::STEPS total what="steps" linked />
    }
    .into_any()
}

/// What would only undo something is shown once it has begun.
fn shown_steps(state: &RunState, frame: usize) -> Vec<usize> {
    let shown = |at: &usize| {
        let step = &state.steps[*at];
        state.outline.steps[step.shape].undoes.is_none() || step.started_at.is_some()
    };
    state.steps_of(frame).filter(shown).collect()
}

/// `item 4` or `round 2`, for a step inside of one.
pub fn iteration_of(state: &RunState, step: usize) -> Option<String> {
    let frame = &state.frames[state.steps[step].frame];
    let owner = frame.owner?;
    Some(title(state, owner, frame))
}

fn title(state: &RunState, owner: usize, frame: &Frame) -> String {
    let is_map = !state.steps[owner].items.is_empty();
    let word = if is_map { "item" } else { "round" };
    format!("{word} {}", frame.index + 1)
}

/// What is inside a map or a loop.
#[component]
pub fn Iterations(viewer: Viewer, owner: usize) -> impl IntoView {
    let first = RwSignal::new(0usize);
    let counts = Memo::new(move |_| {
        viewer.state.with(|state| {
            let run = &state.steps[owner];
            let total = match run.items.len() {
                0 => run.frames.len(),
                items => items,
            };
            (run.frames.len(), run.ended, run.failed, total)
        })
    });
    let ordered = move |state: &RunState| {
        let mut frames = state.steps[owner].frames.clone();
        frames.sort_by_key(|&frame| !needs_attention(state, frame));
        frames
    };
    let sought = move || {
        let frame = viewer.sought_inside(owner)?;
        let ordered = viewer.state.with_untracked(ordered);
        ordered.iter().position(|found| *found == frame)
    };
    first.set(untrack(sought).unwrap_or(0) / PAGE * PAGE);
    Effect::new(move || {
        if let Some(at) = sought() {
            first.set(at / PAGE * PAGE);
        }
    });
    let rows = Memo::new(move |_| {
        let page = viewer.state.with(ordered).into_iter();
        page.skip(first.get()).take(PAGE).collect::<Vec<_>>()
    });
    let summary = move || {
        let (_, ended, failed, total) = counts.get();
        let failed = match failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!("{ended} of {total} done{failed}")
    };
    let begun = Signal::derive(move || counts.get().0);
    view! {
        <Show when=move || { counts.get().0 > 0 }>
            <p class="muted iterations-summary">{summary}</p>
            <ol class="iterations">
                <For each=move || rows.get() key=|frame| *frame children=move |frame| view! { <Iteration viewer owner frame /> } />
            </ol>
            <Pager first page=PAGE total=begun what="begun" />
        </Show>
    }
}

/// Somebody should look at it: it has failed, or waits for a person.
fn needs_attention(state: &RunState, frame: usize) -> bool {
    matches!(state.frames[frame].end, Some(FrameEnd::Failed(_)))
        || state.steps_of(frame).any(|step| {
            matches!(
                state.steps[step].status,
                StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown
            )
        })
}

#[component]
fn Iteration(viewer: Viewer, owner: usize, frame: usize) -> impl IntoView {
    let state = viewer.state;
    let look = Memo::new(move |_| state.with(|state| look_of(state, owner, frame)));
    let title = state.with_untracked(|state| {
        let found = &state.frames[frame];
        let item = state.steps[owner].items.get(found.index as usize);
        let item = item.map(format::brief);
        (title(state, owner, found), item)
    });
    let (title, item) = (format::in_words(&title.0), title.1);
    let attention = Memo::new(move |_| {
        state.with(|state| needs_attention(state, frame) || state.steps[owner].frames.len() == 1)
    });
    // Opened where somebody has to do something; what a reader has folded or unfolded stays so until then.
    let sought = move || viewer.sought_inside(owner) == Some(frame);
    let open = RwSignal::new(attention.get_untracked() || untrack(sought));
    Effect::new(move || {
        if attention.get() {
            open.set(true);
        }
    });
    Effect::new(move || {
        if sought() {
            open.set(true);
        }
    });
    let toggled = move |event: leptos::ev::Event| {
        let details = event_target::<leptos::web_sys::Element>(&event);
        open.set(details.has_attribute("open"));
    };
    view! {
        <li class="iteration">
            <details open=move || open.get() on:toggle=toggled>
                <summary>
                    {move || view! { <StatusIcon look=look.get() /> }}
                    <span>{title}</span>
                    <span class="visually-hidden">{move || look.get().word}</span>
                    {item.map(|item| view! { <code class="muted">{item}</code> })}
                </summary>
                <Steps viewer frame />
            </details>
        </li>
    }
}

fn look_of(state: &RunState, owner: usize, frame: usize) -> theme::Look {
    match &state.frames[frame].end {
        Some(FrameEnd::Failed(_)) => theme::of_step(StepStatus::Failed),
        Some(FrameEnd::Done) => theme::of_step(StepStatus::Completed),
        None if needs_attention(state, frame) => theme::of_step(StepStatus::WaitingForApproval),
        None if state.steps[owner].status.is_terminal() => theme::of_step(StepStatus::Cancelled),
        None => theme::of_step(StepStatus::InProgress),
    }
}
