//! The live connection of a tab: one WebSocket, what arrives on it as signals, and how it stands. The page folds the
//! same events with the same `apply` as the server.

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(not(feature = "hydrate"))]
#[path = "server.rs"]
mod browser;

use leptos::prelude::*;
use std::collections::BTreeMap;

use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::engine::state::{RunState, RunStatus};
use crate::engine::stream::{Message, Request};
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

pub use browser::local_time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not tried yet: the page has just arrived.
    Starting,
    Live,
    Reconnecting,
    /// Given up; polls meanwhile, and offers a button.
    Offline,
}

/// Copied into whoever needs it.
#[derive(Clone, Copy)]
pub struct Live {
    pub connection: RwSignal<Connection>,
    /// Grows when a run starts, ends or begins to wait: lists are fetched again.
    pub lists: RwSignal<u32>,
    /// The newest summary of each run that has changed since the page arrived.
    pub summaries: RwSignal<BTreeMap<RunId, RunSummary>>,
    /// The browser's clock, once a second; none before the first tick and on the server.
    pub clock: RwSignal<Option<Timestamp>>,
    /// Grows when the person asks for a new try.
    retries: RwSignal<u32>,
    followed: StoredValue<BTreeMap<RunId, Vec<RwSignal<RunState>>>>,
    /// Requests that wait to be sent.
    outbox: StoredValue<Vec<Request>>,
}

impl Live {
    /// Makes the connection's signals and, in the browser, connects.
    pub fn provide() -> Self {
        let live = Self {
            connection: RwSignal::new(Connection::Starting),
            lists: RwSignal::new(0),
            summaries: RwSignal::new(BTreeMap::new()),
            clock: RwSignal::new(None),
            retries: RwSignal::new(0),
            followed: StoredValue::new(BTreeMap::new()),
            outbox: StoredValue::new(Vec::new()),
        };
        provide_context(live);
        // Effects run in the browser only.
        Effect::new(move || browser::connect(live));
        live
    }

    pub fn expect() -> Self {
        expect_context::<Self>()
    }

    /// Keeps the state up to date until the component that asked is gone.
    pub fn follow(self, run_id: RunId, state: RwSignal<RunState>) {
        if state.with_untracked(|state| state.end.is_some()) {
            return;
        }
        let id = run_id.clone();
        Effect::new(move || {
            let after = state.with_untracked(|state| state.seq);
            self.followed.update_value(|followed| {
                let signals = followed.entry(id.clone()).or_default();
                if !signals.contains(&state) {
                    signals.push(state);
                }
            });
            self.request(Request::SubscribeRun {
                run_id: id.clone(),
                after,
            });
        });
        on_cleanup(move || {
            let last = self.followed.try_update_value(|followed| {
                let signals = followed.get_mut(&run_id)?;
                signals.retain(|signal| *signal != state);
                signals.is_empty().then(|| followed.remove(&run_id))
            });
            if last.flatten().is_some() {
                self.request(Request::UnsubscribeRun { run_id });
            }
        });
    }

    /// The summary as it is now: what has arrived since, or what the page came with.
    pub fn newest(self, summary: &RunSummary) -> RunSummary {
        self.summaries.with(|newer| {
            newer
                .get(&summary.header.run_id)
                .filter(|newer| newer.seq > summary.seq)
                .unwrap_or(summary)
                .clone()
        })
    }

    pub fn reconnect(self) {
        self.retries.update(|tries| *tries += 1);
    }

    fn request(self, request: Request) {
        // The page may be on its way out.
        let _ = self.outbox.try_update_value(|outbox| outbox.push(request));
    }

    /// What a new connection has to ask for.
    fn subscriptions(self) -> Vec<Request> {
        let runs = self.followed.with_value(|followed| {
            followed
                .iter()
                .map(|(run_id, signals)| {
                    let after = signals
                        .iter()
                        .map(|signal| signal.with_untracked(|state| state.seq))
                        .min();
                    Request::SubscribeRun {
                        run_id: run_id.clone(),
                        after: after.unwrap_or(0),
                    }
                })
                .collect::<Vec<_>>()
        });
        std::iter::once(Request::SubscribeRuns)
            .chain(runs)
            .collect()
    }

    fn receive(self, message: Message) {
        match message {
            Message::Ping | Message::Refused { .. } => {}
            Message::Run { summary } => self.receive_summary(summary),
            Message::Events { run_id, events } => self.receive_events(&run_id, &events),
        }
    }

    fn receive_summary(self, summary: RunSummary) {
        let place = |summary: &RunSummary| (summary.status, summary.waiting_for_people);
        let known = self
            .summaries
            .with_untracked(|known| known.get(&summary.header.run_id).map(place));
        let moved = known.map_or(true, |known| known != place(&summary))
            || summary.status != RunStatus::Running;
        self.summaries.update(|known| {
            known.insert(summary.header.run_id.clone(), summary);
        });
        if moved {
            self.lists
                .update(|version| *version = version.wrapping_add(1));
        }
    }

    /// Each event once, in order. A gap is asked for again.
    fn receive_events(self, run_id: &RunId, events: &[Recorded]) {
        let signals = self
            .followed
            .with_value(|followed| followed.get(run_id).cloned().unwrap_or_default());
        for signal in signals {
            let seq = signal.with_untracked(|state| state.seq);
            let news: Vec<&Recorded> = events.iter().filter(|event| event.seq > seq).collect();
            match news.first() {
                None => {}
                Some(first) if first.seq == seq + 1 => {
                    signal.update(|state| news.iter().for_each(|event| state.apply(event)))
                }
                Some(_) => self.request(Request::SubscribeRun {
                    run_id: run_id.clone(),
                    after: seq,
                }),
            }
        }
    }

    /// Runs that are followed, with the last event that all who follow have seen.
    fn followed_runs(self) -> Vec<(RunId, u32)> {
        let oldest = |signals: &Vec<RwSignal<RunState>>| {
            signals
                .iter()
                .map(|signal| signal.with_untracked(|state| state.seq))
                .min()
        };
        self.followed.with_value(|followed| {
            followed
                .iter()
                .map(|(id, signals)| (id.clone(), oldest(signals).unwrap_or(0)))
                .collect()
        })
    }
}
