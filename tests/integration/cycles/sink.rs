//! The world outside: it outlives every server and counts what took place in it. A *place* is what an effect is about,
//! named by the workflow and not by the key, so that a wrong key is noticed.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What happened at one place.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Requests by idempotency key, those that were refused included.
    pub attempts: BTreeMap<String, usize>,
    /// How often something took place.
    pub applied: usize,
    /// Whether the receiver knows keys and does the same thing only once for each.
    pub honours_keys: bool,
}

#[derive(Clone, Default)]
pub struct Sink {
    pub address: String,
    places: Arc<Mutex<BTreeMap<String, Place>>>,
}

impl Sink {
    /// `/keep/MS/PLACE` honours keys; `/flaky/PLACE` too, and refuses the first request; `/count/MS/PLACE` knows no
    /// keys; `/refuse/PLACE` does nothing. `MS`: how long the answer takes.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let sink = Self {
            address,
            places: Arc::default(),
        };
        let routes = Router::new()
            .route("/keep/{ms}/{*place}", any(keep))
            .route("/flaky/{*place}", any(flaky))
            .route("/count/{ms}/{*place}", any(count))
            .route("/refuse/{*place}", any(refuse))
            .with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        sink
    }

    pub fn places(&self) -> BTreeMap<String, Place> {
        self.lock().clone()
    }

    pub fn applied(&self, place: &str) -> usize {
        self.lock().get(place).map_or(0, |place| place.applied)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().expect("no panic")
    }

    fn arrive(&self, name: &str, headers: &HeaderMap, does: impl FnOnce(&mut Place, bool)) {
        let key = headers.get("idempotency-key");
        let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
        let mut places = self.lock();
        let place = places.entry(name.to_owned()).or_default();
        let is_new = !place.attempts.contains_key(key);
        *place.attempts.entry(key.to_owned()).or_default() += 1;
        does(place, is_new);
    }
}

async fn keep(
    State(sink): State<Sink>,
    Path((ms, name)): Path<(u64, String)>,
    headers: HeaderMap,
) -> &'static str {
    sink.arrive(&name, &headers, |place, is_new| {
        place.honours_keys = true;
        place.applied += usize::from(is_new);
    });
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "kept"
}

async fn flaky(
    State(sink): State<Sink>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    let mut status = StatusCode::OK;
    sink.arrive(&name, &headers, |place, _| {
        place.honours_keys = true;
        // Refused at the first request; done at the second; known from then on.
        match place.attempts.values().sum::<usize>() {
            1 => status = StatusCode::SERVICE_UNAVAILABLE,
            2 => place.applied += 1,
            _ => {}
        }
    });
    status
}

async fn count(
    State(sink): State<Sink>,
    Path((ms, name)): Path<(u64, String)>,
    headers: HeaderMap,
) -> &'static str {
    sink.arrive(&name, &headers, |place, _| place.applied += 1);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "counted"
}

async fn refuse(
    State(sink): State<Sink>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    sink.arrive(&name, &headers, |_, _| {});
    StatusCode::CONFLICT
}
