//! A tab without a page: the live connection, asked for what a page asks for, and every event's number looked at.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signalbox::engine::time::Timestamp;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::figures::Samples;

/// Longer than any run here takes. What is missing then has been missed.
const PATIENCE: Duration = Duration::from_secs(120);

/// What viewers have seen.
#[derive(Default)]
pub struct Seen {
    pub events: u64,
    /// Times that a number was not the next.
    pub gaps: u64,
    /// Messages of every kind, and their bytes.
    pub frames: u64,
    pub bytes: u64,
    /// Times that the server has left out what a slow reader was to be told of lists.
    pub told_to_read_anew: u64,
    /// From the moment in each event until it is here: both clocks are the machine's.
    pub delays: Samples,
}

impl Seen {
    pub fn merge(&mut self, other: Seen) {
        self.events += other.events;
        self.gaps += other.gaps;
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.told_to_read_anew += other.told_to_read_anew;
        self.delays.merge(other.delays);
    }
}

pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seq: u64,
    seen: Seen,
    /// Events of then and later tell how long they took: those before were read from the log.
    timed_from: Arc<OnceLock<Timestamp>>,
}

impl Viewer {
    /// Follows the lists, and this run from its first event.
    pub async fn open(host: &str, run: &str, timed_from: &Arc<OnceLock<Timestamp>>) -> Self {
        let (mut socket, _) = connect_async(format!("ws://{host}/api/v1/live"))
            .await
            .expect("the server takes live connections");
        for request in [
            json!({ "type": "subscribe_runs" }),
            json!({ "type": "subscribe_run", "run_id": run, "after": 0 }),
        ] {
            socket
                .send(Message::text(request.to_string()))
                .await
                .expect("it listens");
        }
        Self {
            socket,
            seq: 0,
            seen: Seen::default(),
            timed_from: Arc::clone(timed_from),
        }
    }

    /// Reads until the run has ended; not for ever, if nobody says so.
    pub async fn until_the_end(mut self) -> Seen {
        let _ = timeout(PATIENCE, self.read()).await;
        self.seen
    }

    async fn read(&mut self) {
        loop {
            let frame = self.socket.next().await.expect("it stays open");
            let Message::Text(text) = frame.expect("a frame") else {
                continue;
            };
            self.seen.frames += 1;
            self.seen.bytes += text.len() as u64;
            if text.starts_with(r#"{"type":"runs_missed""#) {
                self.seen.told_to_read_anew += 1;
            }
            // The rest is read by nobody here, so that what is measured is the server.
            if text.starts_with(r#"{"type":"events""#) && self.take(&text) {
                return;
            }
        }
    }

    /// True at the end of the run.
    fn take(&mut self, text: &str) -> bool {
        let message: Value = serde_json::from_str(text).expect("JSON");
        let now = now().as_micros();
        let timed_from = self.timed_from.get().copied();
        let mut is_over = false;
        for event in message["events"].as_array().expect("events") {
            let seq = event["seq"].as_u64().expect("a number");
            self.seen.gaps += u64::from(seq != self.seq + 1);
            self.seq = seq;
            self.seen.events += 1;
            is_over = event["kind"] == "run_finished";
            let at: Timestamp = serde_json::from_value(event["at"].clone()).expect("a moment");
            if timed_from.is_some_and(|from| at >= from) {
                let micros = u64::try_from(now - at.as_micros()).unwrap_or(0);
                self.seen.delays.add(Duration::from_micros(micros));
            }
        }
        is_over
    }
}

pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_micros(now.expect("a clock that goes").as_micros() as i64)
}
