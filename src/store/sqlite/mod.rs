//! SQLite, inside the process: a thread that writes what all runs have ready, a connection for other changes, and a few
//! readers beside them.

pub mod backup;
mod batch;
mod claim;
mod soundness;

pub(super) use claim::FileLock;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::database::{Claim, Database, Pools, WriteTurn};
use super::writer::Writer;
use super::{StoreError, not_migrated, unavailable};
use batch::SqliteLedger;

/// Readers beside the one writer: enough for two cores, few enough to stay small.
const READERS_MAX: u32 = 4;
/// How long a statement waits for a lock that another process holds, such as a backup.
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Opens the file named by a `sqlite:` URL, makes it when absent, and brings its tables up to date.
pub(super) async fn open(url: &str) -> Result<Database, StoreError> {
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
    if url.contains(":memory:") || url.contains("mode=memory") {
        let why = "a database in memory would forget every run; name a file, such as sqlite:./data/signalbox.db";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    let file = options.get_filename().to_path_buf();
    let locked = FileLock::of(&file)?;
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        // When a commit fails for want of room SQLite undoes the transaction by itself. The connection still believes
        // to be in it and would refuse every other one, for ever: it is replaced.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone())
        .await
        .map_err(unavailable)?;
    sqlx::migrate!("migrations/sqlite")
        .run(&writer)
        .await
        .map_err(not_migrated)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .connect_with(options.read_only(true).create_if_missing(false))
        .await
        .map_err(unavailable)?;
    let turn = WriteTurn::default();
    let ledger = SqliteLedger::open(&file, Arc::clone(&turn))?;
    let log = Writer::on_a_thread(ledger).map_err(unavailable)?;
    let claim = Claim::File { _locked: locked };
    let pools = Pools::Sqlite {
        readers,
        writer,
        turn,
    };
    Ok(Database::new(pools, log, claim))
}
