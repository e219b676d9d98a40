//! Which part of a long list is on the page. Whoever leads to a step names it in the address (`?step=each.3.check`), and
//! every list on the way to it opens at the right place; `?from=100` is a page of the run's own steps. So a page of ten
//! thousand steps is as light as one of a hundred, with scripting and without.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use leptos_router::hooks::use_query_map;

use super::{Asks, Viewer};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepStatus};
use crate::engine::workflow::StepKind;

/// Steps of one body shown at once.
pub(super) const STEPS: usize = 100;

/// What the address says of the place that is looked at.
#[derive(Clone, Copy)]
pub struct Looked {
    step: Signal<Option<StepPath>>,
    from: Signal<Option<usize>>,
}

impl Looked {
    pub fn by_address() -> Self {
        let query = use_query_map();
        Self {
            step: Memo::new(move |_| query.with(|query| query.get("step")).map(StepPath::new))
                .into(),
            from: Memo::new(move |_| query.with(|query| query.get("from"))?.parse().ok()).into(),
        }
    }

    /// What has no address says itself which step is looked for.
    pub fn by_hand(step: RwSignal<Option<StepPath>>) -> Self {
        Self {
            step: step.into(),
            from: Signal::stored(None),
        }
    }
}

impl Viewer {
    /// The step in this frame that is looked for, or that holds it.
    pub(super) fn sought_in(self, frame: usize) -> Option<usize> {
        let path = self.looked.step.get()?;
        self.state.with_untracked(|state| {
            let mut step = state.find(&path)?;
            while state.steps[step].frame != frame {
                step = state.frames[state.steps[step].frame].owner?;
            }
            Some(step)
        })
    }

    /// The iteration of this map or loop that holds the step that is looked for.
    pub(super) fn sought_inside(self, owner: usize) -> Option<usize> {
        let path = self.looked.step.get()?;
        self.state.with_untracked(|state| {
            let mut frame = state.steps[state.find(&path)?].frame;
            loop {
                match state.frames[frame].owner? {
                    found if found == owner => return Some(frame),
                    further => frame = state.steps[further].frame,
                }
            }
        })
    }

    pub(super) fn has_address(self) -> bool {
        match self.asks {
            Asks::Server(_) => true,
            Asks::Rehearser(_) => false,
        }
    }
}

/// Where a list of steps begins on the page. It moves when the address does, or when somebody turns the page.
pub(super) fn first_of(viewer: Viewer, frame: usize, rows: Memo<Vec<usize>>) -> RwSignal<usize> {
    let asked = move || {
        let place = |step| rows.with_untracked(|rows| rows.iter().position(|row| *row == step));
        match viewer.sought_in(frame) {
            Some(step) => place(step),
            None if frame == 0 => viewer.looked.from.get(),
            None => None,
        }
    };
    let to_look_at = move || {
        let rows = rows.get_untracked();
        let state = viewer.state.read_untracked();
        rows.iter().position(|row| needs_somebody(&state, *row))
    };
    let begun = untrack(asked).or_else(to_look_at).unwrap_or(0);
    let last = rows.with_untracked(Vec::len).saturating_sub(1);
    let first = RwSignal::new(page(begun.min(last)));
    Effect::new(move |begun: Option<()>| {
        if let (Some(row), Some(())) = (asked(), begun) {
            let last = rows.with_untracked(Vec::len).saturating_sub(1);
            first.set(page(row.min(last)));
        }
    });
    first
}

fn page(row: usize) -> usize {
    row / STEPS * STEPS
}

/// It waits for a person, or has failed and is what the run failed of.
fn needs_somebody(state: &RunState, step: usize) -> bool {
    match state.steps[step].status {
        StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown => true,
        StepStatus::Failed => !matches!(
            state.outline.steps[state.steps[step].shape].kind,
            StepKind::Map | StepKind::Loop
        ),
        StepStatus::Pending
        | StepStatus::Queued
        | StepStatus::InProgress
        | StepStatus::Retrying
        | StepStatus::WaitingForTimer
        | StepStatus::WaitingForExternal
        | StepStatus::Completed
        | StepStatus::Skipped
        | StepStatus::Cancelled => false,
    }
}

/// Gives the focus to the row of the step that is looked for next, once it is there.
pub fn follow(viewer: Viewer) {
    Effect::new(move |begun: Option<()>| {
        if let (Some(path), Some(())) = (viewer.looked.step.get(), begun) {
            let id = format!("step-{path}");
            request_animation_frame(move || {
                let row = document().get_element_by_id(&id);
                if let Some(row) = row.and_then(|row| row.dyn_into::<HtmlElement>().ok()) {
                    row.scroll_into_view();
                    let _ = row.focus();
                }
            });
        }
    });
}

/// The address of a step on the page of its run.
pub fn link_to(path: &StepPath) -> String {
    format!("?step={path}#step-{path}")
}

/// Turns the pages of a list that is longer than one. `what` is what is counted.
#[component]
pub(super) fn Pager(
    first: RwSignal<usize>,
    page: usize,
    #[prop(into)] total: Signal<usize>,
    what: &'static str,
    /// The pages have addresses.
    #[prop(optional)]
    linked: bool,
) -> impl IntoView {
    let turn = move |word: &'static str, to: Option<usize>| {
        match (linked, to) {
        (true, Some(to)) => {
            let href = format!("?from={to}");
            view! { <a class="button button-small" href=href data-noscroll="">{word}</a> }.into_any()
        }
        (false, Some(to)) => {
            view! { <button type="button" class="button button-small" on:click=move |_| first.set(to)>{word}</button> }.into_any()
        }
        (_, None) => {
            view! { <button type="button" class="button button-small" disabled=true>{word}</button> }.into_any()
        }
    }
    };
    move || {
        let (total, from) = (total.get(), first.get());
        (total > page).then(|| {
            let until = (from + page).min(total);
            view! {
                <p class="pager">
                    {turn("Earlier", (from > 0).then(|| from.saturating_sub(page)))}
                    <span class="muted">{format!("{}–{until} of {total} {what}", from + 1)}</span>
                    {turn("Later", (until < total).then_some(from + page))}
                </p>
            }
        })
    }
}

/// Ways to what has failed and to what waits for a person, one after the other, wherever in the run they are.
#[component]
pub(super) fn Jumps(viewer: Viewer) -> impl IntoView {
    let failed = jump(viewer, "Next that failed", |state, step| {
        state.steps[step].status == StepStatus::Failed && needs_somebody(state, step)
    });
    let waiting = jump(viewer, "Next that waits for somebody", |state, step| {
        state.steps[step].status != StepStatus::Failed && needs_somebody(state, step)
    });
    viewer
        .has_address()
        .then(|| view! { <p class="jumps">{failed}{waiting}</p> })
}

fn jump(
    viewer: Viewer,
    label: &'static str,
    is_one: fn(&RunState, usize) -> bool,
) -> impl Fn() -> Option<AnyView> {
    let next = Memo::new(move |_| {
        let at = viewer.looked.step.get();
        viewer.state.with(|state| {
            let here = at.and_then(|path| state.find(&path));
            let mut found = (0..state.steps.len()).filter(|&step| is_one(state, step));
            let first = found.clone().next()?;
            let next = found.find(|&step| here.is_none_or(|here| step > here));
            let path = state.path(next.unwrap_or(first));
            let count = (0..state.steps.len())
                .filter(|&step| is_one(state, step))
                .count();
            Some((path, count))
        })
    });
    move || {
        let (path, count) = next.get()?;
        Some(
            view! { <a class="button button-small" href=link_to(&path)>{format!("{label} ({count})")}</a> }
                .into_any(),
        )
    }
}
