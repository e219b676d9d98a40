//! The bodies, on the server.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{TriggerCard, TriggersView};
use crate::driver::service::{NewTrigger, Service, TriggerChange};
use crate::engine::ids::TriggerId;
use crate::engine::trigger::{Schedule, Source};
use crate::rpc::error::PageError;
use crate::store::TriggerRow;

/// All that a workflow may have.
const TRIGGERS_SHOWN: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    SwitchOn,
    SwitchOff,
    Delete,
    Fire,
}

pub(super) async fn triggers(service: &Service, slug: String) -> Result<TriggersView, PageError> {
    let mut items = Vec::new();
    for row in service.triggers(&slug, None, TRIGGERS_SHOWN).await? {
        items.push(card(service, row).await?);
    }
    Ok(TriggersView { slug, items })
}

async fn card(service: &Service, row: TriggerRow) -> Result<TriggerCard, PageError> {
    let after = match &row.trigger.source {
        Source::RunFinished(finished) => {
            let id = finished.workflow_id.as_str();
            service.store().workflow(id).await?.map(|row| row.name)
        }
        Source::Schedule(_) | Source::Webhook(_) => None,
    };
    let next_at = service.next_at(&row);
    let TriggerRow { trigger, standing } = row;
    Ok(TriggerCard {
        id: trigger.id,
        name: trigger.name,
        enabled: trigger.enabled,
        source: trigger.source,
        after,
        next_at,
        queued: standing.queued,
        fired_at: standing.fired_at,
        last_run: standing.last_run,
        error: standing.error,
    })
}

/// Nothing typed is an empty input.
pub(super) fn read_input(text: &str) -> Result<Value, PageError> {
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_str(text).map_err(|error| {
        let message =
            format!("The input is no JSON: {error}. Write it like {{\"name\": \"value\"}}.");
        PageError::new(422, "bad_request", message)
    })
}

pub(super) async fn add(
    service: &Service,
    workflow: String,
    name: String,
    schedule: Schedule,
) -> Result<(), PageError> {
    let new = NewTrigger {
        workflow,
        name,
        enabled: true,
        source: Source::Schedule(schedule),
    };
    service.create_trigger(new).await?;
    Ok(())
}

pub(super) async fn act(service: &Service, id: TriggerId, act: Act) -> Result<(), PageError> {
    let switch = |enabled| TriggerChange {
        enabled: Some(enabled),
        ..TriggerChange::default()
    };
    match act {
        Act::SwitchOn => service
            .change_trigger(&id, switch(true))
            .await
            .map(|_| ())?,
        Act::SwitchOff => service
            .change_trigger(&id, switch(false))
            .await
            .map(|_| ())?,
        Act::Delete => service.delete_trigger(&id).await?,
        Act::Fire => {
            let run = service.fire_trigger(&id, None).await?;
            leptos_axum::redirect(&format!("/runs/{run}"));
        }
    }
    Ok(())
}
