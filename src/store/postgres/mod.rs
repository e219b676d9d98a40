//! PostgreSQL: a database that several machines reach, one of which works on it at a time.

mod batch;
mod connection;
mod lease;

pub(super) use lease::Keeper;

use super::database::{Claim, Database, Pools};
use super::writer::Writer;
use super::{LeaseTerms, StoreError, not_migrated};
use batch::PostgresLedger;
use connection::{Line, pool};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use std::sync::Arc;

/// Claims the database named by a `postgres:` URL and brings its tables up to date.
pub(super) async fn open(url: &str, terms: &LeaseTerms) -> Result<Database, StoreError> {
    let options = connection::options(url)?;
    let mut connection = connection::connect(&options).await?;
    connection::check_server(&mut connection).await?;
    // Claimed before the tables are touched, so that a newer release that is refused leaves them alone.
    if !has_leases(&mut connection).await? {
        migrate(&mut connection).await?;
    }
    let lease = Arc::new(lease::claim(&mut connection, terms).await?);
    let keeper = Keeper::start(Line::new(options.clone()), Arc::clone(&lease), terms.ttl);
    if let Err(error) = migrate(&mut connection).await {
        keeper.give_back().await;
        return Err(error);
    }
    connection.close().await?;
    let log = Writer::start(PostgresLedger::new(Line::new(options.clone()), lease));
    let pools = Pools::Postgres(pool(options));
    Ok(Database::new(pools, log, Claim::Lease(keeper)))
}

/// False for a database that no Signalbox has used yet.
async fn has_leases(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT to_regclass('leases') IS NOT NULL AS there")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("there")?)
}

/// Two processes that start at once take turns here: the lock is the library's.
async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::migrate!("migrations/postgres")
        .run(connection)
        .await
        .map_err(not_migrated)
}
