//! A run as it is watched: its film, and the moment of it that is on the page. At the end of the film the page goes on
//! with the run; anywhere else it stands still while the film grows.

use leptos::prelude::*;
use std::sync::Arc;

use crate::engine::event::Recorded;
use crate::engine::film::Film;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::ui::live::Follow;

#[derive(Clone, Copy)]
pub struct Reel {
    film: StoredValue<Film>,
    /// The number of the last event.
    end: RwSignal<u32>,
    /// After which event the run is shown; none for as it is.
    moment: RwSignal<Option<u32>>,
    shown: RwSignal<RunState>,
}

impl Reel {
    pub fn new(outline: Arc<Outline>, log: Vec<Recorded>, moment: Option<u32>) -> Self {
        let film = Film::new(outline, log);
        let end = film.newest().seq;
        let moment = within(moment, end);
        let shown = film.at(moment.unwrap_or(end));
        Self {
            film: StoredValue::new(film),
            end: RwSignal::new(end),
            moment: RwSignal::new(moment),
            shown: RwSignal::new(shown),
        }
    }

    /// The run at the moment that is looked at.
    pub fn shown(self) -> RwSignal<RunState> {
        self.shown
    }

    pub fn moment(self) -> Signal<Option<u32>> {
        self.moment.into()
    }

    pub fn end(self) -> Signal<u32> {
        self.end.into()
    }

    /// Follows the log: whoever reads it so is told when it grows.
    pub fn with<T>(self, read: impl FnOnce(&Film) -> T) -> T {
        self.end.track();
        self.film.with_value(read)
    }

    /// When the run was as it is shown; none for now.
    pub fn time(self) -> Option<Timestamp> {
        let seq = self.moment.get()?;
        self.film
            .with_value(|film| film.event(seq).map(|event| event.at))
    }

    /// Goes to the moment after this event, or to the end of the film.
    pub fn go(self, moment: Option<u32>) {
        let moment = within(moment, self.end.get_untracked());
        if moment != self.moment.get_untracked() {
            self.moment.set(moment);
            self.show();
        }
    }

    fn show(self) {
        let seq = self.moment.get_untracked().unwrap_or(u32::MAX);
        let film = self.film;
        self.shown
            .update(|state| film.with_value(|film| film.turn(state, seq)));
    }
}

/// A moment of this film: before its first event there is nothing to see, and its end is now.
fn within(moment: Option<u32>, end: u32) -> Option<u32> {
    moment
        .map(|moment| moment.max(1))
        .filter(|moment| *moment < end)
}

impl Follow for Reel {
    fn seq(&self) -> u32 {
        self.end.try_get_untracked().unwrap_or(0)
    }

    fn take(&self, events: Vec<Recorded>) -> bool {
        let taken = self.film.try_update_value(|film| {
            let whole = film.take(events);
            (whole, film.newest().seq)
        });
        // The page that held it may be gone by now.
        let Some((whole, end)) = taken else {
            return true;
        };
        if end > self.end.get_untracked() {
            self.end.set(end);
            if self.moment.get_untracked().is_none() {
                self.show();
            }
        }
        whole
    }
}
