//! Which part of a long list is on the page. Whoever leads to a step names it in the address (`?step=each.3.check`), and
//! every list on the way to it opens at the right place; `?from=100` is a page of the run's own steps. So a page of ten
//! thousand steps is as light as one of a hundred, with scripting and without.

use leptos::prelude::*;
use std::collections::BTreeSet;

use super::Viewer;
use crate::engine::state::{RunState, StepStatus};

/// Steps of one body shown at once.
pub(super) const STEPS: usize = 100;

impl Viewer {
    /// The step in this frame that is looked for, or that holds it.
    fn sought_in(self, frame: usize) -> Option<usize> {
        let path = self.looked.step()?;
        self.state
            .with_untracked(|state| holder_in(state, state.find(&path)?, frame))
    }

    /// The iteration of this map or loop that holds the step that is looked for.
    pub(super) fn sought_inside(self, owner: usize) -> Option<usize> {
        let path = self.looked.step()?;
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
    let first = RwSignal::new(page(begun.min(last()), STEPS));
    // The address without a place is that of the page it opened with.
    let home = (frame == 0 && viewer.has_address()).then_some(home);
    Effect::new(move |begun: Option<()>| {
        let asked = asked();
        if let (Some(row), Some(())) = (asked.or(home), begun) {
            first.set(page(row.min(last()), STEPS));
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

/// The first row of the page on which this row is.
pub fn page(row: usize, size: usize) -> usize {
    row / size * size
}

/// The address of the page that begins with this row.
pub type PageLink = Callback<usize, String>;

/// Turns the pages of a list that is longer than one. `what` is what is counted.
#[component]
pub fn Pager(
    first: Signal<usize>,
    page: usize,
    #[prop(into)] total: Signal<usize>,
    what: &'static str,
    /// Where the pages have addresses.
    #[prop(optional_no_strip)]
    link: Option<PageLink>,
    /// Where they have none.
    #[prop(optional_no_strip)]
    turned: Option<RwSignal<usize>>,
) -> impl IntoView {
    let earlier = Memo::new(move |_| {
        let from = first.get();
        (from > 0).then(|| from.saturating_sub(page))
    });
    let later = Memo::new(move |_| {
        let until = first.get() + page;
        (until < total.get()).then_some(until)
    });
    // They stay where they are while pages are turned, so that the one in use keeps the focus.
    let start = Memo::new(move |_| (first.get() > page).then_some(0));
    let end = Memo::new(move |_| {
        let last = self::page(total.get().saturating_sub(1), page);
        (last > first.get() + page).then_some(last)
    });
    let turn = move |word: &'static str, to: Memo<Option<usize>>| {
        match (link, turned) {
        (Some(link), _) => view! {
            <a role="link" class="button button-small" data-noscroll="" href=move || to.get().map(|to| link.run(to)) aria-disabled=move || to.get().is_none().then_some("true") tabindex=move || to.get().is_none().then_some("-1")>{word}</a>
        }
        .into_any(),
        (None, Some(first)) => view! {
            <button type="button" class="button button-small" aria-disabled=move || to.get().is_none().then_some("true") on:click=move |_| {
                if let Some(to) = to.get_untracked() {
                    first.set(to);
                }
            }>{word}</button>
        }
        .into_any(),
        (None, None) => ().into_any(),
    }
    };
    let several = Memo::new(move |_| total.get() > page);
    let rows = move || {
        let (total, from) = (total.get(), first.get());
        format!(
            "{}–{} of {total} {what}",
            from + 1,
            (from + page).min(total)
        )
    };
    view! {
        <Show when=move || several.get()>
            <div class="pager" role="group" aria-label=format!("Pages of {what}")>
                {turn("First", start)}
                {turn("Earlier", earlier)}
                <span class="muted">{rows}</span>
                {turn("Later", later)}
                {turn("Last", end)}
            </div>
        </Show>
    }
}
