//! Runs as files: out under a signature, in to be looked at.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;

use super::events::{EventsQuery, ValueQuery, value_in};
use super::problem::Problem;
use super::runs::{download, named};
use super::{Json, LOCAL_ACTOR, Page, Path, Query};
use crate::driver::service::{Exported, Service};
use crate::engine::event::Recorded;
use crate::engine::ids::{ArtifactId, CapsuleId, RunId};
use crate::engine::large::lean;
use crate::engine::summary::{ArtifactCard, CapsuleCard};
use crate::engine::workflow::Workflow;

/// Files in a capsule are a stranger's: no browser is to take one for a script of ours.
const ANY_BYTES: &str = "application/octet-stream";

#[derive(Serialize)]
pub(super) struct KeyBody {
    /// None before anything was signed here.
    fingerprint: Option<String>,
}

/// What a file is put into: that can be larger than other requests.
pub fn upload_routes<S>(service: Service) -> Router<S> {
    Router::new()
        .route("/capsules", post(open))
        .with_state(service)
}

pub(super) async fn export(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
) -> Result<Response, Problem> {
    let exported = service.export_capsule(&run_id, LOCAL_ACTOR).await?;
    Ok(saved(exported))
}

/// The file as it was put in.
pub(super) async fn original(
    State(service): State<Service>,
    Path(id): Path<CapsuleId>,
) -> Result<Response, Problem> {
    Ok(saved(service.capsule_file(&id).await?))
}

fn saved(exported: Exported) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/jsonl; charset=utf-8"),
        ),
        (header::CONTENT_DISPOSITION, named(&exported.name)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, exported.text).into_response()
}

/// 201, or 200 when it had been opened before.
async fn open(
    State(service): State<Service>,
    file: Bytes,
) -> Result<(StatusCode, Json<CapsuleCard>), Problem> {
    let (card, is_new) = service.open_capsule(file.into(), LOCAL_ACTOR).await?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(card)))
}

/// All of them: there are never many.
pub(super) async fn list(
    State(service): State<Service>,
) -> Result<Json<Page<CapsuleCard>>, Problem> {
    let items = service.capsules().await?;
    Ok(Json(Page { items, next: None }))
}

pub(super) async fn key(State(service): State<Service>) -> Result<Json<KeyBody>, Problem> {
    let fingerprint = service.own_fingerprint().await?;
    Ok(Json(KeyBody { fingerprint }))
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(id): Path<CapsuleId>,
) -> Result<Json<CapsuleCard>, Problem> {
    Ok(Json(service.capsule(&id).await?.0))
}

pub(super) async fn definition(
    State(service): State<Service>,
    Path(id): Path<CapsuleId>,
) -> Result<Json<Workflow>, Problem> {
    Ok(Json(service.capsule(&id).await?.1.capsule.definition))
}

pub(super) async fn forget(
    State(service): State<Service>,
    Path(id): Path<CapsuleId>,
) -> Result<StatusCode, Problem> {
    service.forget_capsule(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As the log of a run: in pages, with stand-ins for large values.
pub(super) async fn events(
    State(service): State<Service>,
    Path(id): Path<CapsuleId>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Page<Recorded>>, Problem> {
    let limit = query.limit()?;
    let (card, opened) = service.capsule(&id).await?;
    let events = opened.capsule.events.into_iter();
    let page = events.skip(query.after as usize).take(limit as usize);
    let run_id = &card.run.header.run_id;
    let items = page.map(|event| lean(run_id, event)).collect();
    Ok(Json(Page::of_events(items, limit)))
}

/// The value for which an event shows a stand-in.
pub(super) async fn value(
    State(service): State<Service>,
    Path((id, seq)): Path<(CapsuleId, u32)>,
    Query(query): Query<ValueQuery>,
) -> Result<Response, Problem> {
    let (_, opened) = service.capsule(&id).await?;
    let mut events = opened.capsule.events.iter();
    value_in(events.find(|event| event.seq == seq), &query)
}

pub(super) async fn file(
    State(service): State<Service>,
    Path((id, file_id)): Path<(CapsuleId, ArtifactId)>,
) -> Result<Response, Problem> {
    let (_, opened) = service.capsule(&id).await?;
    let mut files = opened.capsule.files.into_iter();
    let file = files.find(|file| file.card.id == file_id);
    let file = file.ok_or_else(|| Problem::not_found("file"))?;
    let card = ArtifactCard {
        media_type: ANY_BYTES.to_owned(),
        ..file.card
    };
    Ok(download(&card, file.content))
}
