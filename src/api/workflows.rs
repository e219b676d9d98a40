//! Workflows: list, read, check, create, delete, and the templates among them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path, Query, document, drafts, page_items};
use crate::driver::service::{Beginning, Service};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::WorkflowId;
use crate::engine::limits::NAME_CHARS_MAX;
use crate::engine::time::Timestamp;
use crate::engine::tool::ToolSpec;
use crate::engine::workflow::Workflow;
use crate::store::{Shelf, WorkflowFilter, WorkflowRow};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    filter: Shelf,
    tag: Option<String>,
    /// Words that are all in its name, description, tags, steps or tools.
    #[serde(default)]
    q: String,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateBody {
    name: Option<String>,
    slug: Option<String>,
}

#[derive(Serialize)]
pub(super) struct WorkflowItem {
    id: String,
    slug: String,
    name: String,
    description: String,
    tags: Vec<String>,
    is_template: bool,
    /// A template that comes with the product.
    built_in: bool,
    /// The template that it began as.
    made_from: Option<WorkflowId>,
    /// How many workflows began as this template.
    uses: u32,
    version: u32,
    version_id: String,
    steps: u32,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct WorkflowDetail {
    #[serde(flatten)]
    item: WorkflowItem,
    definition: Workflow,
}

impl WorkflowDetail {
    pub(super) fn new(row: WorkflowRow, definition: Workflow) -> Self {
        Self {
            item: row.into(),
            definition,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Verdict {
    valid: bool,
    errors: Vec<Diagnostic>,
}

impl From<WorkflowRow> for WorkflowItem {
    fn from(row: WorkflowRow) -> Self {
        Self {
            id: row.id.to_string(),
            slug: row.slug,
            name: row.name,
            description: row.description,
            tags: row.tags,
            is_template: row.is_template,
            built_in: row.built_in,
            made_from: row.made_from,
            uses: row.uses,
            version: row.version,
            version_id: row.version_id.to_string(),
            steps: row.steps,
            updated_at: row.updated_at,
            deleted_at: row.deleted_at,
        }
    }
}

/// By name.
pub(super) async fn list(
    State(service): State<Service>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<WorkflowItem>>, Problem> {
    let limit = page_items(query.limit)?;
    for (field, text) in [("q", Some(&query.q)), ("tag", query.tag.as_ref())] {
        if text.is_some_and(|text| text.chars().count() > NAME_CHARS_MAX) {
            let detail = format!("`{field}` is longer than {NAME_CHARS_MAX} characters.");
            return Err(Problem::bad_request(detail));
        }
    }
    let filter = WorkflowFilter {
        shelf: query.filter,
        actor: LOCAL_ACTOR.to_owned(),
        tag: query.tag,
        words: query.q.split_whitespace().map(str::to_owned).collect(),
        after: query.cursor.as_deref().map(place).transpose()?,
    };
    let mut rows = service.find_workflows(&filter, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(cursor);
    let items = rows.into_iter().map(WorkflowItem::from).collect();
    Ok(Json(Page { items, next }))
}

/// Where the next page begins: behind this name and id.
fn cursor(last: &WorkflowRow) -> String {
    BASE64.encode(serde_json::json!([last.name, last.id]).to_string())
}

fn place(cursor: &str) -> Result<(String, WorkflowId), Problem> {
    let bytes = BASE64.decode(cursor).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.ok_or_else(|| {
        Problem::bad_request("`cursor` is none; take the `next` of the previous page.")
    })
}

/// Also one that has been deleted, which says so.
pub(super) async fn get(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let (row, definition) = service.workflow(&slug).await?;
    Ok(Json(WorkflowDetail::new(row, definition)))
}

pub(super) async fn tools(State(service): State<Service>) -> Json<Page<ToolSpec>> {
    Json(Page {
        items: service.catalogue().iter().cloned().collect(),
        next: None,
    })
}

/// What `create` would say, without creating anything.
pub(super) async fn validate(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Verdict>, Problem> {
    let bytes = body.len();
    let definition = document::read(&headers, body).await?;
    let errors = document::apart(bytes, move || service.problems(&definition)).await;
    Ok(Json(Verdict {
        valid: errors.is_empty(),
        errors,
    }))
}

pub(super) async fn create(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let definition = document::read(&headers, body).await?;
    let row = service.create_workflow(definition, LOCAL_ACTOR).await?;
    created(&service, &row).await
}

/// As it was saved: the versions of workflows that it runs are pinned.
async fn created(service: &Service, row: &WorkflowRow) -> Result<Response, Problem> {
    let (row, definition) = service.workflow(row.id.as_str()).await?;
    let location = [(header::LOCATION, format!("/api/v1/workflows/{}", row.slug))];
    let detail = Json(WorkflowDetail::new(row, definition));
    Ok((StatusCode::CREATED, location, detail).into_response())
}

/// Off the lists; nothing starts it any more. Again is no mistake.
pub(super) async fn delete(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<StatusCode, Problem> {
    service.delete_workflow(&slug).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn undelete(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    service.undelete_workflow(&slug).await?;
    get(State(service), Path(slug)).await
}

/// A new draft that is a copy of the workflow.
pub(super) async fn duplicate(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<Response, Problem> {
    let begun = service
        .begin_draft(Beginning::Copy(slug), LOCAL_ACTOR)
        .await?;
    Ok(drafts::begun(begun))
}

/// A new template that is a copy of the workflow.
pub(super) async fn save_as_template(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Json(body): Json<TemplateBody>,
) -> Result<Response, Problem> {
    let row = service
        .save_as_template(&slug, body.name, body.slug, LOCAL_ACTOR)
        .await?;
    created(&service, &row).await
}

/// The template is a workflow like any other from now on. Again is no mistake.
pub(super) async fn withdraw_template(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    service.withdraw_template(&slug).await?;
    get(State(service), Path(slug)).await
}
