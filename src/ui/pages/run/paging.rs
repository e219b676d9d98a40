//! Which part of a long list is on the page. Whoever leads to a step names it in the address (`?step=each.3.check`), and
//! every list on the way to it opens at the right place; `?from=100` is a page of the run's own steps. So a page of ten
//! thousand steps is as light as one of a hundred, with scripting and without.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use leptos_router::hooks::use_query_map;
use std::collections::BTreeSet;

use super::iterations::iteration_of;
use super::{Asks, Viewer};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepStatus};
use crate::ui::components::StatusIcon;
use crate::ui::theme;

/// Of what waits for a person so much is named at the top; the way to the rest is above the steps.
const WAITING_SHOWN: usize = 5;

/// Steps of one body shown at once.
pub(super) const STEPS: usize = 100;

/// What the address says of the place that is looked at.
#[derive(Clone, Copy)]
pub struct Looked {
    step: Signal<Option<StepPath>>,
    /// As wide as it is read everywhere: the browser's `usize` is not the server's.
    from: Signal<Option<u32>>,
}

impl Looked {
    pub fn by_address() -> Self {
        let query = use_query_map();
        Self {
            step: Memo::new(move |_| query.with(|query| query.get("step")).map(StepPath::new))
                .into(),
            from: Memo::new(move |_| query.with(|query| query.get("from"))?.parse::<u32>().ok())
                .into(),
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
        self.state
            .with_untracked(|state| holder_in(state, state.find(&path)?, frame))
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
            None if frame == 0 => viewer.looked.from.get().map(|from| from as usize),
            None => None,
        }
    };
    let last = move || rows.with_untracked(Vec::len).saturating_sub(1);
    let home = rows.with_untracked(|rows| {
        let state = viewer.state.read_untracked();
        to_look_at(&state, frame, rows).unwrap_or(0)
    });
    let begun = untrack(asked).unwrap_or(home);
    let first = RwSignal::new(page(begun.min(last())));
    // The address without a place is that of the page it opened with.
    let home = (frame == 0 && viewer.has_address()).then_some(home);
    Effect::new(move |begun: Option<()>| {
        let asked = asked();
        if let (Some(row), Some(())) = (asked.or(home), begun) {
            first.set(page(row.min(last())));
        }
    });
    first
}

/// Among these steps of a frame the first that waits for a person, itself or inside; else the first that has failed.
fn to_look_at(state: &RunState, frame: usize, rows: &[usize]) -> Option<usize> {
    let within = |step| holder_in(state, step, frame);
    let waiting: BTreeSet<usize> = state.waiting_for_people().filter_map(within).collect();
    let waits = rows.iter().position(|row| waiting.contains(row));
    waits.or_else(|| {
        let failed = |row: &usize| state.steps[*row].status == StepStatus::Failed;
        rows.iter().position(failed)
    })
}

/// The step in this frame that is this step, or holds it.
fn holder_in(state: &RunState, mut step: usize, frame: usize) -> Option<usize> {
    while state.steps[step].frame != frame {
        step = state.frames[state.steps[step].frame].owner?;
    }
    Some(step)
}

fn page(row: usize) -> usize {
    row / STEPS * STEPS
}

/// It has failed, and no step inside has failed before it.
fn has_failed(state: &RunState, step: usize) -> bool {
    let failed = |step: usize| state.steps[step].status == StepStatus::Failed;
    let mut inside = state.steps[step]
        .frames
        .iter()
        .flat_map(|&frame| state.steps_of(frame));
    failed(step) && !inside.any(failed)
}

fn waits_for_somebody(state: &RunState, step: usize) -> bool {
    matches!(
        state.steps[step].status,
        StepStatus::WaitingForApproval | StepStatus::OutcomeUnknown
    )
}

/// Gives the focus to the row of the step that is looked for, once it is there.
pub fn follow(viewer: Viewer) {
    Effect::new(move || {
        if let Some(path) = viewer.looked.step.get() {
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

/// The way to what waits for a person, which may be far down the page.
#[component]
pub(super) fn WaitingHere(viewer: Viewer) -> impl IntoView {
    let steps = Memo::new(move |_| {
        viewer.state.with(|state| {
            let waiting = state.waiting_for_people();
            let shown = waiting.take(WAITING_SHOWN);
            shown
                .map(|at| {
                    let name = match iteration_of(state, at) {
                        Some(which) => format!("{} ({which})", state.name(at)),
                        None => state.name(at).to_owned(),
                    };
                    (state.path(at), name, state.steps[at].status)
                })
                .collect::<Vec<_>>()
        })
    });
    let more = Memo::new(move |_| {
        let waiting = |state: &RunState| state.waiting_for_people().count();
        viewer.state.with(waiting).saturating_sub(WAITING_SHOWN)
    });
    move || {
        let rows: Vec<_> = steps
            .get()
            .into_iter()
            .map(|(id, name, status)| {
                view! {
                    <a class="waiting-row" href=link_to(&id)>
                        <StatusIcon look=theme::of_step(status) />
                        <span class="waiting-title">{name}</span>
                        <span>"Look and answer"</span>
                    </a>
                }
            })
            .collect();
        let more = (more.get() > 0).then(|| {
            view! { <p class="muted">{format!("And {} more.", more.get())}</p> }
        });
        (!rows.is_empty()).then(|| view! { <div class="waiting-for-you">{rows}{more}</div> })
    }
}

/// Ways to what has failed and to what waits for a person, one after the other, wherever in the run they are.
#[component]
pub(super) fn Jumps(viewer: Viewer) -> impl IntoView {
    let failed = jump(viewer, "Next that failed", has_failed);
    let waiting = jump(viewer, "Next that waits for somebody", waits_for_somebody);
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
