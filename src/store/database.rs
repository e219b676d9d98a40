//! A database of either kind, opened by its URL. Queries are methods of `Database` and live beside their nouns
//! (`runs`, `workflows`, `artifacts`), each written once.

use sqlx::sqlite::SqlitePool;
use sqlx::{PgPool, Postgres, Sqlite, Transaction};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

use super::cards::Cards;
use super::sql::{
    Row, Sql, SqlError, changed_on_postgres, changed_on_sqlite, rows_on_postgres, rows_on_sqlite,
};
use super::writer::Writer;
use super::{StoreError, postgres, sqlite, unavailable};

/// Where everything is remembered.
pub struct Database {
    pools: Pools,
    pub(super) log: Writer,
    pub(super) cards: Arc<Cards>,
    /// What keeps other processes off, for as long as the database is used.
    claim: Claim,
}

/// The connections.
pub(super) enum Pools {
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
        turn: WriteTurn,
    },
    Postgres(PgPool),
}

/// Whose turn it is to write to an SQLite file: the log's, over a connection of its own, or a change's. SQLite itself
/// lets whoever looks at the right moment go first, and the log, which always has more to write, would keep everybody
/// else out; this queue is fair.
pub(super) type WriteTurn = Arc<tokio::sync::Mutex<()>>;

pub(super) enum Claim {
    /// SQLite: a locked file.
    File { _locked: sqlite::FileLock },
    /// PostgreSQL: a lease that is renewed.
    Lease(postgres::Keeper),
}

/// What a process says and asks for when it claims a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct LeaseTerms {
    /// Who holds it, for people.
    pub holder: String,
    /// How long it lasts without being renewed: what a process that has died costs the next one.
    pub ttl: Duration,
}

impl Database {
    /// Opens the database at a `sqlite:` or `postgres:` URL and brings its tables up to date. An SQLite file is made
    /// when absent; a PostgreSQL database must be there.
    pub async fn open(url: &str, terms: &LeaseTerms) -> Result<Self, StoreError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            postgres::open(url, terms).await
        } else {
            sqlite::open(url).await
        }
    }

    pub(super) fn new(pools: Pools, log: Writer, claim: Claim) -> Self {
        Self {
            pools,
            log,
            cards: Arc::default(),
            claim,
        }
    }

    /// Waits for what is being written, then lets go of the database.
    pub async fn close(&self) {
        self.log.close().await;
        match &self.claim {
            Claim::File { .. } => {}
            Claim::Lease(keeper) => keeper.give_back().await,
        }
        match &self.pools {
            Pools::Sqlite {
                readers, writer, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Returns when another process has taken the database over, and never otherwise.
    pub async fn lost(&self) {
        match &self.claim {
            Claim::File { .. } => std::future::pending().await,
            Claim::Lease(keeper) => keeper.lease.lost().await,
        }
    }

    pub fn is_lost(&self) -> bool {
        match &self.claim {
            Claim::File { .. } => false,
            Claim::Lease(keeper) => keeper.lease.is_lost(),
        }
    }

    /// As if another process had taken over.
    #[cfg(test)]
    pub(crate) fn pretend_lost(&self) {
        match &self.claim {
            Claim::File { .. } => panic!("a locked file cannot be taken over"),
            Claim::Lease(keeper) => keeper.lease.pretend_lost(),
        }
    }

    pub(super) async fn holds_its_claim(&self) -> bool {
        match &self.claim {
            Claim::File { .. } => true,
            Claim::Lease(keeper) => keeper.lease.may_act().await,
        }
    }

    /// Cheap proof that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.all(Sql::of("SELECT 1 AS one")).await.map(|_| ())
    }

    /// Whether starts and decisions can be taken: the database answers, and what is written to it is stored. After a
    /// failure that is found out by writing, because somebody may have made room and nobody written since.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if self.is_lost() {
            return Err(StoreError::LeaseLost);
        }
        self.ping().await?;
        if self.log.is_closed() {
            return Err(unavailable(
                "the writer of the log has stopped; start the server again",
            ));
        }
        if self.log.fails() {
            self.try_to_write().await?;
            self.log.note_success();
        }
        Ok(())
    }

    async fn try_to_write(&self) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        match &self.claim {
            // Sets what is set already; SQLite writes and syncs the page all the same.
            Claim::File { .. } => change.run(Sql::of("PRAGMA user_version = 0")).await?,
            // The lease is renewed all the time, which is proof enough.
            Claim::Lease(_) => 0,
        };
        change.commit().await
    }

    /// All rows that the statement answers. It must not change anything.
    pub(super) async fn all(&self, sql: Sql<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = match &self.pools {
            Pools::Sqlite { readers, .. } => rows_on_sqlite(&sql, readers).await,
            Pools::Postgres(pool) => rows_on_postgres(&sql, pool).await,
        };
        Ok(rows?)
    }

    /// The first row, for statements that answer at most one.
    pub(super) async fn first(&self, sql: Sql<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// Begins a change. Nothing of it is stored before its `commit`, and nothing at all when it is dropped.
    pub(super) async fn change(&self) -> Result<Change, StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, turn, .. } => {
                let turn = Arc::clone(turn).lock_owned().await;
                // Taking the lock at once: a reader that starts to write would be refused while another writes.
                let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                Ok(Change::Sqlite(transaction, turn))
            }
            Pools::Postgres(pool) => {
                let mut change = Change::Postgres(pool.begin().await?);
                if let Claim::Lease(keeper) = &self.claim {
                    keeper.check(&mut change).await?;
                }
                Ok(change)
            }
        }
    }
}

/// Statements that are stored together.
pub(super) enum Change {
    Sqlite(Transaction<'static, Sqlite>, OwnedMutexGuard<()>),
    Postgres(Transaction<'static, Postgres>),
}

impl Change {
    /// All rows that the statement answers.
    pub(super) async fn all(&mut self, sql: Sql<'_>) -> Result<Vec<Row>, SqlError> {
        match self {
            Change::Sqlite(transaction, _) => rows_on_sqlite(&sql, &mut **transaction).await,
            Change::Postgres(transaction) => rows_on_postgres(&sql, &mut **transaction).await,
        }
    }

    /// The row of a statement that always answers one.
    pub(super) async fn one(&mut self, sql: Sql<'_>) -> Result<Row, SqlError> {
        let row = self.all(sql).await?.into_iter().next();
        row.ok_or_else(|| SqlError::Other(unavailable("a statement did not answer its row")))
    }

    /// How many rows the statement changed.
    pub(super) async fn run(&mut self, sql: Sql<'_>) -> Result<u64, SqlError> {
        match self {
            Change::Sqlite(transaction, _) => changed_on_sqlite(&sql, &mut **transaction).await,
            Change::Postgres(transaction) => changed_on_postgres(&sql, &mut **transaction).await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Change::Sqlite(transaction, _turn) => transaction.commit().await?,
            Change::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}
