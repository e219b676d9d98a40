//! What a program hears that listens to server-sent events.

use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;

use crate::server::{Server, now};

/// So long one reading takes at most: a stream on which nothing happens is kept alive for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the stream behind `last` until `count` numbers have come or it ends. Answers these, and what the server said of
/// the end where it has.
pub async fn read_sse(
    server: &Server,
    path: &str,
    last: Option<u64>,
    count: usize,
) -> (Vec<u64>, Option<Value>) {
    let mut request = server
        .client
        .get(server.url(path))
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let started = now();
    let mut body = request.send().await.expect("it answers").bytes_stream();
    let (mut text, mut ids) = (String::new(), Vec::new());
    while ids.len() < count
        && let Some(chunk) = tokio::time::timeout(Duration::from_secs(20), body.next())
            .await
            .expect("in time")
    {
        assert!(
            started.elapsed() < PATIENCE,
            "{path}: nothing after {ids:?}"
        );
        text.push_str(&String::from_utf8_lossy(&chunk.expect("bytes")));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if let Some(id) = field("id: ") {
                ids.push(id.parse().expect("a number"));
            }
            if field("event: ") == Some("end") {
                let data = field("data: ").expect("data");
                return (ids, Some(serde_json::from_str(data).expect("JSON")));
            }
        }
    }
    (ids, None)
}
