//! A run that is kept up to date. What reads and folds events is large, so it is behind a trait object: a page that
//! follows no run does not fetch it (`ui::parts`).

use serde::Deserialize;
use std::sync::Arc;

use crate::engine::event::Recorded;

/// Somebody who wants to know of all events of a run.
#[derive(Clone)]
pub(super) struct Follower(Arc<dyn Reads>);

/// What keeps up with a run.
pub trait Follow: Send + Sync + 'static {
    /// The number of the last event it has.
    fn seq(&self) -> u32;

    /// Takes what is new of these events, which are in order. False if some are missing before them.
    fn take(&self, events: Vec<Recorded>) -> bool;
}

trait Reads: Send + Sync {
    fn seq(&self) -> u32;
    fn read(&self, answer: &str) -> Option<u32>;
}

impl<F: Follow> Reads for F {
    fn seq(&self) -> u32 {
        Follow::seq(self)
    }

    fn read(&self, answer: &str) -> Option<u32> {
        let events = serde_json::from_str::<Arrived>(answer).ok()?.events;
        (!self.take(events)).then(|| Follow::seq(self))
    }
}

impl PartialEq for Follower {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Follower {
    pub fn new(follow: impl Follow) -> Self {
        Self(Arc::new(follow))
    }

    /// The number of the last event it has.
    pub fn seq(&self) -> u32 {
        self.0.seq()
    }

    /// Takes the events of an answer of the server. If some are missing before them, takes none, and says the number of
    /// the last one that is there.
    #[cfg_attr(
        not(any(target_family = "wasm", test)),
        expect(dead_code, reason = "only a browser is told of events")
    )]
    pub fn take(&self, answer: &str) -> Option<u32> {
        self.0.read(answer)
    }
}

/// What both the stream and the list of a run's events hold.
#[derive(Deserialize)]
struct Arrived {
    #[serde(alias = "items")]
    events: Vec<Recorded>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Mutex;

    const LOG: &str = include_str!("../../engine/golden/happened.log.jsonl");

    /// Takes what follows on what it has.
    struct Numbers(Mutex<Vec<u32>>);

    impl Follow for Numbers {
        fn seq(&self) -> u32 {
            let numbers = self.0.lock().expect("not poisoned");
            numbers.last().copied().unwrap_or(0)
        }

        fn take(&self, events: Vec<Recorded>) -> bool {
            let seq = Follow::seq(self);
            let news = events.iter().map(|event| event.seq);
            let news: Vec<u32> = news.filter(|number| *number > seq).collect();
            if news.first().is_some_and(|first| *first != seq + 1) {
                return false;
            }
            self.0.lock().expect("not poisoned").extend(news);
            true
        }
    }

    #[test]
    fn events_are_read_as_streamed_and_as_listed_and_a_gap_is_told() {
        let log: Vec<Value> = LOG
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        let follower = Follower::new(Numbers(Mutex::default()));
        let on_the_stream = |range: std::ops::Range<usize>| {
            json!({"type": "events", "run_id": "r", "events": log[range]}).to_string()
        };
        assert_eq!(follower.take(&on_the_stream(0..2)), None);
        assert_eq!(follower.seq(), 2);
        assert_eq!(follower.take(&on_the_stream(3..5)), Some(2));
        assert_eq!(follower.seq(), 2);
        let asked_for = json!({"items": log[1..5], "next": null}).to_string();
        assert_eq!(follower.take(&asked_for), None);
        assert_eq!(follower.seq(), 5);
        assert_eq!(follower.take("nothing that can be read"), None);
        assert_eq!(follower.seq(), 5);
    }
}
