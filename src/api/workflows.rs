//! Workflows: list, read, check, create.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path};
use crate::driver::service::Service;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::document;
use crate::engine::time::Timestamp;
use crate::engine::tool::ToolSpec;
use crate::engine::workflow::Workflow;
use crate::store::WorkflowRow;

#[derive(Serialize)]
pub(super) struct WorkflowItem {
    id: String,
    slug: String,
    name: String,
    description: String,
    tags: Vec<String>,
    is_template: bool,
    version: u32,
    version_id: String,
    steps: u32,
    updated_at: Timestamp,
}

#[derive(Serialize)]
pub(super) struct WorkflowDetail {
    #[serde(flatten)]
    item: WorkflowItem,
    definition: Workflow,
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
            version: row.version,
            version_id: row.version_id.to_string(),
            steps: row.steps,
            updated_at: row.updated_at,
        }
    }
}

pub(super) async fn list(
    State(service): State<Service>,
) -> Result<Json<Page<WorkflowItem>>, Problem> {
    let rows = service.store().list_workflows().await?;
    Ok(Json(Page {
        items: rows.into_iter().map(WorkflowItem::from).collect(),
        next: None,
    }))
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(slug): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let (row, definition) = service.workflow(&slug).await?;
    Ok(Json(WorkflowDetail {
        item: row.into(),
        definition,
    }))
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
    let errors = service.problems(&read(&headers, &body)?);
    Ok(Json(Verdict {
        valid: errors.is_empty(),
        errors,
    }))
}

pub(super) async fn create(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let definition = read(&headers, &body)?;
    let row = service.create_workflow(definition, LOCAL_ACTOR).await?;
    // As it was saved: the versions of workflows that it runs are pinned.
    let (row, definition) = service.workflow(row.id.as_str()).await?;
    let location = [(header::LOCATION, format!("/api/v1/workflows/{}", row.slug))];
    Ok((
        StatusCode::CREATED,
        location,
        Json(WorkflowDetail {
            item: row.into(),
            definition,
        }),
    ))
}

/// The next version of a workflow. Runs that are under way stay with theirs.
pub(super) async fn add_version(
    State(service): State<Service>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<WorkflowDetail>, Problem> {
    let definition = read(&headers, &body)?;
    service.add_version(&slug, definition, LOCAL_ACTOR).await?;
    get(State(service), Path(slug)).await
}

/// JSON or YAML, by content type. Unknown fields are refused, with their place.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Workflow, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let refused = |error: String| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable_workflow",
            format!("The workflow cannot be read: {error}"),
        )
    };
    match media_type {
        "application/json" => document::from_json(body).map_err(refused),
        "application/yaml" | "application/x-yaml" | "text/yaml" => {
            document::check_size(body).map_err(refused)?;
            let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
            serde_saphyr::from_str(text).map_err(|error| refused(error.to_string()))
        }
        _ => {
            let detail = "Send the workflow as `application/json` or `application/yaml`.";
            Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                detail,
            ))
        }
    }
}
