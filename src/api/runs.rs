//! Runs: start, read, and the files they left.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path, Query, page_items_of};
use crate::driver::service::{NewRun, RunCard, Service};
use crate::engine::event::{Origin, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::ids::{ArtifactId, GateId, RunId, StepPath};
use crate::engine::state::{Attempt, StepStatus};
use crate::engine::summary::{ArtifactCard, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::workflow::StepKind;

/// The longest that a request may be held for a run to finish.
const WAIT_MS_MAX: u64 = 30_000;
/// Steps on one page unless `limit` says otherwise, and at the most: a run has 50,000 at the most.
const STEPS_PAGE: u32 = 1_000;
const STEPS_PAGE_MAX: u32 = 10_000;
/// Characters of an `Idempotency-Key`.
const KEY_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// Slug or id.
    workflow: String,
    /// Its number; the current one when absent.
    version: Option<u32>,
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitQuery {
    /// Such as `30s` or `500ms`: hold the answer until the run has ended, at most so long.
    wait: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepsQuery {
    cursor: Option<usize>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct RunDetail {
    #[serde(flatten)]
    summary: RunSummary,
    input: Value,
    /// Null until the run has ended.
    output: Value,
    /// What it goes back to: another run, or a trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

#[derive(Serialize)]
pub(super) struct StepItem {
    id: StepPath,
    name: String,
    kind: StepKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    status: StepStatus,
    percent: u8,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    attempts: Vec<Attempt>,
    output: Option<Value>,
    error: Option<StepError>,
    skipped: Option<SkipReason>,
    gate_id: Option<GateId>,
}

pub(super) async fn start(
    State(service): State<Service>,
    Query(query): Query<WaitQuery>,
    headers: HeaderMap,
    Json(body): Json<StartBody>,
) -> Result<Response, Problem> {
    let wait = query.wait.as_deref().map(wait_time).transpose()?;
    let input = body
        .input
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let new = NewRun {
        workflow: body.workflow,
        version: body.version,
        input,
        actor: LOCAL_ACTOR.to_owned(),
        key: idempotency_key(&headers)?,
    };
    let card = service.start(new, wait).await?;
    Ok(created_as(card))
}

/// The answer to whatever started a run.
pub(super) async fn created(service: &Service, run_id: &RunId) -> Result<Response, Problem> {
    Ok(created_as(RunCard::of(&service.run(run_id).await?)))
}

fn created_as(card: RunCard) -> Response {
    let run_id = &card.summary.header.run_id;
    let location = [(header::LOCATION, format!("/api/v1/runs/{run_id}"))];
    (StatusCode::CREATED, location, Json(RunDetail::from(card))).into_response()
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<RunDetail>, Problem> {
    if let Some(wait) = query.wait.as_deref().map(wait_time).transpose()? {
        service.wait(&run_id, wait).await?;
    }
    let card = RunCard::of(&service.run(&run_id).await?);
    Ok(Json(card.into()))
}

impl From<RunCard> for RunDetail {
    fn from(card: RunCard) -> Self {
        Self {
            summary: card.summary,
            input: card.input,
            output: card.output,
            origin: card.origin,
        }
    }
}

/// Every step of the plan from the first moment on, then those of iterations in the order in which they began. What
/// would only undo something is listed once it has begun.
pub(super) async fn steps(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    Query(query): Query<StepsQuery>,
) -> Result<Json<Page<StepItem>>, Problem> {
    let limit = page_items_of(query.limit, STEPS_PAGE, STEPS_PAGE_MAX)?;
    let after = query.cursor.unwrap_or(0);
    let state = service.run(&run_id).await?.state();
    let total = state.steps.len();
    let shown = after.min(total)..(after.saturating_add(limit as usize)).min(total);
    let next = (shown.end < total).then(|| shown.end.to_string());
    let items = shown.filter_map(|at| {
        let outline = &state.outline.steps[state.steps[at].shape];
        let step = &state.steps[at];
        let idle = outline.undoes.is_some() && step.started_at.is_none();
        (!idle).then(|| StepItem {
            id: state.path(at),
            name: outline.name.clone(),
            kind: outline.kind,
            tool: outline.tool.clone(),
            status: step.status,
            percent: if step.status.is_terminal() {
                100
            } else {
                step.percent
            },
            started_at: step.started_at,
            finished_at: step.finished_at,
            attempts: step.attempts.clone(),
            output: step.output.clone(),
            error: step.error.clone(),
            skipped: step.skipped.clone(),
            gate_id: step.gate.as_ref().map(|gate| gate.id.clone()),
        })
    });
    Ok(Json(Page {
        items: items.collect(),
        next,
    }))
}

pub(super) async fn artifacts(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
) -> Result<Json<Page<ArtifactCard>>, Problem> {
    service.run_summary(&run_id).await?;
    Ok(Json(Page {
        items: service.store().artifacts_of(&run_id).await?,
        next: None,
    }))
}

/// The file itself: always a download, never a page of ours, whatever it claims to be.
pub(super) async fn artifact(
    State(service): State<Service>,
    Path((run_id, artifact_id)): Path<(RunId, ArtifactId)>,
) -> Result<Response, Problem> {
    let file = service
        .store()
        .artifact(&run_id, &artifact_id)
        .await?
        .ok_or_else(|| Problem::not_found("file"))?;
    Ok(download(&file.card, file.content))
}

/// As a download under this name, with nothing in it that a header would have to escape.
pub(super) fn named(name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

pub(super) fn download(card: &ArtifactCard, content: Vec<u8>) -> Response {
    let media_type = HeaderValue::from_str(&card.media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, named(&card.name)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    (headers, content).into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_CHARS_MAX => Ok(Some(key.to_owned())),
        Ok(_) | Err(_) => Err(Problem::bad_request(format!(
            "`Idempotency-Key` must have 1 to {KEY_CHARS_MAX} visible characters."
        ))),
    }
}

/// `30s` or `500ms`, at most the longest wait there is.
fn wait_time(text: &str) -> Result<Duration, Problem> {
    let (number, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1_000),
        (None, None) => ("", 0),
    };
    match number.parse::<u64>() {
        Ok(number) => Ok(Duration::from_millis(
            number.saturating_mul(unit_ms).min(WAIT_MS_MAX),
        )),
        Err(_) => Err(Problem::bad_request(format!(
            "`wait` is `{text}`; write it like `30s` or `500ms`."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_times_are_read_and_bounded() {
        assert_eq!(wait_time("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(wait_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(
            wait_time("9999999999s"),
            Ok(Duration::from_millis(WAIT_MS_MAX))
        );
        for bad in ["", "s", "-1s", "1m", "1.5s", "ms"] {
            assert!(wait_time(bad).is_err(), "{bad}");
        }
    }
}
