//! The log itself: what happened, in order, each event with its JSON, with what it came from and what came from it.

use leptos::prelude::*;
use leptos::web_sys::Element;
use std::sync::Arc;
use std::time::Duration;

use super::Viewer;
use super::paging::{self, PageLink, Pager};
use super::place::{Place, View};
use super::reel::Reel;
use super::telling::told;
use crate::engine::causes::Causes;
use crate::engine::event::Recorded;
use crate::engine::film::Film;
use crate::engine::ids::StepPath;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::ui::components::{Moment, is_open};
use crate::ui::format;
use crate::ui::later::{Later, once_there};

/// Events shown at once.
const PAGE: usize = 50;
/// Events looked through before the page may answer to something else.
const READ_AT_ONCE: usize = 4_000;
/// So long nothing is typed before it is searched for.
const TYPED_AFTER: Duration = Duration::from_millis(150);
/// Consequences that are linked; the rest is counted.
const CONSEQUENCES_SHOWN: usize = 12;

#[component]
pub fn EventsView(viewer: Viewer, reel: Reel) -> impl IntoView {
    let find = viewer.looked.find;
    let typed = RwSignal::new(find.get_untracked());
    Effect::new(move || typed.set(find.get()));
    let step = viewer.looked.chosen();
    // It grows with the log, so what has been looked through is kept.
    let listing = StoredValue::new(Listing::default());
    // The server, and a page that comes to life, read all of it: both draw the same.
    let at_once = StoredValue::new(usize::MAX);
    let turn = RwSignal::new(0_u32);
    let listed = Memo::new(move |_| {
        turn.track();
        let (wanted, step) = (Wanted::new(&typed.get()), step.get());
        reel.with(|film| {
            let read = listing.try_update_value(|listing| {
                listing.read(wanted, step, film, at_once.get_value());
                (listing.found.clone(), listing.read == film.log().len())
            });
            read.unwrap_or_default()
        })
    });
    let is_through = Signal::derive(move || listed.with(|(_, is_through)| *is_through));
    let listed = Memo::new(move |_| listed.with(|(found, _)| found.clone()));
    Effect::new(move || {
        at_once.set_value(READ_AT_ONCE);
        turn.track();
        if !is_through.get() {
            let go_on = move || {
                let _ = turn.try_update(|turn| *turn = turn.wrapping_add(1));
            };
            set_timeout(go_on, Duration::ZERO);
        }
    });
    let total = Signal::derive(move || listed.with(Vec::len));
    let first = Signal::derive(move || {
        let (from, at) = (viewer.looked.from.get(), viewer.looked.at.get());
        // The page that was asked for, else the one with the moment that is looked at.
        let row = match (from, at) {
            (Some(from), _) => from as usize,
            (None, Some(at)) => listed.with(|listed| listed.partition_point(|seq| *seq < at)),
            (None, None) => 0,
        };
        paging::page(row.min(total.get().saturating_sub(1)), PAGE)
    });
    let rows = Memo::new(move |_| {
        listed.with(|listed| {
            let page = listed.iter().skip(first.get()).take(PAGE);
            page.copied().collect::<Vec<_>>()
        })
    });
    let outline = reel.with(|film| Arc::clone(&film.newest().outline));
    let causes = StoredValue::new(Causes::new(outline));
    // The moment that somebody goes to is to be seen.
    Effect::new(move |before: Option<Option<u32>>| {
        let at = viewer.looked.at.get();
        if let (Some(seq), Some(_)) = (at, before) {
            once_there(format!("event-{seq}"), show_row);
        }
        at
    });
    let link: PageLink = Callback::new(move |from: usize| {
        viewer
            .looked
            .link(|place| place.from = u32::try_from(from).ok())
    });
    let none = move || {
        let text = match is_through.get() {
            true => "No event says that.",
            false => "Searching…",
        };
        (total.get() == 0).then(|| view! { <p class="muted">{text}</p> })
    };
    view! {
        <section class="events" aria-label="Events">
            <Search viewer typed />
            <Pager first page=PAGE total what="events" link=Some(link) />
            {none}
            <ol class="event-list">
                <For each=move || rows.get() key=|seq| *seq children=move |seq| view! { <Row viewer reel seq causes /> } />
            </ol>
            <Pager first page=PAGE total what="events" link=Some(link) />
        </section>
    }
}

/// Scrolls there, unless it is in sight.
fn show_row(row: &Element) {
    let (top, bottom) = (
        row.get_bounding_client_rect().top(),
        row.get_bounding_client_rect().bottom(),
    );
    let height = window()
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64());
    if top < 0.0 || height.is_some_and(|height| bottom > height) {
        row.scroll_into_view();
    }
}

/// The numbers of the events that are listed.
#[derive(Default)]
struct Listing {
    wanted: Wanted,
    step: Option<StepPath>,
    /// Events that have been looked at.
    read: usize,
    found: Vec<u32>,
}

impl Listing {
    /// Goes on through the log, over so many events at most.
    fn read(&mut self, wanted: Wanted, step: Option<StepPath>, film: &Film, at_most: usize) {
        if (&self.wanted, &self.step) != (&wanted, &step) {
            *self = Self {
                wanted,
                step,
                ..Self::default()
            };
        }
        let outline = &film.newest().outline;
        let news = film.log()[self.read..].iter().take(at_most);
        self.read += news.len();
        for event in news {
            let of_step = self.step.is_none() || event.event.step() == self.step.as_ref();
            if of_step && self.wanted.is_met(event, outline) {
                self.found.push(event.seq);
            }
        }
    }
}

/// What is searched for: all of these words.
#[derive(Default, PartialEq)]
struct Wanted(Vec<String>);

impl Wanted {
    fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    fn is_met(&self, event: &Recorded, outline: &Outline) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let step = event.event.step().map_or("", |step| step.as_str());
        let told = told(event, outline).to_lowercase();
        let kind = event.event.kind();
        let is_said =
            |word: &String| told.contains(word) || kind.contains(word) || step.contains(word);
        self.0.iter().all(is_said)
    }
}

/// Finds while it is typed; without scripting it is a form.
#[component]
fn Search(viewer: Viewer, typed: RwSignal<String>) -> impl IntoView {
    let move_to = viewer.looked.mover(true);
    let settle = StoredValue::new(move |text: String| {
        let change = move |place: &mut Place| {
            place.find = text;
            place.from = None;
        };
        move_to(Box::new(change));
    });
    let typing = Later::after(TYPED_AFTER);
    let hidden = move || {
        let place = viewer.looked.get();
        let step = place
            .step
            .map(|step| view! { <input type="hidden" name="step" value=step.to_string() /> });
        let at = place
            .at
            .map(|at| view! { <input type="hidden" name="at" value=at.to_string() /> });
        view! { {step} {at} }
    };
    let everything = move || {
        let href = move || {
            viewer
                .looked
                .link(|place| (place.step, place.from) = (None, None))
        };
        let step = viewer.looked.chosen().get()?;
        let name = viewer
            .state
            .with_untracked(|state| name_of(state, step.last()));
        Some(
            view! { <p class="events-of">"Only of " <strong>{name}</strong> " · "<a href=href data-noscroll="">"Show all events"</a></p> },
        )
    };
    view! {
        <form class="event-search" method="get" role="search" on:submit=move |event| event.prevent_default()>
            <input type="hidden" name="view" value="events" />
            {hidden}
            <label for="event-find">"Search"</label>
            <input id="event-find" type="search" name="find" prop:value=move || typed.get() value=typed.get_untracked() placeholder="a step, failed, attempt_started …"
                on:input=move |event| {
                    let text = event_target_value(&event);
                    typing.ask(move || typed.set(text));
                }
                on:change=move |event| settle.with_value(|settle| settle(event_target_value(&event))) />
            <span class="only-unscripted"><button class="button button-small">"Search"</button></span>
        </form>
        {everything}
    }
}

fn name_of(state: &RunState, id: &str) -> String {
    let at = state.outline.position(id);
    at.map_or_else(|| id.to_owned(), |at| state.outline.steps[at].name.clone())
}

#[component]
fn Row(viewer: Viewer, reel: Reel, seq: u32, causes: StoredValue<Causes>) -> impl IntoView {
    let (event, began, outline) = untrack(|| {
        reel.with(|film| {
            let began = film.newest().started_at;
            Some((
                film.event(seq)?.clone(),
                began,
                Arc::clone(&film.newest().outline),
            ))
        })
    })?;
    let Recorded {
        at, event: what, ..
    } = &event;
    let sentence = told(&event, &outline);
    let since = format!("+{}", format::duration(at.ms_since(began.unwrap_or(*at))));
    let kind = what.kind();
    let moment = Memo::new(move |_| reel.moment().get());
    // What has not happened yet at the moment that is looked at.
    let later = move || moment.get().is_some_and(|moment| seq > moment);
    let is_moment = move || (moment.get() == Some(seq)).then_some("true");
    let go = move || viewer.looked.link_at(Some(seq));
    let opened = RwSignal::new(false);
    let recorded = StoredValue::new(event.clone());
    let id = format!("event-{seq}");
    let more = move || {
        opened.get().then(|| {
            let json = recorded
                .with_value(|event| serde_json::to_string_pretty(event).unwrap_or_default());
            view! { <Threads viewer reel seq causes /><pre class="json" tabindex="0">{json}</pre> }
        })
    };
    // Without scripting all of them are there from the beginning; what is folded costs nothing to look at.
    let unscripted = move || {
        let json = recorded.with_value(|event| serde_json::to_string(event).unwrap_or_default());
        view! { <noscript><code class="event-json">{json}</code></noscript> }
    };
    let toggled = move |event| opened.set(is_open(&event));
    Some(
        view! {
            <li class="event" class:event-later=later id=id aria-current=is_moment>
                <a class="event-number" href=go data-noscroll="" title="See the run as it was then">{seq}</a>
                <span class="event-since muted" title=at.to_string()>{since}</span>
                <details on:toggle=toggled>
                    <summary><span>{sentence}</span> " " <code class="muted">{kind}</code></summary>
                    <p class="muted"><Moment at=*at /></p>
                    {more}
                    {unscripted()}
                </details>
            </li>
        }
        .into_any(),
    )
}

/// What the event came from, and what came from it.
#[component]
fn Threads(viewer: Viewer, reel: Reel, seq: u32, causes: StoredValue<Causes>) -> impl IntoView {
    let link = move |to: u32| {
        let href = move || {
            let place = Place {
                view: View::Events,
                at: Some(to),
                ..viewer.looked.get()
            };
            Place {
                from: None,
                step: None,
                find: String::new(),
                ..place
            }
            .link()
                + &format!("#event-{to}")
        };
        view! { <a href=href data-noscroll="">{to}</a> " " }
    };
    move || {
        let (cause, all) = reel.with(|film| {
            let read = causes.try_update_value(|causes| {
                causes.read(film.log());
                (
                    causes.cause(seq),
                    causes.consequences(seq).collect::<Vec<u32>>(),
                )
            });
            read.unwrap_or_default()
        });
        let cause = cause.map(|cause| view! { <p>"It came from " {link(cause)}</p> });
        let hidden = all.len().saturating_sub(CONSEQUENCES_SHOWN);
        let links: Vec<_> = all.into_iter().take(CONSEQUENCES_SHOWN).map(link).collect();
        let led = (!links.is_empty()).then(|| {
            let more = (hidden > 0).then(|| format!("and {hidden} more"));
            view! { <p>"It led to " {links} {more}</p> }
        });
        view! { <div class="event-threads">{cause}{led}</div> }
    }
}
