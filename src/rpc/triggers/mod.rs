//! What starts a workflow by itself: what its page shows of it, and what a person does there.

#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use crate::engine::ids::{RunId, TriggerId};
use crate::engine::time::Timestamp;
use crate::engine::trigger::Source;

/// What starts one workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriggersView {
    pub slug: String,
    /// Oldest first.
    pub items: Vec<TriggerCard>,
}

/// A trigger with what has become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriggerCard {
    pub id: TriggerId,
    pub name: String,
    pub enabled: bool,
    pub source: Source,
    /// The name of the workflow whose runs it waits for.
    pub after: Option<String>,
    pub next_at: Option<Timestamp>,
    pub queued: Option<Timestamp>,
    pub fired_at: Option<Timestamp>,
    pub last_run: Option<RunId>,
    pub error: Option<String>,
}

#[server(prefix = "/rpc", endpoint = "triggers", output = Told)]
pub async fn triggers(slug: String) -> Result<TriggersView, PageError> {
    super::respond(server::triggers(&super::service()?, slug).await)
}

/// `missed`: `skip`, `latest` or `all`. `overlap`: `allow`, `skip` or `queue`. `input`: JSON.
#[server(prefix = "/rpc", endpoint = "add_schedule", output = Told)]
pub async fn add_schedule(
    slug: String,
    name: String,
    cron: String,
    zone: String,
    missed: String,
    overlap: String,
    input: String,
) -> Result<(), PageError> {
    let missed = super::read_word(&missed, "missed", "skip, latest or all")?;
    let overlap = super::read_word(&overlap, "overlap", "allow, skip or queue")?;
    let schedule = crate::engine::trigger::Schedule {
        cron,
        zone: zone.trim().to_owned(),
        input: server::read_input(&input)?,
        missed,
        overlap,
    };
    server::add(&super::service()?, slug, name, schedule).await
}

/// `act`: `switch_on`, `switch_off`, `delete`, or `fire`, which starts a run now and leads to its page.
#[server(prefix = "/rpc", endpoint = "act_on_trigger", output = Told)]
pub async fn act_on_trigger(trigger_id: String, act: String) -> Result<(), PageError> {
    let act = super::read_word(&act, "act", "switch_on, switch_off, delete or fire")?;
    server::act(&super::service()?, trigger_id.as_str().into(), act).await
}
