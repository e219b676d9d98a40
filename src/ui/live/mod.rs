//! The live connection of a tab: one WebSocket, what arrives on it as signals, and how it stands. The page folds the
//! same events with the same `apply` as the server.

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(not(feature = "hydrate"))]
#[path = "server.rs"]
mod browser;
mod follower;
#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "only a browser notifies")
)]
mod notices;
#[cfg(feature = "hydrate")]
mod notifying;

use leptos::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::ids::RunId;
use crate::engine::stream::Request;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

pub use browser::{ask, follow, is_followed, local_time, permission, unfollow};
pub use follower::Follow;
use follower::Follower;
pub use notices::standing;

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
    pub summaries: RwSignal<BTreeMap<RunId, Arc<RunSummary>>>,
    /// The browser's clock, once a second; none before the first tick and on the server.
    pub clock: RwSignal<Option<Timestamp>>,
    /// Grows when the person asks for a new try.
    retries: RwSignal<u32>,
    /// The lists are about to be fetched again.
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser fetches")
    )]
    lists_due: StoredValue<bool>,
    followed: StoredValue<BTreeMap<RunId, Vec<Follower>>>,
    /// Answers with events that have not been taken yet.
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser is told of events")
    )]
    arrived: StoredValue<Vec<(RunId, String)>>,
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
            lists_due: StoredValue::new(false),
            followed: StoredValue::new(BTreeMap::new()),
            arrived: StoredValue::new(Vec::new()),
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

    /// Keeps it up to date until the component that asked is gone. Also of a run that has ended: somebody may
    /// have it retried.
    pub fn follow(self, run_id: RunId, watching: impl Follow) {
        let follower = StoredValue::new(Follower::new(watching));
        let id = run_id.clone();
        Effect::new(move || {
            let follower = follower.get_value();
            let after = follower.seq();
            self.followed.update_value(|followed| {
                let followers = followed.entry(id.clone()).or_default();
                if !followers.contains(&follower) {
                    followers.push(follower);
                }
            });
            self.request(Request::SubscribeRun {
                run_id: id.clone(),
                after,
            });
        });
        on_cleanup(move || {
            let Some(follower) = follower.try_get_value() else {
                return;
            };
            let last = self.followed.try_update_value(|followed| {
                let followers = followed.get_mut(&run_id)?;
                followers.retain(|other| *other != follower);
                followers.is_empty().then(|| followed.remove(&run_id))
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
                .map_or(summary, Arc::as_ref)
                .clone()
        })
    }

    /// The browser's clock; before its first tick the moment at which the page was made.
    pub fn now(self, made_at: Timestamp) -> Signal<Timestamp> {
        Signal::derive(move || self.clock.get().unwrap_or(made_at))
    }

    pub fn reconnect(self) {
        self.retries.update(|tries| *tries += 1);
    }

    fn request(self, request: Request) {
        // The page may be on its way out.
        let _ = self.outbox.try_update_value(|outbox| outbox.push(request));
    }
}
