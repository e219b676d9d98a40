//! A turn made ready for the log by whoever hands it in, so that the one who writes for all has nothing left to do but
//! write.

use super::large::{Kept, Text, take_out};
use super::{Commit, StoreError, corrupt};
use crate::engine::event::Event;
use crate::engine::listing::searched;

pub(super) struct Entry {
    pub turn: Commit,
    /// The payloads of its events.
    pub payloads: Vec<Text>,
    /// What is large in them.
    pub values: Vec<Kept>,
    /// What a new run is found by; none also where that is nothing.
    pub search: Option<String>,
}

impl Entry {
    pub(super) fn of(turn: Commit) -> Result<Self, StoreError> {
        let mut values = Vec::new();
        let payloads = turn.events.iter().map(|recorded| {
            let text = serde_json::to_string(&recorded.event)?;
            take_out(text, &mut values)
        });
        Ok(Self {
            payloads: payloads.collect::<Result<_, _>>().map_err(corrupt)?,
            values,
            search: search(&turn),
            turn,
        })
    }
}

/// With its first event a run says what it was started with, and that never changes.
fn search(turn: &Commit) -> Option<String> {
    let first = turn.events.first().map(|recorded| &recorded.event);
    if let Some(Event::RunStarted { input, .. }) = first {
        return Some(searched(input)).filter(|words| !words.is_empty());
    }
    None
}
