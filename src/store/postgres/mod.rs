//! PostgreSQL: a database that several machines reach, one of which works on it at a time.

mod batch;
mod connection;

use super::database::{Claim, Database, Pools};
use super::writer::Writer;
use super::{StoreError, not_migrated};
use batch::PostgresLedger;
use connection::{Line, pool};

/// Opens the database named by a `postgres:` URL and brings its tables up to date.
pub(super) async fn open(url: &str) -> Result<Database, StoreError> {
    let options = connection::options(url)?;
    let mut line = Line::new(options.clone());
    connection::check_server(line.connected().await?).await?;
    sqlx::migrate!("migrations/postgres")
        .run(line.connected().await?)
        .await
        .map_err(not_migrated)?;
    let pool = pool(options);
    let log = Writer::start(PostgresLedger::new(line));
    Ok(Database::new(Pools::Postgres(pool), log, Claim::None))
}
