//! What travels over the live connection, in both directions. One connection carries many topics.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::event::Recorded;
use super::ids::RunId;
use super::summary::RunSummary;

/// From the browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How runs stand whenever some have changed, from now on.
    SubscribeRuns,
    /// The events of one run with a sequence number above `after`, those already stored first.
    SubscribeRun {
        run_id: RunId,
        after: u32,
    },
    UnsubscribeRun {
        run_id: RunId,
    },
}

/// To the browser. Who only passes events on to others need not read them: then `Events` is `IgnoredAny`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message<Events = Vec<Recorded>> {
    /// Sent every few seconds: silence means that the connection is dead.
    Ping,
    /// Runs that have changed, each as it stands now: what lay between is left out.
    Runs { summaries: Vec<Arc<RunSummary>> },
    /// In order, without gaps from the `after` that was asked for.
    Events { run_id: RunId, events: Events },
    /// Changes were left out because somebody was too slow: lists are to be read anew.
    RunsMissed,
    /// A request that cannot be served; the connection stays.
    Refused { message: String },
}

/// How often the server sends a ping.
pub const PING_MS: u32 = 3_000;
/// After this much silence the client takes the connection for dead.
pub const SILENCE_MS_MAX: u32 = 8_000;
/// Pauses before the client tries again; after the last it offers a button and polls.
pub const RECONNECT_MS: [u32; 5] = [3_000, 6_000, 9_000, 10_000, 10_000];
