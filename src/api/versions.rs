//! Versions of a workflow: list, read, add, restore.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::workflows::WorkflowDetail;
use super::{Json, LOCAL_ACTOR, Page, Path, Query, document, page_items};
use crate::driver::service::{Edit, Saved, Service};
use crate::engine::ids::VersionId;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::VersionRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// The number before which it goes on.
    cursor: Option<u32>,
    limit: Option<u32>,
}

/// The body is the document itself, so what is said about it stands in the address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveQuery {
    #[serde(default)]
    note: String,
    expected_current: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreBody {
    #[serde(default)]
    note: String,
    expected_current: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct VersionItem {
    number: u32,
    version_id: VersionId,
    note: String,
    created_at: Timestamp,
    created_by: String,
    hash: String,
    current: bool,
    /// Runs of this version that have not ended.
    open_runs: u32,
}

#[derive(Serialize)]
pub(super) struct VersionDetail {
    #[serde(flatten)]
    item: VersionItem,
    definition: Workflow,
}

#[derive(Serialize)]
pub(super) struct SavedItem {
    #[serde(flatten)]
    detail: WorkflowDetail,
    /// False: the current version was like this already.
    is_new: bool,
}

impl From<VersionRow> for VersionItem {
    fn from(row: VersionRow) -> Self {
        Self {
            number: row.number,
            version_id: row.id,
            note: row.note,
            created_at: row.created_at,
            created_by: row.created_by,
            hash: row.hash,
            current: row.is_current,
            open_runs: row.open_runs,
        }
    }
}

impl From<Saved> for SavedItem {
    fn from(saved: Saved) -> Self {
        Self {
            detail: WorkflowDetail::new(saved.row, saved.definition),
            is_new: saved.is_new,
        }
    }
}

/// Newest first.
pub(super) async fn list(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<VersionItem>>, Problem> {
    let limit = page_items(query.limit)?;
    let mut rows = service.versions(&slug, query.cursor, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| last.number.to_string());
    let items = rows.into_iter().map(VersionItem::from).collect();
    Ok(Json(Page { items, next }))
}

pub(super) async fn get(
    State(service): State<Service>,
    Path((slug, number)): Path<(String, u32)>,
) -> Result<Json<VersionDetail>, Problem> {
    let (_, definition, row) = service.version_of_workflow(&slug, number).await?;
    let item = row.into();
    Ok(Json(VersionDetail { item, definition }))
}

/// The next version of a workflow. Runs that are under way stay with theirs.
pub(super) async fn add(
    State(service): State<Service>,
    Path(slug): Path<String>,
    Query(query): Query<SaveQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<SavedItem>, Problem> {
    let definition = document::read(&headers, body).await?;
    let edit = edit(query.note, query.expected_current);
    let saved = service.add_version(&slug, definition, edit).await?;
    Ok(Json(saved.into()))
}

/// A new version with the document of an old one.
pub(super) async fn restore(
    State(service): State<Service>,
    Path((slug, number)): Path<(String, u32)>,
    Json(body): Json<RestoreBody>,
) -> Result<Json<SavedItem>, Problem> {
    let edit = edit(body.note, body.expected_current);
    let saved = service.restore_version(&slug, number, edit).await?;
    Ok(Json(saved.into()))
}

pub(super) fn edit(note: String, expected_current: Option<u32>) -> Edit {
    Edit {
        note,
        expected_current,
        actor: LOCAL_ACTOR.to_owned(),
    }
}
