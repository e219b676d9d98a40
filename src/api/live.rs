//! The live connection of a page: one WebSocket, many topics. And `Follow`, which gives the events of one run without
//! gaps and without repeats, whatever the bus drops.

use axum::extract::State;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

use super::ApiState;
use crate::driver::service::Service;
use crate::driver::{Committed, RunNews};
use crate::engine::event::{Event, Recorded};
use crate::engine::ids::RunId;
use crate::engine::large::lean;
use crate::engine::stream::{Message, PING_MS, Request};
use crate::engine::summary::RunSummary;

/// Runs that one connection may follow.
const TOPICS_MAX: usize = 64;
/// A request is small; a larger frame is no request.
const FRAME_BYTES_MAX: usize = 4_096;
/// Events read from the log at once when catching up.
const CATCH_UP_EVENTS: u32 = 1_000;

pub(super) async fn connect(State(state): State<ApiState>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| serve(state, socket))
}

async fn serve(state: ApiState, socket: WebSocket) {
    let commits = state.service.subscribe();
    let connection = Connection {
        service: state.service,
        socket,
        all_runs: false,
        runs: BTreeMap::new(),
    };
    tokio::select! {
        () = connection.run(commits) => {}
        () = state.stopping.cancelled() => {}
    }
}

struct Connection {
    service: Service,
    socket: WebSocket,
    all_runs: bool,
    /// The last sequence number sent of each run that is followed.
    runs: BTreeMap<RunId, u32>,
}

impl Connection {
    /// Until the other side is gone.
    async fn run(mut self, mut commits: broadcast::Receiver<Arc<Committed>>) {
        let mut beat = tokio::time::interval(Duration::from_millis(u64::from(PING_MS)));
        loop {
            let sent = tokio::select! {
                frame = self.socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => self.obey(text.as_str()).await,
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_))) => Ok(()),
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                },
                turn = commits.recv() => match turn {
                    Ok(turn) => self.pass_on(&turn).await,
                    Err(RecvError::Lagged(_)) => self.catch_up_all().await,
                    Err(RecvError::Closed) => return,
                },
                _ = beat.tick() => self.send(&Message::Ping).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    async fn obey(&mut self, text: &str) -> Result<(), axum::Error> {
        match serde_json::from_str(text) {
            Ok(Request::SubscribeRuns) => {
                self.all_runs = true;
                Ok(())
            }
            Ok(Request::SubscribeRun { run_id, after }) => {
                if self.runs.len() >= TOPICS_MAX && !self.runs.contains_key(&run_id) {
                    return self
                        .refuse("This connection follows too many runs already.")
                        .await;
                }
                if self.service.run_summary(&run_id).await.is_err() {
                    return self.refuse("There is no such run.").await;
                }
                self.runs.insert(run_id.clone(), after);
                self.catch_up(&run_id).await
            }
            Ok(Request::UnsubscribeRun { run_id }) => {
                self.runs.remove(&run_id);
                Ok(())
            }
            Err(error) => {
                self.refuse(&format!("This is not a request: {error}."))
                    .await
            }
        }
    }

    async fn pass_on(&mut self, turn: &Committed) -> Result<(), axum::Error> {
        let run_id = &turn.summary.header.run_id;
        if let Some(sent) = self.runs.get_mut(run_id) {
            let news: Vec<Recorded> = turn
                .events
                .iter()
                .filter(|event| event.seq > *sent)
                .map(|event| lean(run_id, event.clone()))
                .collect();
            match news.first() {
                Some(first) if first.seq == *sent + 1 => {
                    *sent = turn.summary.seq;
                    self.send(&Message::Events {
                        run_id: run_id.clone(),
                        events: news,
                    })
                    .await?;
                }
                Some(_) => self.catch_up(run_id).await?,
                None => {}
            }
        }
        if self.all_runs {
            self.send(&Message::Run {
                summary: Box::new(RunSummary::clone(&turn.summary)),
            })
            .await?;
        }
        Ok(())
    }

    /// Sends what the log has beyond what was sent.
    async fn catch_up(&mut self, run_id: &RunId) -> Result<(), axum::Error> {
        loop {
            let Some(sent) = self.runs.get(run_id).copied() else {
                return Ok(());
            };
            // A log that cannot be read now is tried again with the next turn or the next connection.
            let events = self
                .service
                .lean_events(run_id, sent, CATCH_UP_EVENTS)
                .await
                .unwrap_or_default();
            let Some(last) = events.last() else {
                return Ok(());
            };
            self.runs.insert(run_id.clone(), last.seq);
            self.send(&Message::Events {
                run_id: run_id.clone(),
                events,
            })
            .await?;
        }
    }

    /// The bus has dropped turns: the logs have them, and the reader asks for its lists anew.
    async fn catch_up_all(&mut self) -> Result<(), axum::Error> {
        for run_id in self.runs.keys().cloned().collect::<Vec<_>>() {
            self.catch_up(&run_id).await?;
        }
        if self.all_runs {
            self.send(&Message::RunsMissed).await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, message: &str) -> Result<(), axum::Error> {
        self.send(&Message::Refused {
            message: message.to_owned(),
        })
        .await
    }

    async fn send(&mut self, message: &Message) -> Result<(), axum::Error> {
        let text = serde_json::to_string(message).unwrap_or_default();
        self.socket.send(Frame::Text(text.into())).await
    }
}

/// The events of one run after a point, in order, each once: from the log first, then as they are committed.
pub(super) struct Follow {
    service: Service,
    run_id: RunId,
    sent: u32,
    news: RunNews,
    /// The log may hold more than was sent.
    behind: bool,
    ended: bool,
}

impl Follow {
    pub(super) fn new(service: Service, run_id: RunId, after: u32) -> Self {
        // Subscribed before the log is read, so that nothing falls between.
        let news = service.follow(&run_id);
        Self {
            service,
            run_id,
            sent: after,
            news,
            behind: true,
            ended: false,
        }
    }

    /// The next events, at least one. `None` after the end of the run.
    pub(super) async fn next(&mut self) -> Option<Vec<Recorded>> {
        loop {
            if self.ended {
                return None;
            }
            let events = if self.behind {
                let events = self
                    .service
                    .lean_events(&self.run_id, self.sent, CATCH_UP_EVENTS)
                    .await
                    .ok()?;
                self.behind = events.len() == CATCH_UP_EVENTS as usize;
                if events.is_empty()
                    && self
                        .service
                        .run_summary(&self.run_id)
                        .await
                        .ok()?
                        .status
                        .is_terminal()
                {
                    // It may have ended since the log was read: what came last is read once more.
                    let last = self
                        .service
                        .lean_events(&self.run_id, self.sent, CATCH_UP_EVENTS)
                        .await
                        .ok()?;
                    if last.is_empty() {
                        return None;
                    }
                    last
                } else {
                    events
                }
            } else {
                self.committed().await?
            };
            if let Some(last) = events.last() {
                self.sent = last.seq;
                // What is behind may say that somebody has had the run retried.
                self.ended = !self.behind && matches!(last.event, Event::RunFinished { .. });
                return Some(events);
            }
        }
    }

    /// What the bus brings of this run; nothing when the log has to be asked.
    async fn committed(&mut self) -> Option<Vec<Recorded>> {
        match self.news.recv().await {
            Ok(turn) => {
                let news: Vec<Recorded> = turn
                    .events
                    .iter()
                    .filter(|event| event.seq > self.sent)
                    .map(|event| lean(&self.run_id, event.clone()))
                    .collect();
                self.behind = news.first().is_some_and(|first| first.seq != self.sent + 1);
                Some(if self.behind { Vec::new() } else { news })
            }
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(Vec::new())
            }
            Err(RecvError::Closed) => None,
        }
    }
}
