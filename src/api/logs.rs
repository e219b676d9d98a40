//! What steps write while they are made: programs outside add lines, and everybody reads them, as pages, as a text, and as
//! a stream (SSE) that goes on where `Last-Event-ID` says.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

use super::events::{KEEP_ALIVE_MS, last_event_id, wants_stream};
use super::problem::Problem;
use super::{ApiState, Json, Path, Query, page_items_of};
use crate::driver::service::{Service, StepLog};
use crate::driver::{Committed, LogNews, OutsideLines, RunNews, may_end};
use crate::engine::ansi;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::limits::LOG_LINES_MAX;
use crate::engine::logs::{LogAddress, LogCount, LogLine, LogStream, NewLine};
use crate::store::LogSearch;

/// What may be written at once.
const BODY_BYTES_MAX: usize = 1_000_000;
/// Lines that may be written at once: more than a log holds are no mistake, but nobody sends many times that.
const BODY_LINES_MAX: usize = 4 * LOG_LINES_MAX as usize;
/// Lines on one page.
const PAGE_LINES: u32 = 200;
const PAGE_LINES_MAX: u32 = 1_000;
/// What is searched for.
const SEARCH_CHARS_MAX: usize = 200;

type StepOfRun = Path<(RunId, StepPath)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteQuery {
    /// Refused when another attempt is being made.
    attempt: Option<u32>,
    /// Lines that were written before: what has arrived already is not stored again.
    offset: Option<u32>,
    /// Where a plain text comes from.
    stream: Option<String>,
}

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    text: String,
    #[serde(default)]
    stream: LogStream,
}

#[derive(Serialize)]
pub(super) struct Written {
    attempt: u32,
    /// Lines that have arrived in all: the next `offset`.
    received: u32,
    #[serde(flatten)]
    count: LogCount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadQuery {
    /// That of the last one when absent.
    attempt: Option<u32>,
    #[serde(default)]
    after: u32,
    limit: Option<u32>,
    /// Only lines that say this, whatever the case.
    #[serde(default)]
    q: String,
}

#[derive(Serialize)]
pub(super) struct LogPage {
    attempt: u32,
    /// The attempt is still being made: more lines may come.
    open: bool,
    #[serde(flatten)]
    count: LogCount,
    /// What closes a log that was longer than logs may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<String>,
    items: Vec<LogLine>,
    /// The `after` of the next page.
    next: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextQuery {
    attempt: Option<u32>,
    /// As they were written, for a terminal.
    #[serde(default)]
    colours: bool,
}

/// Somebody outside writes about the step that they do.
pub(super) async fn write(
    State(service): State<Service>,
    Path((run_id, step)): StepOfRun,
    Query(query): Query<WriteQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Written>, Problem> {
    let lines = lines_of(&headers, query.stream.as_deref(), body)?;
    let told = OutsideLines {
        run_id,
        step,
        attempt: query.attempt,
        offset: query.offset,
        lines,
    };
    let (attempt, count) = service.write_log(told).await?;
    Ok(Json(Written {
        attempt,
        received: count.received(),
        count,
    }))
}

fn lines_of(
    headers: &HeaderMap,
    stream: Option<&str>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Vec<NewLine>, Problem> {
    let too_long = || {
        let detail = format!(
            "Write at most {BODY_BYTES_MAX} bytes and {BODY_LINES_MAX} lines at once; send the rest in requests of their own."
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "log_too_long", detail)
    };
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => Problem::bad_request("The body could not be read to its end; send it again."),
    })?;
    if body.len() > BODY_BYTES_MAX {
        return Err(too_long());
    }
    let text = str::from_utf8(&body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is not UTF-8 from byte {} on; send text in UTF-8.",
            error.valid_up_to()
        ))
    })?;
    let lines = match media_type(headers) {
        "text/plain" | "" => {
            let stream = match stream {
                Some(stream) => stream.parse().map_err(|why: String| {
                    Problem::bad_request(format!("`stream`: {why}; name one of them."))
                })?,
                None => LogStream::Stdout,
            };
            NewLine::all_of(stream, text).collect()
        }
        "application/x-ndjson" | "application/jsonl" => json_lines(text, stream)?,
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send lines as `Content-Type: text/plain`, or one JSON object a line as `application/x-ndjson`.",
            ));
        }
    };
    if lines.len() > BODY_LINES_MAX {
        return Err(too_long());
    }
    Ok(lines)
}

/// Without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim()
}

fn json_lines(text: &str, stream: Option<&str>) -> Result<Vec<NewLine>, Problem> {
    if stream.is_some() {
        return Err(Problem::bad_request(
            "`stream` in the address is for plain text; lines of JSON each have their own.",
        ));
    }
    let written = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    written
        .map(|(line, number)| {
            let wrong = |why: String| Problem::bad_request(format!("Line {number}: {why}."));
            let LineBody { text, stream } =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if text.trim_end_matches(['\r', '\n']).contains('\n') {
                let why = "`text` has a line break in it; send each line by itself";
                return Err(wrong(why.to_owned()));
            }
            Ok(NewLine::new(stream, text.trim_end_matches('\n')))
        })
        .collect()
}

/// A page of the log, or the stream of it.
pub(super) async fn read(
    State(state): State<ApiState>,
    Path((run_id, step)): StepOfRun,
    Query(query): Query<ReadQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let service = &state.service;
    let limit = page_items_of(query.limit, PAGE_LINES, PAGE_LINES_MAX)?;
    if query.q.chars().count() > SEARCH_CHARS_MAX {
        return Err(Problem::bad_request(format!(
            "`q` is longer than {SEARCH_CHARS_MAX} characters; search for less."
        )));
    }
    if wants_stream(&headers) {
        if !query.q.is_empty() {
            return Err(Problem::bad_request(
                "A stream has all lines; leave `q` out, or ask for JSON.",
            ));
        }
        let after = last_event_id(&headers, "a line")?.unwrap_or(query.after);
        // Listened to first, read second.
        let turns = service.follow(&run_id);
        let log = service.step_log(&run_id, &step, query.attempt).await?;
        let mut watch = Watch::new(state.clone(), log, after, turns);
        if watch.is_ending {
            // The last line may have come before it was listened.
            watch.ask().await;
        }
        let stream = watch.stream();
        let keep_alive = KeepAlive::new().interval(Duration::from_millis(KEEP_ALIVE_MS));
        return Ok(Sse::new(stream).keep_alive(keep_alive).into_response());
    }
    let log = service.step_log(&run_id, &step, query.attempt).await?;
    let search = LogSearch {
        words: query.q.to_lowercase(),
        after: query.after,
        ..LogSearch::default()
    };
    let items = match search.words.is_empty() {
        true => service.log_lines(&log.address, query.after, limit).await?,
        false => {
            service
                .search_log(&log.address, &search, limit)
                .await?
                .lines
        }
    };
    let next = items.last().filter(|_| items.len() == limit as usize);
    Ok(Json(LogPage {
        attempt: log.address.attempt,
        open: log.is_open,
        count: log.count,
        closing: log.count.closing(),
        next: next.map(|line| line.seq),
        items,
    })
    .into_response())
}

/// The whole log as a file.
pub(super) async fn text(
    State(service): State<Service>,
    Path((run_id, step)): StepOfRun,
    Query(query): Query<TextQuery>,
) -> Result<Response, Problem> {
    let StepLog { address, count, .. } = service.step_log(&run_id, &step, query.attempt).await?;
    let mut text = String::new();
    for line in service.log_lines(&address, 0, LOG_LINES_MAX).await? {
        let shown = match query.colours {
            true => line.text,
            false => ansi::plain(&line.text),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{shown}");
    }
    if let Some(closing) = count.closing() {
        let _ = writeln!(text, "{closing}");
    }
    let name = format!(
        "attachment; filename=\"{}.{}.log.txt\"",
        address.step, address.attempt
    );
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, &*name),
        // Whatever it holds, no browser is to take it for a page.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, text).into_response())
}

/// Somebody who watches a log. Ends with the attempt: who is told of the end need not ask again.
struct Watch {
    state: ApiState,
    log: LogAddress,
    after: u32,
    news: LogNews,
    turns: RunNews,
    is_open: bool,
    /// It is open for the last lines of an attempt that is over.
    is_ending: bool,
    /// Nothing more is said: the end has been told, or it is not known whether this is one.
    has_ended: bool,
    ready: VecDeque<LogLine>,
}

impl Watch {
    fn new(state: ApiState, log: StepLog, after: u32, turns: RunNews) -> Self {
        let StepLog {
            address,
            is_open,
            is_ending,
            ..
        } = log;
        Self {
            news: state.service.watch_log(&address),
            state,
            log: address,
            after,
            turns,
            is_open,
            is_ending,
            has_ended: false,
            ready: VecDeque::new(),
        }
    }

    fn stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((Ok(event), watch))
        })
    }

    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.after = line.seq;
                let data = serde_json::to_string(&line).unwrap_or_default();
                let event = SseEvent::default().id(line.seq.to_string());
                return Some(event.event("line").data(data));
            }
            if self.has_ended {
                return None;
            }
            // Before the lines: what is written before the end is there when the end is.
            let is_open = self.is_open;
            let service = &self.state.service;
            let lines = service.log_lines(&self.log, self.after, PAGE_LINES_MAX);
            self.ready = lines.await.ok()?.into();
            if !self.ready.is_empty() {
                continue;
            }
            if !is_open {
                self.has_ended = true;
                return self.farewell().await;
            }
            let stopping = self.state.stopping.clone();
            tokio::select! {
                () = self.news.changed() => if self.is_ending { self.ask().await },
                turn = self.turns.recv() => self.look(turn.as_deref()).await,
                () = stopping.cancelled() => return None,
            }
        }
    }

    /// Whether the attempt is still being made after this turn of its run.
    async fn look(&mut self, turn: Result<&Committed, &RecvError>) {
        let concerns = match turn {
            Ok(turn) => {
                let mut events = turn.events.iter();
                events.any(|recorded| may_end(&recorded.event, &self.log))
            }
            Err(_) => true,
        };
        if concerns {
            self.ask().await;
        }
    }

    /// Whether more lines may come.
    async fn ask(&mut self) {
        let LogAddress {
            run_id,
            step,
            attempt,
        } = &self.log;
        let log = self.state.service.step_log(run_id, step, Some(*attempt));
        match log.await {
            Ok(log) => (self.is_open, self.is_ending) = (log.is_open, log.is_ending),
            // Whoever listens comes back and asks again.
            Err(_) => self.has_ended = true,
        }
    }

    /// Says that there is no more, and what is missing. Nothing where that cannot be known.
    async fn farewell(&self) -> Option<SseEvent> {
        let count = self.state.service.log_count(&self.log).await.ok()?;
        let data = json!({
            "attempt": self.log.attempt,
            "lines": count.lines,
            "dropped_lines": count.dropped_lines,
            "dropped_bytes": count.dropped_bytes,
            "closing": count.closing(),
        });
        Some(SseEvent::default().event("end").data(data.to_string()))
    }
}
