//! What every store promises, as tests that run against each of them: the hot path on the in-memory reference, SQLite and
//! PostgreSQL, everything else on the two databases. A new method gets a function here before its first caller.

mod capsules;
mod drafts;
mod filters;
mod large;
mod large_rows;
mod lease;
mod listing;
mod log;
mod log_batches;
mod queries;
mod records;
mod rest;
mod shelves;
mod step_logs;
mod triggers;
mod workflows;

use std::sync::Arc;
use std::time::Duration;

use super::{Commit, Database, GateRow, GateState, LeaseTerms, StoreError};
use crate::engine::event::{Event, Recorded};
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::state::RunStatus;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::store::postgres_server::PostgresServer;

/// Runs promises against every store, given as `Arc<dyn Store>`.
macro_rules! on_every_store {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(std::sync::Arc::new(crate::store::memory::MemoryStore::default())).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let place = super::super::Place::sqlite();
                super::$promise(place.open().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                let place = super::super::Place::postgres();
                super::$promise(place.open().await).await;
            })*
        }
    };
}
use on_every_store;

/// Runs promises against both databases, given as a `Place` to open them at.
macro_rules! on_both_databases {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::super::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::super::Place::postgres()).await;
            })*
        }
    };
}
use on_both_databases;

/// Where an empty database is.
struct Place {
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self {
            url: format!("sqlite:{}", folder.path().join("test.db").display()),
            _folder: Some(folder),
        }
    }

    fn postgres() -> Self {
        Self {
            url: PostgresServer::shared().new_database(),
            _folder: None,
        }
    }

    async fn open(&self) -> Arc<Database> {
        let database = self.open_as("a test", Duration::from_secs(15)).await;
        Arc::new(database.expect("it opens"))
    }

    async fn open_as(&self, holder: &str, ttl: Duration) -> Result<Database, StoreError> {
        let holder = holder.to_owned();
        Database::open(&self.url, &LeaseTerms { holder, ttl }).await
    }
}

pub(crate) fn start(run: &str) -> Commit {
    let header = RunHeader {
        run_id: RunId::new(run),
        workflow_id: "w".into(),
        version_id: "v".into(),
        workflow_slug: "health".to_owned(),
        workflow_name: "Health".to_owned(),
        version: 1,
        created_at: Timestamp::from_micros(1),
    };
    let event = Event::started(serde_json::json!({}), "local");
    let summary = RunSummary {
        header,
        seq: 1,
        status: RunStatus::Running,
        reason: None,
        message: None,
        percent: 0,
        steps_total: 3,
        steps_done: 0,
        steps_failed: 0,
        waiting_for_people: 0,
        current: None,
        started_by: "local".to_owned(),
        started_at: Some(Timestamp::from_micros(1)),
        finished_at: None,
    };
    let events = vec![Recorded {
        seq: 1,
        at: Timestamp::from_micros(1),
        event,
    }];
    Commit {
        expected_seq: 0,
        events: events.into(),
        summary: Arc::new(summary),
        gates: Vec::new(),
        start_key: None,
    }
}

/// `count` more events after the first.
fn progress(first: &Commit, count: u32) -> Commit {
    let events = (0..count).map(|at| Recorded {
        seq: 2 + at,
        at: Timestamp::from_micros(2),
        event: Event::StepQueued {
            step: StepPath::new("a"),
            waits_for: None,
        },
    });
    let summary = RunSummary {
        seq: 1 + count,
        ..RunSummary::clone(&first.summary)
    };
    Commit {
        expected_seq: 1,
        events: events.collect(),
        summary: Arc::new(summary),
        gates: Vec::new(),
        start_key: None,
    }
}

fn gate(run: &str, state: GateState, opened_seq: u32) -> GateRow {
    GateRow {
        id: GateId::new("g1"),
        run_id: RunId::new(run),
        step_id: StepPath::new("publish"),
        state,
        opened_seq,
        opened_at: Timestamp::from_micros(1),
        deadline: None,
    }
}
