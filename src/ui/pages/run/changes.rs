//! What has become different between two moments of a run. The later one is the moment that is looked at, so the slider
//! moves it; the earlier one stands in the address too, and is the first event until somebody says otherwise.

use leptos::prelude::*;
use std::sync::Arc;

use super::Viewer;
use super::paging::{self, PageLink, Pager};
use super::place::View;
use super::reel::Reel;
use super::telling::briefly;
use crate::engine::contrast::{Row, since};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunState, StepRun};
use crate::ui::components::Moment;
use crate::ui::format;
use crate::ui::later::a_moment_later;
use crate::ui::pages::contrasted::{self, Contrasted};

/// Steps shown at once.
const PAGE: usize = 50;

/// A step that is different. The same as before for as long as nothing happens to it: what a reader has unfolded of it
/// stays as it is.
#[derive(Clone)]
struct Change {
    row: Row,
    old: Option<Arc<StepRun>>,
    new: Option<Arc<StepRun>>,
}

impl Change {
    /// Which step, and which two states of it.
    fn key(&self) -> (StepPath, usize, usize) {
        let place = |run: &Option<Arc<StepRun>>| {
            let run = run.as_ref();
            run.map_or(0, |run| Arc::as_ptr(run).addr())
        };
        (self.row.path.clone(), place(&self.old), place(&self.new))
    }
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

#[component]
pub fn ChangesView(viewer: Viewer, reel: Reel) -> impl IntoView {
    let looked = viewer.looked;
    let now = Memo::new(move |_| reel.moment().get().unwrap_or_else(|| reel.end().get()));
    // Whoever goes back beyond the earlier moment has nothing to compare.
    let then = Memo::new(move |_| looked.since.get().unwrap_or(1).clamp(1, now.get()));
    let was = Memo::new_with_compare(
        move |_| reel.with(|film| film.at(then.get())),
        // Only another moment is another state.
        move |old: Option<&RunState>, new| {
            old.map(|state| state.seq) != new.map(|state: &RunState| state.seq)
        },
    );
    let changes = Memo::new(move |_| viewer.state.with(|is| was.with(|was| different(was, is))));
    let changes = a_moment_later(changes);
    let total = Signal::derive(move || changes.with(Vec::len));
    let first = Signal::derive(move || {
        let from = looked.from.get().unwrap_or(0) as usize;
        paging::page(from.min(total.get().saturating_sub(1)), PAGE)
    });
    let shown = move || {
        changes.with(|changes| {
            let page = changes.iter().skip(first.get()).take(PAGE);
            page.cloned().collect::<Vec<_>>()
        })
    };
    let link: PageLink = Callback::new(move |from| {
        looked.link(|place| place.from = u32::try_from(from).ok().filter(|from| *from > 0))
    });
    view! {
        <Moments viewer reel then now />
        <p class="pair-told">{move || sentence(total.get(), then.get() == now.get(), reel.moment().get().is_none())}</p>
        <Pager first page=PAGE total what="steps" link=Some(link) />
        <ol class="pair-rows">
            <For each=shown key=Change::key children=move |change| row(viewer, change) />
        </ol>
    }
}

fn different(was: &RunState, is: &RunState) -> Vec<Change> {
    let rows = since(was, is).into_iter();
    let changes = rows.map(|row| Change {
        old: row.old.and_then(|at| was.steps.get(at)).cloned(),
        new: row.new.and_then(|at| is.steps.get(at)).cloned(),
        row,
    });
    changes.collect()
}

fn row(viewer: Viewer, change: Change) -> AnyView {
    let Change { row, old, new } = change;
    let path = row.path.clone();
    let href = viewer.looked.link(|place| {
        place.view = View::Steps;
        place.step = Some(path);
        (place.from, place.only) = (None, None);
    });
    contrasted::row(Contrasted {
        row,
        old,
        new,
        is_first: false,
        href: Some(href),
        alone: "The run had not come to this step then.",
    })
}

/// No status that is read out: while the run goes on it changes with each event.
fn sentence(steps: usize, is_same: bool, is_now: bool) -> String {
    if is_same {
        let what = match is_now {
            true => "What happens from now on will stand here.",
            false => "Go to a later one.",
        };
        return format!("Both are the same moment. {what}");
    }
    match u32::try_from(steps) {
        Ok(0) => "No step is different.".to_owned(),
        Ok(1) => "1 step is different.".to_owned(),
        Ok(_) | Err(_) => format!("{steps} steps are different."),
    }
}

/// Both moments, and the ways to choose the earlier one.
#[component]
fn Moments(viewer: Viewer, reel: Reel, then: Memo<u32>, now: Memo<u32>) -> impl IntoView {
    let looked = viewer.looked;
    let told = move |at: Memo<u32>| {
        move || {
            let seq = at.get();
            reel.with(|film| {
                let event = film.event(seq)?;
                let text = briefly(event, &film.newest().outline);
                Some(view! { <Moment at=event.at /> " · " {text} })
            })
        }
    };
    let took = move || {
        reel.with(|film| {
            let at = |seq| film.event(seq).map(|event| event.at);
            let (from, until) = at(then.get()).zip(at(now.get()))?;
            Some(format!(
                "{} between them",
                format::duration(until.ms_since(from))
            ))
        })
    };
    let choose = move |since: Option<u32>| {
        looked.link(|place| {
            place.since = since;
            place.from = None;
        })
    };
    // From the first event on is what one gets without asking.
    let here = move || choose(Some(now.get()).filter(|seq| *seq > 1));
    view! {
        <div class="pair-heads">
            <section class="pair-head" aria-label="Earlier">
                <p><strong>"Earlier"</strong>{move || format!(" event {}", then.get())}</p>
                <p class="muted">{told(then)}</p>
            </section>
            <section class="pair-head" aria-label="Later">
                <p><strong>"Later"</strong>{move || format!(" event {}", now.get())} " " <span class="muted">{took}</span></p>
                <p class="muted">{told(now)}</p>
            </section>
        </div>
        <p class="pair-ways">
            <a class="button button-small" data-noscroll="" href=here>"Compare from this moment on"</a>
            <a class="button button-small" data-noscroll="" href=move || choose(None)>"Compare from the start"</a>
        </p>
    }
}
