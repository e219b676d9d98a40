//! Going back in time: a slider over the events of a run. What it shows is folded here, from the log that is here.

use leptos::prelude::*;
use std::time::Duration;

use super::place::Place;
use super::reel::Reel;
use super::telling::briefly;
use super::{Asks, Viewer};
use crate::ui::components::Moment;
use crate::ui::later::Later;

/// Between two steps of a film that plays.
const FRAME: Duration = Duration::from_millis(100);
/// Events a second, at which it can be played. At least one each frame is shown where there are more than ten.
const SPEEDS: [u32; 4] = [2, 10, 100, 1_000];

/// So long somebody stays at a moment before it is in the address.
const SETTLES_AFTER: Duration = Duration::from_millis(300);

#[component]
pub fn Scrubber(viewer: Viewer, reel: Reel) -> impl IntoView {
    let move_to = viewer.looked.mover(true);
    // In the address too, once somebody stays there: browsers do not let it be changed at each key of many.
    let settling = Later::after(SETTLES_AFTER);
    let settle = move |moment: Option<u32>| {
        let move_to = move_to.clone();
        let change = move |place: &mut Place| place.turn(moment);
        settling.ask(move || move_to(Box::new(change)));
    };
    let settle = StoredValue::new(settle);
    let stay = move |moment: Option<u32>| {
        reel.go(moment);
        let moment = reel.moment().get_untracked();
        settle.with_value(|settle| settle(moment));
    };
    let film = Playing::new(reel);
    let place = Memo::new(move |_| reel.moment().get().unwrap_or_else(|| reel.end().get()));
    let link = move |to: Option<u32>| viewer.looked.link_at(to);
    let step = move |label: &'static str,
                     sign: &'static str,
                     to: Signal<Option<u32>>,
                     here: Signal<bool>| {
        view! {
            <a role="link" class="button button-small" href=move || (!here.get()).then(|| link(to.get()))
                aria-label=label title=label aria-disabled=move || here.get().then_some("true") tabindex=move || here.get().then_some("-1")
                on:click=move |event| {
                    if is_elsewhere(&event) {
                        return;
                    }
                    event.prevent_default();
                    film.stop();
                    if !here.get_untracked() {
                        stay(to.get_untracked());
                    }
                }><Sign path=Signal::stored(sign) /></a>
        }
    };
    let at_first = Signal::derive(move || place.get() <= 1);
    let at_now = Signal::derive(move || reel.moment().get().is_none());
    let before = Signal::derive(move || Some(place.get().saturating_sub(1).max(1)));
    let after =
        Signal::derive(move || Some(place.get() + 1).filter(|next| *next < reel.end().get()));
    let sentence = move || {
        let seq = place.get();
        reel.with(|film| {
            let event = film.event(seq)?;
            Some(briefly(event, &film.newest().outline))
        })
    };
    let time = move || {
        let seq = place.get();
        reel.with(|film| film.event(seq).map(|event| event.at))
            .map(|at| view! { <Moment at /> })
    };
    let read_out = move || {
        format!(
            "Event {} of {}: {}",
            place.get(),
            reel.end().get(),
            sentence().unwrap_or_default()
        )
    };
    let dragged = move |event: leptos::ev::Event| {
        film.stop();
        if let Ok(seq) = event_target_value(&event).parse() {
            reel.go(Some(seq));
        }
    };
    let dropped = move |_| stay(reel.moment().get_untracked());
    let (what_for, way) = match viewer.asks {
        Asks::Server(_) | Asks::Rehearser(_) => ("To answer or to act, ", "go back to now"),
        Asks::Nobody(_) => ("", "Go to the last event"),
    };
    view! {
        <section class="scrubber" class:scrubber-past=move || !at_now.get() aria-label="Moments of the run">
            <div class="scrubber-controls">
                {step("To the first event", "M4 3v10M13 3L6 8l7 5z", Signal::stored(Some(1)), at_first)}
                {step("One event back", "M11 3L5 8l6 5z", before, at_first)}
                <PlayButton film reel settle=Callback::new(move |()| stay(reel.moment().get_untracked())) />
                {step("One event on", "M5 3l6 5-6 5z", after, at_now)}
                {step("Now", "M12 3v10M3 3l7 5-7 5z", Signal::stored(None), at_now)}
                <input type="range" class="only-scripted" min="1" max=move || reel.end().get().to_string() prop:value=move || place.get().to_string() value=place.get_untracked().to_string()
                    aria-label="Moment" aria-valuetext=read_out on:input=dragged on:change=dropped />
            </div>
            <p class="scrubber-told">
                <span class="scrubber-number">{move || format!("{} / {}", place.get(), reel.end().get())}</span>
                <span class="muted">{time}</span>
                <span>{sentence}</span>
            </p>
            <Show when=move || !at_now.get()>
                <p class="scrubber-notice">"This is the run as it was then. "{what_for}<a href=move || link(None) on:click=move |event| {
                    if is_elsewhere(&event) {
                        return;
                    }
                    event.prevent_default();
                    film.stop();
                    stay(None);
                }>{way}</a>"."</p>
            </Show>
        </section>
    }
}

/// What a button does, as a sign.
#[component]
fn Sign(path: Signal<&'static str>) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=path /></svg> }
}

/// The link is to be opened somewhere else.
pub fn is_elsewhere(event: &leptos::ev::MouseEvent) -> bool {
    event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key()
}

/// A film that plays by itself.
#[derive(Clone, Copy)]
struct Playing {
    reel: Reel,
    /// Events a second.
    speed: RwSignal<u32>,
    plays: RwSignal<bool>,
    timer: StoredValue<Option<IntervalHandle>>,
    /// What is due of the next event, in thousandths: at a slow speed not every frame has one.
    due: StoredValue<u32>,
}

impl Playing {
    fn new(reel: Reel) -> Self {
        let playing = Self {
            reel,
            speed: RwSignal::new(SPEEDS[1]),
            plays: RwSignal::new(false),
            timer: StoredValue::new(None),
            due: StoredValue::new(0),
        };
        on_cleanup(move || playing.clear());
        playing
    }

    fn clear(self) {
        if let Some(Some(timer)) = self.timer.try_update_value(Option::take) {
            timer.clear();
        }
    }

    fn stop(self) {
        self.clear();
        if self.plays.get_untracked() {
            self.plays.set(false);
        }
    }

    /// From where it stands; from the beginning, if that is the end.
    fn start(self, settle: Callback<()>) {
        if self.reel.moment().get_untracked().is_none() {
            self.reel.go(Some(1));
        }
        self.plays.set(true);
        let frame = move || {
            if !self.advance() {
                self.stop();
                settle.run(());
            }
        };
        let timer = set_interval_with_handle(frame, FRAME).ok();
        self.clear();
        self.timer.set_value(timer);
    }

    /// One frame on. False at the end.
    fn advance(self) -> bool {
        let per_frame = self.speed.get_untracked() * FRAME.as_millis() as u32;
        let due = self.due.get_value() + per_frame;
        self.due.set_value(due % 1_000);
        let Some(at) = self.reel.moment().get_untracked() else {
            return false;
        };
        if due >= 1_000 {
            self.reel.go(Some(at + due / 1_000));
        }
        self.reel.moment().get_untracked().is_some()
    }
}

#[component]
fn PlayButton(film: Playing, reel: Reel, settle: Callback<()>) -> impl IntoView {
    let can_play = move || reel.end().get() > 1;
    let label = move || if film.plays.get() { "Pause" } else { "Play" };
    let toggle = move |_| match film.plays.get_untracked() {
        true => {
            film.stop();
            settle.run(());
        }
        false => film.start(settle),
    };
    let speeds: Vec<_> = SPEEDS
        .into_iter()
        .map(|speed| {
            let selected = speed == film.speed.get_untracked();
            view! { <option value=speed.to_string() selected=selected>{format!("{speed} a second")}</option> }
        })
        .collect();
    view! {
        <button type="button" class="button button-small only-scripted" aria-label=label title=label disabled=move || !can_play() on:click=toggle>
            <Sign path=Signal::derive(move || if film.plays.get() { "M5 3v10M11 3v10" } else { "M4 2.5l9 5.5-9 5.5z" }) />
        </button>
        <select class="only-scripted scrubber-speed" aria-label="Events a second" on:change=move |event| {
            if let Ok(speed) = event_target_value(&event).parse() {
                film.speed.set(speed);
            }
        }>{speeds}</select>
    }
}
