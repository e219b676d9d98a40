//! The log of a run: as pages for pollers, and as a stream (SSE) that goes on where `Last-Event-ID` says.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;

use super::problem::Problem;
use super::{ApiState, Json, Page, Path, Query};
use crate::api::live::Follow;
use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::engine::large::value_at;

/// Events on one page.
const EVENTS_PER_PAGE_MAX: u32 = 1_000;
pub(super) const KEEP_ALIVE_MS: u64 = 15_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// Only events with a higher sequence number.
    #[serde(default)]
    pub after: u32,
    limit: Option<u32>,
}

impl EventsQuery {
    /// Events on the page.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        match self.limit {
            None => Ok(EVENTS_PER_PAGE_MAX),
            Some(limit @ 1..=EVENTS_PER_PAGE_MAX) => Ok(limit),
            Some(other) => Err(Problem::bad_request(format!(
                "`limit` is {other}; it must lie between 1 and {EVENTS_PER_PAGE_MAX}."
            ))),
        }
    }
}

impl Page<Recorded> {
    /// A full page may have another behind it.
    pub(super) fn of_events(items: Vec<Recorded>, limit: u32) -> Self {
        let next = items
            .last()
            .filter(|_| items.len() == limit as usize)
            .map(|last| last.seq.to_string());
        Self { items, next }
    }
}

pub(super) async fn events(
    State(state): State<ApiState>,
    Path(run_id): Path<RunId>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.service.run_summary(&run_id).await?;
    if wants_stream(&headers) {
        let after = last_event_id(&headers, "an event")?.unwrap_or(query.after);
        let stream = stream(state, run_id, after);
        let keep_alive = KeepAlive::new().interval(Duration::from_millis(KEEP_ALIVE_MS));
        return Ok(Sse::new(stream).keep_alive(keep_alive).into_response());
    }
    let limit = query.limit()?;
    let items = state.service.lean_events(&run_id, query.after, limit);
    Ok(Json(Page::of_events(items.await?, limit)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueQuery {
    at: String,
}

/// The value for which an event shows a stand-in.
pub(super) async fn value(
    State(state): State<ApiState>,
    Path((run_id, seq)): Path<(RunId, u32)>,
    Query(query): Query<ValueQuery>,
) -> Result<Response, Problem> {
    state.service.run_summary(&run_id).await?;
    let event = state
        .service
        .events(&run_id, seq.saturating_sub(1), 1)
        .await?;
    value_in(event.first().filter(|event| event.seq == seq), &query)
}

/// The value inside the event.
pub(super) fn value_in(event: Option<&Recorded>, query: &ValueQuery) -> Result<Response, Problem> {
    let event = event.ok_or_else(|| Problem::not_found("event"))?;
    let value = value_at(event, &query.at).ok_or_else(|| Problem::not_found("value"))?;
    // Whatever it holds, no browser is to take it for a page.
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, Json(value)).into_response())
}

pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"))
}

/// `what`: of what it is the number.
pub(super) fn last_event_id(headers: &HeaderMap, what: &str) -> Result<Option<u32>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| {
        Problem::bad_request(format!(
            "`Last-Event-ID` must be the sequence number of {what}."
        ))
    })
}

/// Ends with the run: a client that is told of the end need not ask again.
fn stream(
    state: ApiState,
    run_id: RunId,
    after: u32,
) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    let follow = Follow::new(state.service, run_id, after);
    futures::stream::unfold(
        (follow, Vec::<Recorded>::new(), state.stopping),
        |(mut follow, mut ready, stopping)| async move {
            loop {
                if !ready.is_empty() {
                    let recorded = ready.remove(0);
                    return Some((Ok(sse_event(&recorded)), (follow, ready, stopping)));
                }
                tokio::select! {
                    next = follow.next() => ready = next?,
                    () = stopping.cancelled() => return None,
                }
            }
        },
    )
}

fn sse_event(recorded: &Recorded) -> SseEvent {
    let data = serde_json::to_string(recorded).unwrap_or_default();
    SseEvent::default()
        .id(recorded.seq.to_string())
        .event(recorded.event.kind())
        .data(data)
}
