//! Drafts: begin, read, save again and again, publish, throw away.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::versions::edit;
use super::workflows::WorkflowItem;
use super::{Json, LOCAL_ACTOR, Page, Path, Query, page_items};
use crate::driver::service::{Beginning, Begun, Service};
use crate::engine::ids::{DraftId, WorkflowId};
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::DraftRow;

/// Nothing: an empty document.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginBody {
    document: Option<Box<Workflow>>,
    /// Slug or id of the workflow that is to get another version.
    workflow: Option<String>,
    /// Its version to begin with; the current one when absent.
    version: Option<u32>,
    /// Slug or id of the template that a new workflow begins as.
    template: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveBody {
    /// The one that the change was made from.
    revision: u32,
    document: Workflow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishBody {
    revision: u32,
    #[serde(default)]
    note: String,
    /// The version that may be current; the one that the draft began as when absent.
    expected_current: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    cursor: Option<DraftId>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct DraftItem {
    id: DraftId,
    name: String,
    /// The workflow it is for; null when it is to be a new one.
    workflow_id: Option<WorkflowId>,
    /// The version of that workflow that it began as.
    based_on: Option<u32>,
    /// The template that it began as.
    made_from: Option<WorkflowId>,
    revision: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
    updated_by: String,
}

#[derive(Serialize)]
pub(super) struct DraftDetail {
    #[serde(flatten)]
    item: DraftItem,
    document: Workflow,
}

#[derive(Serialize)]
pub(super) struct PublishedItem {
    workflow: WorkflowItem,
    version: u32,
    /// False: the workflow had a version like this already.
    is_new: bool,
}

impl From<DraftRow> for DraftItem {
    fn from(row: DraftRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            workflow_id: row.workflow_id,
            based_on: row.based_on,
            made_from: row.made_from,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}

impl BeginBody {
    fn beginning(self) -> Result<Beginning, Problem> {
        match (self.document, self.workflow, self.template) {
            (document, None, None) if self.version.is_none() => {
                Ok(Beginning::Document(document.unwrap_or_default()))
            }
            (None, Some(workflow), None) => Ok(Beginning::Version {
                workflow,
                number: self.version,
            }),
            (None, None, Some(template)) if self.version.is_none() => {
                Ok(Beginning::Template(template))
            }
            (Some(_) | None, _, _) => Err(Problem::bad_request(
                "Name one thing to begin with: a `document`, a `workflow` (with a `version`, if you like) or a \
                 `template`; or nothing.",
            )),
        }
    }
}

/// 201 with a new draft; 200 with the one that the workflow has already.
pub(super) async fn begin(
    State(service): State<Service>,
    Json(body): Json<BeginBody>,
) -> Result<Response, Problem> {
    let beginning = body.beginning()?;
    Ok(begun(service.begin_draft(beginning, LOCAL_ACTOR).await?))
}

pub(super) fn begun(begun: Begun) -> Response {
    let status = if begun.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = [(
        header::LOCATION,
        format!("/api/v1/drafts/{}", begun.draft.id),
    )];
    let detail = DraftDetail {
        item: begun.draft.into(),
        document: begun.document,
    };
    (status, location, Json(detail)).into_response()
}

/// Newest first.
pub(super) async fn list(
    State(service): State<Service>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<DraftItem>>, Problem> {
    let limit = page_items(query.limit)?;
    let mut rows = service.drafts(query.cursor.as_ref(), limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|last| last.id.to_string());
    let items = rows.into_iter().map(DraftItem::from).collect();
    Ok(Json(Page { items, next }))
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(id): Path<DraftId>,
) -> Result<Json<DraftDetail>, Problem> {
    let (row, document) = service.draft(&id).await?;
    let item = row.into();
    Ok(Json(DraftDetail { item, document }))
}

/// Without the document, which the caller has.
pub(super) async fn save(
    State(service): State<Service>,
    Path(id): Path<DraftId>,
    Json(body): Json<SaveBody>,
) -> Result<Json<DraftItem>, Problem> {
    let saved = service
        .save_draft(&id, body.revision, body.document, LOCAL_ACTOR)
        .await?;
    Ok(Json(saved.into()))
}

pub(super) async fn delete(
    State(service): State<Service>,
    Path(id): Path<DraftId>,
) -> Result<StatusCode, Problem> {
    service.delete_draft(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same answer however often it is asked.
pub(super) async fn publish(
    State(service): State<Service>,
    Path(id): Path<DraftId>,
    Json(body): Json<PublishBody>,
) -> Result<Json<PublishedItem>, Problem> {
    let edit = edit(body.note, body.expected_current);
    let published = service.publish_draft(&id, body.revision, edit).await?;
    Ok(Json(PublishedItem {
        workflow: published.workflow.into(),
        version: published.number,
        is_new: published.is_new,
    }))
}
