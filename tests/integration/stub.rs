//! A service outside of Signalbox that does as it is told and counts what reaches it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, Vec<Option<String>>>>>);

pub struct Stub {
    pub address: String,
    counters: Counters,
}

impl Stub {
    /// `/ok/NAME` answers; `/flaky/N/NAME` fails N times first; `/slow/MS/NAME` takes its time; so does `/once/MS/NAME`,
    /// and is not found after the first time.
    pub async fn start() -> Self {
        let counters = Counters::default();
        let routes = Router::new()
            .route("/ok/{name}", any(ok))
            .route("/flaky/{times}/{name}", any(flaky))
            .route("/slow/{ms}/{name}", any(slow))
            .route("/once/{ms}/{name}", any(once))
            .with_state(counters.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, counters }
    }

    /// Requests that reached this name.
    pub fn calls(&self, name: &str) -> usize {
        self.keys(name).len()
    }

    /// The idempotency keys of those requests.
    pub fn keys(&self, name: &str) -> Vec<Option<String>> {
        self.counters
            .0
            .lock()
            .expect("no panic")
            .get(name)
            .cloned()
            .unwrap_or_default()
    }
}

fn count(counters: &Counters, name: &str, headers: &HeaderMap) -> usize {
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let mut counters = counters.0.lock().expect("no panic");
    let calls = counters.entry(name.to_owned()).or_default();
    calls.push(key);
    calls.len()
}

async fn ok(
    State(counters): State<Counters>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> &'static str {
    count(&counters, &name, &headers);
    "{\"ok\":true}"
}

async fn flaky(
    State(counters): State<Counters>,
    Path((times, name)): Path<(usize, String)>,
    headers: HeaderMap,
) -> StatusCode {
    if count(&counters, &name, &headers) <= times {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

async fn slow(
    State(counters): State<Counters>,
    Path((ms, name)): Path<(u64, String)>,
    headers: HeaderMap,
) -> &'static str {
    count(&counters, &name, &headers);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done"
}

async fn once(
    State(counters): State<Counters>,
    Path((ms, name)): Path<(u64, String)>,
    headers: HeaderMap,
) -> StatusCode {
    if count(&counters, &name, &headers) > 1 {
        return StatusCode::NOT_FOUND;
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    StatusCode::OK
}
