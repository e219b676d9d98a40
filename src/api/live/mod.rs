//! The live connection of a page: one WebSocket, many topics.

mod digest;
mod follow;

use axum::extract::State;
use axum::extract::ws::{Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::stream::{self, BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_stream::StreamMap;

use super::ApiState;
use crate::driver::service::Service;
use crate::driver::{Committed, RunNews};
use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::engine::large::lean;
use crate::engine::stream::{Message, PING_MS, Request};

pub use digest::Digest;
pub(super) use follow::Follow;

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
    let connection = Connection {
        service: state.service,
        digest: state.digest,
        socket,
        lists: None,
        news: StreamMap::new(),
        sent: BTreeMap::new(),
    };
    tokio::select! {
        () = connection.run() => {}
        () = state.stopping.cancelled() => {}
    }
}

/// Woken by what was asked for only: a turn of a run that nobody follows here is not its business.
struct Connection {
    service: Service,
    digest: Digest,
    socket: WebSocket,
    /// There when somebody wants to know of all runs.
    lists: Option<broadcast::Receiver<Utf8Bytes>>,
    /// The turns of each run that is followed.
    news: StreamMap<RunId, BoxStream<'static, Turn>>,
    /// The last sequence number sent of each of them.
    sent: BTreeMap<RunId, u32>,
}

/// None: the bus has dropped some.
type Turn = Option<Arc<Committed>>;

fn turns(news: RunNews) -> BoxStream<'static, Turn> {
    stream::unfold(news, async |mut news| match news.recv().await {
        Ok(turn) => Some((Some(turn), news)),
        Err(RecvError::Lagged(_)) => Some((None, news)),
        Err(RecvError::Closed) => None,
    })
    .boxed()
}

/// The next digest, for ever nothing for who has not asked for any.
async fn next_digest(
    lists: &mut Option<broadcast::Receiver<Utf8Bytes>>,
) -> Result<Utf8Bytes, RecvError> {
    match lists {
        Some(lists) => lists.recv().await,
        None => std::future::pending().await,
    }
}

impl Connection {
    /// Until the other side is gone.
    async fn run(mut self) {
        let mut beat = tokio::time::interval(Duration::from_millis(u64::from(PING_MS)));
        loop {
            let sent = tokio::select! {
                frame = self.socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => self.obey(text.as_str()).await,
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_))) => Ok(()),
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                },
                Some((run_id, turn)) = self.news.next() => self.pass_on(&run_id, turn).await,
                digest = next_digest(&mut self.lists) => match digest {
                    Ok(digest) => self.socket.send(Frame::Text(digest)).await,
                    // The reader was too slow; its lists are as they are now.
                    Err(RecvError::Lagged(_)) => self.send(&Message::RunsMissed).await,
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
                self.lists = Some(self.digest.subscribe());
                Ok(())
            }
            Ok(Request::SubscribeRun { run_id, after }) => {
                if self.sent.len() >= TOPICS_MAX && !self.sent.contains_key(&run_id) {
                    return self
                        .refuse("This connection follows too many runs already.")
                        .await;
                }
                if self.service.run_summary(&run_id).await.is_err() {
                    return self.refuse("There is no such run.").await;
                }
                // Before the log is read, so that nothing falls between.
                let news = turns(self.service.follow(&run_id));
                self.news.insert(run_id.clone(), news);
                self.sent.insert(run_id.clone(), after);
                self.catch_up(&run_id).await
            }
            Ok(Request::UnsubscribeRun { run_id }) => {
                self.news.remove(&run_id);
                self.sent.remove(&run_id);
                Ok(())
            }
            Err(error) => {
                self.refuse(&format!("This is not a request: {error}."))
                    .await
            }
        }
    }

    async fn pass_on(&mut self, run_id: &RunId, turn: Turn) -> Result<(), axum::Error> {
        let Some(turn) = turn else {
            return self.catch_up(run_id).await;
        };
        let Some(sent) = self.sent.get_mut(run_id) else {
            return Ok(());
        };
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
                .await
            }
            Some(_) => self.catch_up(run_id).await,
            None => Ok(()),
        }
    }

    /// Sends what the log has beyond what was sent.
    async fn catch_up(&mut self, run_id: &RunId) -> Result<(), axum::Error> {
        loop {
            let Some(sent) = self.sent.get(run_id).copied() else {
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
            self.sent.insert(run_id.clone(), last.seq);
            self.send(&Message::Events {
                run_id: run_id.clone(),
                events,
            })
            .await?;
        }
    }

    async fn refuse(&mut self, message: &str) -> Result<(), axum::Error> {
        self.send(&Message::Refused {
            message: message.to_owned(),
        })
        .await
    }

    async fn send(&mut self, message: &Message) -> Result<(), axum::Error> {
        self.socket
            .send(Frame::Text(digest::written(message)))
            .await
    }
}
