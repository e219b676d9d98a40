//! A service outside of Signalbox that does as it is told and counts what reaches it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, Counted>>>);

/// Of one name.
#[derive(Default)]
struct Counted {
    /// The idempotency keys of the requests, in the order in which they came.
    keys: Vec<Option<String>>,
    under_way: usize,
    most_at_once: usize,
}

pub struct Stub {
    pub address: String,
    counters: Counters,
}

impl Stub {
    /// `/ok/NAME` answers; `/flaky/N/NAME` fails N times first; `/slow/MS/NAME` takes its time; so does `/once/MS/NAME`,
    /// and is not found after the first time; `/first_slow/MS/NAME` takes its time only the first time.
    pub async fn start() -> Self {
        let counters = Counters::default();
        let routes = Router::new()
            .route("/ok/{name}", any(ok))
            .route("/flaky/{times}/{name}", any(flaky))
            .route("/slow/{ms}/{name}", any(slow))
            .route("/once/{ms}/{name}", any(once))
            .route("/first_slow/{ms}/{name}", any(first_slow))
            .with_state(counters.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, counters }
    }

    /// A step that reads there.
    pub fn get(&self, id: &str, way: &str) -> Value {
        self.step(id, "GET", way)
    }

    /// A step that has an effect there, which may be repeated.
    pub fn put(&self, id: &str, way: &str) -> Value {
        self.step(id, "PUT", way)
    }

    /// A step that has an effect there, which must not be repeated unasked.
    pub fn post(&self, id: &str, way: &str) -> Value {
        self.step(id, "POST", way)
    }

    fn step(&self, id: &str, method: &str, way: &str) -> Value {
        let url = format!("{}/{way}", self.address);
        json!({ "id": id, "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": method } })
    }

    /// Requests that reached this name.
    pub fn calls(&self, name: &str) -> usize {
        self.keys(name).len()
    }

    /// The idempotency keys of those requests.
    pub fn keys(&self, name: &str) -> Vec<Option<String>> {
        let counters = self.counters.0.lock().expect("no panic");
        counters
            .get(name)
            .map(|counted| counted.keys.clone())
            .unwrap_or_default()
    }

    /// Requests of this name that took their time side by side.
    pub fn most_at_once(&self, name: &str) -> usize {
        let counters = self.counters.0.lock().expect("no panic");
        counters.get(name).map_or(0, |counted| counted.most_at_once)
    }
}

fn count(counters: &Counters, name: &str, headers: &HeaderMap) -> usize {
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let mut counters = counters.0.lock().expect("no panic");
    let counted = counters.entry(name.to_owned()).or_default();
    counted.keys.push(key);
    counted.keys.len()
}

/// A request that takes its time. It is over when the answer goes out, and also when nobody waits for it any more.
struct UnderWay(Counters, String);

impl UnderWay {
    fn new(counters: &Counters, name: &str) -> Self {
        let mut all = counters.0.lock().expect("no panic");
        let counted = all.entry(name.to_owned()).or_default();
        counted.under_way += 1;
        counted.most_at_once = counted.most_at_once.max(counted.under_way);
        Self(counters.clone(), name.to_owned())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().expect("no panic");
        all.entry(self.1.clone()).or_default().under_way -= 1;
    }
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
    let _under_way = UnderWay::new(&counters, &name);
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

async fn first_slow(
    State(counters): State<Counters>,
    Path((ms, name)): Path<(u64, String)>,
    headers: HeaderMap,
) -> &'static str {
    if count(&counters, &name, &headers) == 1 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    "done"
}
