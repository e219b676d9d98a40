//! Remembers. The hot path of the driver is the small trait `Store`; each implementation passes the conformance
//! suite. Everything else is plain SQL on `Database`, written once for SQLite and PostgreSQL. Rows, not rules: what may
//! happen to a run is decided elsewhere, a store only stores.

mod artifacts;
mod capsules;
mod cards;
mod database;
mod drafts;
mod entry;
mod filters;
mod large;
mod listing;
mod log;
pub mod memory;
mod postgres;
mod retention;
mod rows;
mod runs;
mod snapshots;
mod sql;
mod sqlite;
mod step_logs;
mod text;
mod triggers;
mod versions;
mod workflows;
mod writer;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
#[path = "../../tests/support/postgres.rs"]
pub(crate) mod postgres_server;

pub use artifacts::{ArtifactContent, NewArtifact};
pub use capsules::CapsuleRow;
pub use database::{Database, LeaseTerms};
pub use drafts::{DraftRow, Publication, PublishedDraft};
pub use filters::{FilterKept, FilterRenamed, FilterRow};
pub use listing::{Indexed, RunSearch};
pub use retention::Expired;
pub use runs::{OpenGate, RunFilter, StatusCount};
pub use sqlite::backup;
pub use step_logs::{Appended, Found, LogBatch, LogSearch};
pub use triggers::{Fired, Progress, RunEnd, TriggerRow, TriggerStore, WebhookKey};
pub use versions::{NewVersion, VersionRow, WorkflowChange};
pub use workflows::{Shelf, ShelfCounts, WorkflowFilter, WorkflowRow};

use async_trait::async_trait;
use std::sync::Arc;
use thiserror::Error;

use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, StepPath, VersionId, WorkflowId};
use crate::engine::logs::LogCount;
use crate::engine::plan::Outline;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

/// What one turn of one run adds. All of it is stored, or nothing.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The run's last event before this turn; 0 for a run that does not exist yet.
    pub expected_seq: u32,
    /// Numbered from `expected_seq + 1`, without gaps; at least one.
    pub events: Arc<[Recorded]>,
    /// The run as it stands after them.
    pub summary: Arc<RunSummary>,
    /// Gates that these events opened or closed. Of a gate that is known already only the state changes.
    pub gates: Vec<GateRow>,
    /// With a first commit: the key under which the start is remembered.
    pub start_key: Option<StartKey>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StartKey {
    pub key: String,
    /// Of the request: the same key with another fingerprint is a mistake of the caller.
    pub fingerprint: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GateRow {
    pub id: GateId,
    pub run_id: RunId,
    pub step_id: StepPath,
    pub state: GateState,
    /// The event that holds the question.
    pub opened_seq: u32,
    pub opened_at: Timestamp,
    pub deadline: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    Open,
    Approved,
    Rejected,
    Expired,
    /// Its run ended first.
    Closed,
}

impl GateState {
    pub fn as_str(self) -> &'static str {
        match self {
            GateState::Open => "open",
            GateState::Approved => "approved",
            GateState::Rejected => "rejected",
            GateState::Expired => "expired",
            GateState::Closed => "closed",
        }
    }
}

impl std::str::FromStr for GateState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let states = [
            GateState::Open,
            GateState::Approved,
            GateState::Rejected,
            GateState::Expired,
            GateState::Closed,
        ];
        states
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a state of a gate"))
    }
}

/// Which version of which workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionCard {
    pub workflow_id: WorkflowId,
    pub version_id: VersionId,
    pub slug: String,
    pub name: String,
    /// From 1.
    pub number: u32,
    /// Its workflow has been deleted: it may be a step of others, and not be started otherwise.
    pub deleted: bool,
}

/// A whole run as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    pub header: RunHeader,
    pub events: Vec<Recorded>,
}

/// A run as far as it is needed to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumed {
    pub header: RunHeader,
    pub snapshot: Option<Snapshot>,
    /// Those behind the snapshot; without one, all.
    pub events: Vec<Recorded>,
}

/// The state of a run, written down so that its log need not be read from the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The last event in it.
    pub seq: u32,
    /// JSON, of a format that whoever asks for it knows.
    pub state: String,
}

/// A run for which there is nothing to do for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    pub run_id: RunId,
    /// Its last event when that was found.
    pub seq: u32,
    /// None: until somebody asks.
    pub until: Option<Timestamp>,
}

/// Shaped by what the caller can do about it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum StoreError {
    /// Somebody else has written to this run: load it again and decide again.
    #[error("the run has moved on since it was read")]
    Conflict,
    /// The start was remembered before: this is its run.
    #[error("this start has been made before, as run {run_id}")]
    StartedBefore { run_id: RunId, same_request: bool },
    /// What was to be changed has been changed, or is gone: read it again and decide again.
    #[error("it has been changed since it was read")]
    Stale,
    /// Another workflow has this short name.
    #[error("there is a workflow `{0}` already")]
    SlugTaken(String),
    /// Trying again later may help.
    #[error("the database does not answer as it should: {0}")]
    Unavailable(String),
    /// Trying again helps when somebody has made room.
    #[error("there is no room left for the database: {0}")]
    Full(String),
    /// Another process has taken over the database; this one may not write to it any more, and must stop.
    #[error("another process has taken over the database")]
    LeaseLost,
    /// What is stored cannot be read. Trying again does not help.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}

/// The hot path of the driver.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores one turn, atomically. When it answers `Ok` the turn survives any crash. After `Conflict`,
    /// `StartedBefore` and `LeaseLost` nothing of it is stored. After any other error, and when the process dies before it answers,
    /// either all of the turn is stored or none of it, and the log tells which.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// The run with its whole log.
    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError>;

    /// The run, from its last snapshot of this format on.
    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError>;

    /// Keeps a snapshot of a run that has not ended instead of an earlier one. It goes when the run ends.
    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError>;

    /// At most `limit` events with a sequence number above `after`, in order.
    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Runs that have neither ended nor been put to rest, oldest first: what recovery has to look at.
    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError>;

    /// Notes that there is nothing to do for these runs for a while. The next turn of a run ends that. One answer a run:
    /// false, and nothing is noted of it, when it has gone on or has ended.
    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError>;

    /// At most `limit` of the runs that rest until some moment, and until when; the next one first.
    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError>;

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError>;

    /// How many runs were started with a key that begins so. A prefix ends with `/`.
    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError>;

    /// The version with this number, or the current one, of the workflow with this slug or id.
    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError>;

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError>;

    /// The document of a version.
    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError>;

    /// What the version compiled to when it was saved. The logs of its runs are folded with this one, whatever a
    /// later release makes of the document.
    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError>;

    /// Adds lines to logs of steps, all or none of them; the logs are different ones and in order. One answer a batch. When
    /// it answers `Ok` they survive any crash; what a crash before leaves of a log is its beginning, without gaps. A store
    /// that stands for another one in tests keeps none.
    async fn append_logs(&self, batches: &[LogBatch]) -> Result<Vec<Appended>, StoreError> {
        let none = Appended::Stored(LogCount::default());
        Ok(vec![none; batches.len()])
    }

    /// Whether this process may act on what it has stored: asked before an effect starts. Waits while the database
    /// cannot tell. Once false it stays false: another process has taken over, or this one is stopping.
    async fn may_act(&self) -> bool {
        true
    }
}

impl StoreError {
    /// Whether the same call may succeed later, without anything having changed in what was asked.
    pub fn may_pass(&self) -> bool {
        match self {
            StoreError::Unavailable(_) | StoreError::Full(_) => true,
            StoreError::Conflict
            | StoreError::StartedBefore { .. }
            | StoreError::Stale
            | StoreError::SlugTaken(_)
            | StoreError::LeaseLost
            | StoreError::Corrupt(_) => false,
        }
    }
}

/// What the databases call a disk without room: SQLite's `SQLITE_FULL`, PostgreSQL's `disk_full`.
const FULL_CODES: [&str; 2] = ["13", "53100"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code {
            Some(code) if FULL_CODES.contains(&&*code) => StoreError::Full(error.to_string()),
            Some(_) | None => unavailable(error),
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

fn not_migrated(error: sqlx::migrate::MigrateError) -> StoreError {
    StoreError::Unavailable(format!("the tables cannot be brought up to date: {error}"))
}
