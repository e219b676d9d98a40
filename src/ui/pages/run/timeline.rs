//! The view of a run along time: for each step when it ran, waited and was tried again, and which of them the end of the
//! run waited for.

use leptos::prelude::*;
use std::collections::BTreeSet;

use super::Viewer;
use super::list::is_shown;
use super::paging::{self, PageLink, Pager};
use super::seeking::ToStep;
use super::views::Chosen;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::engine::timeline::{Span, Spent, critical_path, spans};
use crate::ui::components::StatusIcon;
use crate::ui::format;
use crate::ui::later::a_moment_later;
use crate::ui::theme;

/// Steps shown at once.
const PAGE: usize = 100;
/// How many times as wide as the page it can be drawn.
const ZOOMS: [u32; 6] = [1, 2, 5, 10, 25, 100];
/// Lines across it for each width of the page.
const TICKS: u32 = 4;

#[component]
pub fn TimelineView(viewer: Viewer) -> impl IntoView {
    let all = Memo::new(move |_| {
        whole(viewer, |state| {
            let steps = state.in_order().into_iter();
            steps
                .filter(|&step| is_shown(state, step))
                .collect::<Vec<_>>()
        })
    });
    let total = Signal::derive(move || all.with(Vec::len));
    let first = Signal::derive(move || {
        let (from, step) = (viewer.looked.from.get(), viewer.looked.chosen().get());
        let sought = || {
            let at = untrack(|| whole(viewer, |state| state.find(&step?)))?;
            all.with(|all| all.iter().position(|row| *row == at))
        };
        let row = from.map(|from| from as usize).or_else(sought).unwrap_or(0);
        paging::page(row.min(total.get().saturating_sub(1)), PAGE)
    });
    let rows = Memo::new(move |_| {
        all.with(|all| {
            let page = all.iter().skip(first.get()).take(PAGE);
            page.copied().collect::<Vec<_>>()
        })
    });
    let rows = a_moment_later(rows);
    let extent = Memo::new(move |_| match viewer.reel {
        Some(reel) => reel.with(|film| {
            let last = film.log().last().map(|event| event.at).unwrap_or_default();
            // The browser's clock may be behind what it has heard of.
            let now = match viewer.moment() {
                None => viewer.now.get().max(last),
                Some(_) => last,
            };
            Extent::of(film.newest(), now)
        }),
        None => {
            let now = viewer.now.get();
            viewer.state.with(|state| Extent::of(state, now))
        }
    });
    let critical = Memo::new(move |_| viewer.state.with(critical_path));
    let zoom = RwSignal::new(ZOOMS[0]);
    let link: PageLink = Callback::new(move |from: usize| {
        viewer
            .looked
            .link(|place| place.from = u32::try_from(from).ok())
    });
    let options: Vec<_> = ZOOMS
        .into_iter()
        .map(|times| view! { <option value=times.to_string()>{format!("{times} ×")}</option> })
        .collect();
    view! {
        <section class="timeline" aria-label="Timeline">
            <div class="timeline-tools">
                <Legend />
                <label class="only-scripted">"Width "
                    <select on:change=move |event| {
                        if let Ok(times) = event_target_value(&event).parse() {
                            zoom.set(times);
                        }
                    }>{options}</select>
                </label>
            </div>
            <Pager first page=PAGE total what="steps" link=Some(link) />
            <div class="timeline-frame" tabindex="0" role="group" aria-label="Steps along time" data-zoom=move || zoom.get().to_string()>
                <Axis extent zoom />
                <ol class="timeline-rows">
                    <For each=move || rows.get() key=|at| *at children=move |at| view! { <Row viewer at extent critical /> } />
                </ol>
            </div>
            <Pager first page=PAGE total what="steps" link=Some(link) />
            <Chosen viewer hint="Choose a step to see what it did." />
        </section>
    }
}

/// Reads the run as it is, at whichever moment one looks at it: bars grow in rows and along an axis that stay.
fn whole<T>(viewer: Viewer, read: impl FnOnce(&RunState) -> T) -> T {
    match viewer.reel {
        Some(reel) => reel.with(|film| read(film.newest())),
        None => viewer.state.with(read),
    }
}

/// From when to when the picture reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    from: Timestamp,
    until: Timestamp,
}

impl Extent {
    fn of(state: &RunState, now: Timestamp) -> Self {
        let from = state.started_at.unwrap_or(now);
        let until = state.finished_at.unwrap_or(now);
        Self {
            from,
            until: until.max(from.plus_ms(1)),
        }
    }

    fn ms(self) -> u64 {
        self.until.ms_since(self.from).max(1)
    }

    /// Where a moment is, in percent of the width.
    fn percent(self, at: Timestamp) -> f64 {
        let whole = (self.until.as_micros() - self.from.as_micros()).max(1) as f64;
        let part = (at.as_micros() - self.from.as_micros()) as f64;
        (part / whole * 100.0).clamp(0.0, 100.0)
    }
}

#[component]
fn Axis(extent: Memo<Extent>, zoom: RwSignal<u32>) -> impl IntoView {
    let ticks = move || {
        let count = TICKS * zoom.get();
        // What was decided in one go is over in less than a tick: the others would say the same.
        let is_instant = extent.get().ms() < u64::from(count);
        let shown = if is_instant { 1 } else { count };
        let ticks = (0..shown).map(|tick| {
            let ms = extent.get().ms() * u64::from(tick) / u64::from(count);
            let x = f64::from(tick) * 100.0 / f64::from(count);
            view! { <text x=format!("{x:.3}%") y="12" dx="3">{format::duration(ms)}</text><line x1=format!("{x:.3}%") x2=format!("{x:.3}%") y1="0" y2="18" /> }
        });
        ticks.collect::<Vec<_>>()
    };
    view! {
        <div class="timeline-row timeline-axis" aria-hidden="true">
            <span class="timeline-name"></span>
            <svg class="timeline-track" height="18">{ticks}</svg>
        </div>
    }
}

#[component]
fn Row(
    viewer: Viewer,
    at: usize,
    extent: Memo<Extent>,
    critical: Memo<BTreeSet<usize>>,
) -> impl IntoView {
    let name_of = |state: &RunState| {
        let path = state.path(at);
        let depth = path
            .as_str()
            .split('.')
            .filter(|word| word.parse::<u32>().is_ok())
            .count();
        (
            state.name(at).to_owned(),
            format::iterations(&path),
            path,
            depth,
        )
    };
    let (name, inside, path, depth) = untrack(|| whole(viewer, name_of));
    let spans = Memo::new(move |_| {
        viewer.state.with(|state| match state.steps.get(at) {
            Some(_) => spans(state, at),
            None => Vec::new(),
        })
    });
    let look = Memo::new(move |_| {
        let status = viewer
            .state
            .with(|state| state.steps.get(at).map(|step| step.status));
        theme::of_step(status.unwrap_or_default())
    });
    let is_critical = Memo::new(move |_| critical.with(|path| path.contains(&at)));
    let chosen = path.clone();
    let is_chosen = move || {
        let step = viewer
            .looked
            .chosen()
            .with(|step| step.as_ref() == Some(&chosen));
        step.then_some("true")
    };
    // What goes on reaches to the moment that is looked at.
    let spans = Memo::new(move |_| {
        let mut spans = spans.get();
        for span in spans.iter_mut().filter(|span| span.until.is_none()) {
            span.until = Some(viewer.now.get().min(extent.get().until));
        }
        spans
    });
    let bars = move || {
        let extent = extent.get();
        spans.with(|spans| {
            let bars = spans.iter().map(|span| bar(span, extent));
            bars.collect::<Vec<_>>()
        })
    };
    let words = move || {
        let told: Vec<String> = spans.with(|spans| spans.iter().map(said).collect());
        match told.is_empty() {
            true => look.get().word.to_owned(),
            false => format!("{}: {}", look.get().word, told.join(", ")),
        }
    };
    view! {
        <li class="timeline-row" class:timeline-critical=move || is_critical.get() aria-current=is_chosen>
            <span class="timeline-name" data-depth=depth.min(4).to_string()>
                {move || view! { <StatusIcon look=look.get() /> }}
                <ToStep looked=viewer.looked path=path class="timeline-link">
                    {name}
                    <span class="visually-hidden">": " {words} {move || is_critical.get().then_some(". The end of the run waited for it.")}</span>
                </ToStep>
                {inside.map(|inside| view! { <span class="muted timeline-inside">{inside}</span> })}
            </span>
            <svg class="timeline-track" height="20" aria-hidden="true">{bars}</svg>
        </li>
    }
}

fn bar(span: &Span, extent: Extent) -> impl IntoView + use<> {
    let from = extent.percent(span.from);
    let until = extent.percent(span.until.unwrap_or(extent.until));
    // What takes next to no time is still to be seen.
    let width = (until - from).max(0.2);
    let failed = if span.failed { " span-failed" } else { "" };
    let class = format!("span span-{}{failed}", class_of(span.spent));
    let thin = matches!(span.spent, Spent::Queued | Spent::Retrying);
    let (y, height) = if thin { ("8", "4") } else { ("3", "14") };
    view! { <rect class=class x=format!("{from:.3}%") width=format!("{width:.3}%") y=y height=height rx="2"><title>{said(span)}</title></rect> }
}

fn class_of(spent: Spent) -> &'static str {
    match spent {
        Spent::Queued => "queued",
        Spent::Running => "running",
        Spent::Retrying => "retrying",
        Spent::ForPerson => "person",
        Spent::ForTimer => "timer",
        Spent::ForOutside => "outside",
    }
}

fn word_of(spent: Spent) -> &'static str {
    match spent {
        Spent::Queued => "queued",
        Spent::Running => "ran",
        Spent::Retrying => "before the next try",
        Spent::ForPerson => "waited for somebody",
        Spent::ForTimer => "waited for its time",
        Spent::ForOutside => "waited for a report",
    }
}

/// `attempt 2 ran 1.3 s, and failed`
fn said(span: &Span) -> String {
    let ms = span.until.unwrap_or(span.from).ms_since(span.from);
    let attempt = span
        .attempt
        .filter(|_| span.spent != Spent::Retrying)
        .map_or(String::new(), |number| format!("attempt {number} "));
    let failed = if span.failed { " and failed" } else { "" };
    format!(
        "{attempt}{} {}{failed}",
        word_of(span.spent),
        format::duration(ms)
    )
}

/// What the colours and shapes mean.
#[component]
fn Legend() -> impl IntoView {
    let kinds = [
        (Spent::Running, "Running"),
        (Spent::ForPerson, "Waiting for somebody"),
        (Spent::ForTimer, "Waiting for its time"),
        (Spent::ForOutside, "Waiting for a report"),
        (Spent::Retrying, "Before the next try"),
        (Spent::Queued, "Queued"),
    ];
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(spent, word)| {
            let thin = matches!(spent, Spent::Queued | Spent::Retrying);
            let (y, height) = if thin { ("6", "4") } else { ("2", "12") };
            view! {
                <li><svg width="18" height="16" aria-hidden="true"><rect class=format!("span span-{}", class_of(spent)) width="18" y=y height=height rx="2" /></svg>{word}</li>
            }
        })
        .collect();
    view! {
        <ul class="timeline-legend">{kinds}<li><span class="timeline-critical-mark" aria-hidden="true">"◆"</span>"The end waited for it"</li></ul>
    }
}
