//! The steps of a body, and the iterations of a map or a loop. Of many iterations one page is shown at a time; it opens
//! with the first that waits for somebody or has failed.

use leptos::prelude::*;

use super::Viewer;
use super::list::is_shown;
use super::paging::{self, PageLink, Pager};
use super::step::{Stands, StepRow};
use crate::engine::state::{Frame, FrameEnd, RunState, StepStatus};
use crate::ui::components::{StatusIcon, is_open};
use crate::ui::format;
use crate::ui::later::a_moment_later;
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
    let rows = a_moment_later(rows);
    // A page of the run's own steps has a number; one of an iteration is where its first step is.
    let link: Option<PageLink> = viewer.has_address().then(|| {
        Callback::new(move |from: usize| match frame {
            0 => {
                let from = u32::try_from(from).ok();
                viewer
                    .looked
                    .link(|place| (place.step, place.from) = (None, from))
            }
            _ => link_to(viewer, all.with(|all| all.get(from).copied())),
        })
    });
    let turned = link.is_none().then_some(first);
    let pager = move || view! { <Pager first=first.into() page=paging::STEPS total what="steps" link turned /> };
    view! {
        {pager()}
        <ol class="steps" class:steps-inner={frame != 0}>
            <For each=move || rows.get() key=|at| *at children=move |at| view! { <StepRow viewer at stands=Stands::InPlace /> } />
        </ol>
        {pager()}
    }
    .into_any()
}

fn link_to(viewer: Viewer, step: Option<usize>) -> String {
    let path = viewer.state.with(|state| {
        let step = step.filter(|step| *step < state.steps.len())?;
        Some(state.path(step))
    });
    path.map_or(String::new(), |path| viewer.looked.link_to(&path))
}

/// Nothing of an iteration that has not begun at the moment that is looked at.
fn shown_steps(state: &RunState, frame: usize) -> Vec<usize> {
    if frame >= state.frames.len() {
        return Vec::new();
    }
    let steps = state.steps_of(frame);
    steps.filter(|&step| is_shown(state, step)).collect()
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
    let counts = Memo::new(move |_| {
        viewer.state.with(|state| {
            let Some(run) = state.steps.get(owner) else {
                return (0, 0, 0, 0);
            };
            let total = match run.items.len() {
                0 => run.frames.len(),
                items => items,
            };
            (run.frames.len(), run.ended, run.failed, total)
        })
    });
    let frames = Memo::new(move |_| {
        let begun = |state: &RunState| state.steps.get(owner).map(|run| run.frames.clone());
        viewer.state.with(begun).unwrap_or_default()
    });
    let sought = move || {
        let frame = viewer.sought_inside(owner)?;
        frames.with_untracked(|frames| frames.iter().position(|found| *found == frame))
    };
    // In their own order, so that nothing moves under the hand of who answers one.
    let in_need = || {
        let state = viewer.state.read_untracked();
        let needs = |frame: &usize| needs_attention(&state, *frame);
        frames.with_untracked(|frames| frames.iter().position(needs))
    };
    let begun = untrack(sought).or_else(in_need).unwrap_or(0);
    let first = RwSignal::new(paging::page(begun, PAGE));
    Effect::new(move || {
        if let Some(at) = sought() {
            first.set(paging::page(at, PAGE));
        }
    });
    let rows = Memo::new(move |_| {
        frames.with(|frames| {
            let page = frames.iter().skip(first.get()).take(PAGE);
            page.copied().collect::<Vec<_>>()
        })
    });
    let rows = a_moment_later(rows);
    let link: Option<PageLink> = viewer.has_address().then(|| {
        Callback::new(move |from: usize| {
            let step = viewer.state.with(|state| {
                let frame = frames.with(|frames| frames.get(from).copied())?;
                state.steps_of(frame).next()
            });
            link_to(viewer, step)
        })
    });
    let turned = link.is_none().then_some(first);
    let summary = move || {
        let (_, ended, failed, total) = counts.get();
        let failed = match failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!("{ended} of {total} done{failed}")
    };
    let begun = Signal::derive(move || counts.get().0);
    let has_begun = a_moment_later(Memo::new(move |_| counts.get().0 > 0));
    view! {
        <Show when=move || has_begun.get()>
            <p class="muted iterations-summary">{summary}</p>
            <ol class="iterations">
                <For each=move || rows.get() key=|frame| *frame children=move |frame| view! { <Iteration viewer owner frame /> } />
            </ol>
            <Pager first=first.into() page=PAGE total=begun what="begun" link turned />
        </Show>
    }
}

/// Somebody should look at it: it has failed, or waits for a person.
fn needs_attention(state: &RunState, frame: usize) -> bool {
    if frame >= state.frames.len() {
        return false;
    }
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
        state.with(|state| {
            let is_only = || {
                state
                    .steps
                    .get(owner)
                    .is_some_and(|run| run.frames.len() == 1)
            };
            needs_attention(state, frame) || is_only()
        })
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
    let toggled = move |event| open.set(is_open(&event));
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
    let Some(found) = state.frames.get(frame) else {
        return theme::of_step(StepStatus::Pending);
    };
    match &found.end {
        Some(FrameEnd::Failed(_)) => theme::of_step(StepStatus::Failed),
        Some(FrameEnd::Done) => theme::of_step(StepStatus::Completed),
        None if needs_attention(state, frame) => theme::of_step(StepStatus::WaitingForApproval),
        None if state.steps[owner].status.is_terminal() => theme::of_step(StepStatus::Cancelled),
        None => theme::of_step(StepStatus::InProgress),
    }
}
