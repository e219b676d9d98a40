//! The view of a run as a list of its steps: what is inside maps and loops folded, or all steps that stand in one way.

use leptos::prelude::*;
use std::collections::BTreeMap;

use super::paging::{self, PageLink, Pager};
use super::place::Only;
use super::seeking::Jumps;
use super::step::{Stands, StepRow};
use super::{Steps, Viewer};
use crate::engine::state::RunState;
use crate::ui::later::a_moment_later;
use crate::ui::parts::{Place, apart};

/// Steps of one kind shown at once: each has all there is to say of it.
const PAGE: usize = 50;

apart!(views, FOUND: (Viewer, Only) => |(viewer, only)| view! { <div data-part=FOUND.name><Found viewer only /></div> }.into_any());

#[component]
pub fn StepsView(viewer: Viewer) -> impl IntoView {
    let only = a_moment_later(viewer.looked.only);
    let list = move || match only.get() {
        None => view! { <Steps viewer frame=0 /> }.into_any(),
        Some(only) => FOUND.show((viewer, only), Place::Beside),
    };
    view! {
        <section class="run-steps" id="steps" aria-labelledby="steps-title">
            <h2 id="steps-title" class="visually-hidden">"Steps"</h2>
            <div class="steps-tools">
                <Filter viewer />
                <Jumps viewer />
            </div>
            {list}
        </section>
    }
}

/// How many steps stand in each way, and a link to each of those lists.
#[component]
fn Filter(viewer: Viewer) -> impl IntoView {
    let counts = Memo::new(move |_| viewer.state.with(counts));
    let only = viewer.looked.only;
    let link = move |to: Option<Only>, label: String| {
        let href = move || {
            viewer.looked.link(|place| {
                place.only = to;
                (place.step, place.from) = (None, None);
            })
        };
        let current = move || (only.get() == to).then_some("page");
        view! { <li><a href=href data-noscroll="" aria-current=current>{label}</a></li> }
    };
    // A run whose steps all stand in one way has nothing to filter.
    let shown = move || {
        let counts = counts.get();
        let several = counts.len() > 1 || only.get().is_some();
        several.then(|| {
            let total: u32 = counts.values().sum();
            let all = link(None, format!("All {total}"));
            let kinds = Only::ALL.into_iter().filter_map(|kind| {
                let count = counts.get(kind.word()).copied().unwrap_or(0);
                let asked = count > 0 || only.get() == Some(kind);
                asked.then(|| link(Some(kind), format!("{} {count}", kind.title())))
            });
            let kinds: Vec<_> = kinds.collect();
            view! { <ul>{all}{kinds}</ul> }
        })
    };
    view! { <nav class="filters filters-small" aria-label="Steps by how they stand">{shown}</nav> }
}

fn counts(state: &RunState) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for step in (0..state.steps.len()).filter(|&step| is_shown(state, step)) {
        *counts
            .entry(Only::of(state.steps[step].status).word())
            .or_insert(0) += 1;
    }
    counts
}

/// What would only undo something is shown once it has begun.
pub fn is_shown(state: &RunState, step: usize) -> bool {
    let run = &state.steps[step];
    state.outline.steps[run.shape].undoes.is_none() || run.started_at.is_some()
}

/// All steps that stand in one way, from everywhere in the run.
#[component]
fn Found(viewer: Viewer, only: Only) -> impl IntoView {
    let all = Memo::new(move |_| {
        viewer.state.with(|state| {
            let stands = |step: &usize| Only::of(state.steps[*step].status) == only;
            let steps = (0..state.steps.len()).filter(|&step| is_shown(state, step));
            steps.filter(stands).collect::<Vec<_>>()
        })
    });
    let total = Signal::derive(move || all.with(Vec::len));
    let first = Signal::derive(move || {
        let from = viewer.looked.from.get().unwrap_or(0) as usize;
        let last = total.get().saturating_sub(1);
        paging::page(from.min(last), PAGE)
    });
    let rows = Memo::new(move |_| {
        all.with(|all| {
            let page = all.iter().skip(first.get()).take(PAGE);
            page.copied().collect::<Vec<_>>()
        })
    });
    let rows = a_moment_later(rows);
    let link: PageLink = Callback::new(move |from: usize| {
        let from = u32::try_from(from).ok();
        viewer
            .looked
            .link(|place| (place.step, place.from) = (None, from))
    });
    let empty = move || {
        (total.get() == 0).then(|| view! { <p class="muted">{format!("No step: {}.", only.title().to_ascii_lowercase())}</p> })
    };
    view! {
        <Pager first page=PAGE total what="steps" link=Some(link) />
        {empty}
        <ol class="steps">
            <For each=move || rows.get() key=|at| *at children=move |at| view! { <StepRow viewer at stands=Stands::Listed /> } />
        </ol>
        <Pager first page=PAGE total what="steps" link=Some(link) />
    }
}
