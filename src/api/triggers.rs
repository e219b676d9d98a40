//! Triggers: what starts a workflow by itself.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use super::runs::created;
use super::{Json, Page, Path, Query, page_items};
use crate::driver::service::{NewTrigger, Service, TriggerChange};
use crate::engine::event::EndState;
use crate::engine::ids::{RunId, TriggerId, WorkflowId};
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Missed, Overlap, RunFinished, Schedule, Source, Webhook};
use crate::store::TriggerRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub(super) enum CreateBody {
    Schedule {
        name: String,
        #[serde(default = "yes")]
        enabled: bool,
        cron: String,
        #[serde(default = "utc")]
        zone: String,
        #[serde(default = "nothing")]
        input: Value,
        #[serde(default)]
        missed: Missed,
        #[serde(default)]
        overlap: Overlap,
    },
    Webhook {
        name: String,
        #[serde(default = "yes")]
        enabled: bool,
        /// The field of the input that holds the message; it is the whole input when absent.
        field: Option<String>,
    },
    RunFinished {
        name: String,
        #[serde(default = "yes")]
        enabled: bool,
        /// Slug or id of the workflow whose runs it waits for.
        after: WorkflowId,
        #[serde(default = "completed")]
        states: Vec<EndState>,
        /// With references and expressions over `run`.
        input: Option<Value>,
    },
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

fn nothing() -> Value {
    json!({})
}

fn completed() -> Vec<EndState> {
    vec![EndState::Completed]
}

/// What is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    name: Option<String>,
    enabled: Option<bool>,
    cron: Option<String>,
    zone: Option<String>,
    input: Option<Value>,
    missed: Option<Missed>,
    overlap: Option<Overlap>,
    field: Option<String>,
    states: Option<Vec<EndState>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FireBody {
    input: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    cursor: Option<TriggerId>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct TriggerItem {
    id: TriggerId,
    workflow_id: WorkflowId,
    name: String,
    enabled: bool,
    #[serde(flatten)]
    source: Source,
    /// Where the messages of a webhook go.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Of a schedule that is switched on.
    next_at: Option<Timestamp>,
    /// The moment that waits for the last run to end.
    queued_at: Option<Timestamp>,
    fired_at: Option<Timestamp>,
    last_run: Option<RunId>,
    /// Why the last firing started nothing.
    error: Option<String>,
    error_at: Option<Timestamp>,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct CreatedItem {
    #[serde(flatten)]
    item: TriggerItem,
    /// Of a webhook. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize)]
pub(super) struct NewKey {
    /// It is shown this once.
    key: String,
    old_key_until: Timestamp,
}

fn item(service: &Service, row: TriggerRow) -> TriggerItem {
    let next_at = service.next_at(&row);
    let TriggerRow { trigger, standing } = row;
    let path = match &trigger.source {
        Source::Webhook(_) => Some(format!("/hooks/{}", trigger.id)),
        Source::Schedule(_) | Source::RunFinished(_) => None,
    };
    TriggerItem {
        id: trigger.id,
        workflow_id: trigger.workflow_id,
        name: trigger.name,
        enabled: trigger.enabled,
        source: trigger.source,
        path,
        next_at,
        queued_at: standing.queued,
        fired_at: standing.fired_at,
        last_run: standing.last_run,
        error: standing.error,
        error_at: standing.error_at,
        created_at: trigger.created_at,
    }
}

/// Oldest first.
pub(super) async fn list(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<TriggerItem>>, Problem> {
    let limit = page_items(query.limit)?;
    let mut rows = service
        .triggers(&slug, query.cursor.as_ref(), limit + 1)
        .await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let items: Vec<TriggerItem> = rows.into_iter().map(|row| item(&service, row)).collect();
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    Ok(Json(Page { items, next }))
}

pub(super) async fn create(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Json(body): Json<CreateBody>,
) -> Result<Response, Problem> {
    let (row, key) = service.create_trigger(body.asked_for(slug)).await?;
    let location = [(
        header::LOCATION,
        format!("/api/v1/triggers/{}", row.trigger.id),
    )];
    let item = item(&service, row);
    Ok((
        StatusCode::CREATED,
        location,
        Json(CreatedItem { item, key }),
    )
        .into_response())
}

impl CreateBody {
    fn asked_for(self, workflow: String) -> NewTrigger {
        let (name, enabled, source) = match self {
            CreateBody::Schedule {
                name,
                enabled,
                cron,
                zone,
                input,
                missed,
                overlap,
            } => {
                let schedule = Schedule {
                    cron,
                    zone,
                    input,
                    missed,
                    overlap,
                };
                (name, enabled, Source::Schedule(schedule))
            }
            CreateBody::Webhook {
                name,
                enabled,
                field,
            } => (name, enabled, Source::Webhook(Webhook { field })),
            CreateBody::RunFinished {
                name,
                enabled,
                after,
                states,
                input,
            } => {
                let finished = RunFinished {
                    workflow_id: after,
                    states,
                    input,
                };
                (name, enabled, Source::RunFinished(finished))
            }
        };
        NewTrigger {
            workflow,
            name,
            enabled,
            source,
        }
    }
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
) -> Result<Json<TriggerItem>, Problem> {
    let row = service.trigger(&id).await?;
    Ok(Json(item(&service, row)))
}

pub(super) async fn change(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
    Json(body): Json<ChangeBody>,
) -> Result<Json<TriggerItem>, Problem> {
    let change = TriggerChange {
        name: body.name,
        enabled: body.enabled,
        cron: body.cron,
        zone: body.zone,
        input: body.input,
        missed: body.missed,
        overlap: body.overlap,
        field: body.field,
        states: body.states,
    };
    let row = service.change_trigger(&id, change).await?;
    Ok(Json(item(&service, row)))
}

pub(super) async fn delete(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
) -> Result<StatusCode, Problem> {
    service.delete_trigger(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a run now, to try it.
pub(super) async fn fire(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
    body: Option<axum::Json<FireBody>>,
) -> Result<Response, Problem> {
    let input = body.and_then(|body| body.0.input);
    let run_id = service.fire_trigger(&id, input).await?;
    created(&service, &run_id).await
}

/// A new key for a webhook.
pub(super) async fn rotate(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
) -> Result<Json<NewKey>, Problem> {
    let (key, old_key_until) = service.rotate_key(&id).await?;
    Ok(Json(NewKey { key, old_key_until }))
}
