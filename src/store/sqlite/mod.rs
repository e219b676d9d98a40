//! SQLite, inside the process: one writer that gathers what all runs have ready, and a few readers beside it.

mod artifacts;
mod claim;
mod log;
mod rows;
mod runs;
mod workflows;
mod writer;

pub use artifacts::{ArtifactContent, NewArtifact};
pub use runs::{OpenGate, RunFilter};
pub use workflows::{NewVersion, WorkflowRow};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::str::FromStr;
use std::time::Duration;

use super::StoreError;
use claim::Claim;
use writer::Writer;

/// Readers beside the one writer: enough for two cores, few enough to stay small.
const READERS_MAX: u32 = 4;
/// How long a statement waits for a lock that another process holds, such as a backup.
const BUSY_TIMEOUT_MS: u64 = 5_000;

pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    log: Writer,
    /// Held for as long as the database is used.
    _claim: Option<Claim>,
}

impl SqliteStore {
    /// Opens the file named by a `sqlite:` URL, makes it when absent, and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| {
                StoreError::Unavailable(format!("`{url}` is not a database address: {error}"))
            })?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A run that is acknowledged is a run on disk.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
            .pragma("trusted_schema", "OFF");
        let claim = Claim::of(url, &options)?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(unavailable)?;
        sqlx::migrate!("migrations/sqlite")
            .run(&writer)
            .await
            .map_err(|error| {
                StoreError::Unavailable(format!("the tables cannot be brought up to date: {error}"))
            })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(unavailable)?;
        let log = Writer::start(writer.clone());
        Ok(Self {
            readers,
            writer,
            log,
            _claim: claim,
        })
    }

    /// Waits for what is being written, then closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Makes an event unreadable, as a disk fault might.
    #[cfg(test)]
    pub(super) async fn spoil_event(&self, run_id: &crate::engine::ids::RunId, seq: u32) {
        sqlx::query("UPDATE run_events SET payload = '{' WHERE run_id = $1 AND seq = $2")
            .bind(run_id.as_str())
            .bind(i64::from(seq))
            .execute(&self.writer)
            .await
            .expect("it can be spoilt");
    }

    /// Cheap proof that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.readers)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
