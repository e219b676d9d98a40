//! Connections to PostgreSQL, and what is asked of the server behind them.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Row};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::{Instant, timeout};

use crate::store::{StoreError, unavailable};

/// Connections for reading and for changes beside the log. The log and the lease have one of their own each.
const CONNECTIONS_MAX: u32 = 8;
/// How long a caller waits for a connection before hearing that the database does not answer.
const ACQUIRE_MS_MAX: u64 = 3_000;
/// How long making a connection may take.
const CONNECT_MS_MAX: u64 = 5_000;
/// How long one statement may take. The server gives up first, so that nothing happens after we stopped waiting.
const STATEMENT_MS_MAX: u64 = 10_000;
/// A connection that has rested this long is tried before it is used: the server may have been started again.
const RESTED_MS: u64 = 1_000;

/// What a URL says. Its password is kept out of every message.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        StoreError::Unavailable(format!("the address is not understood: {error}"))
    })?;
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("signalbox"),
    })
}

pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(Duration::from_millis(ACQUIRE_MS_MAX))
        .after_connect(|connection, _| {
            Box::pin(async move {
                limit_statements(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

async fn limit_statements(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // A transaction whose client has vanished would keep its locks, and a lock on the lease keeps the next process off.
    sqlx::query(
        "SELECT set_config('statement_timeout', $1, false),
                set_config('idle_in_transaction_session_timeout', $1, false)",
    )
    .bind(STATEMENT_MS_MAX.to_string())
    .execute(&mut *connection)
    .await?;
    // Whoever has set more than the default keeps it. Less would make an acknowledged run one that may be lost.
    sqlx::query(
        "SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') = 'off'",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A connection to set things up with. Its statements may take their time: a migration does.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connecting = PgConnection::connect_with(options);
    let mut connection = timeout(Duration::from_millis(CONNECT_MS_MAX), connecting)
        .await
        .map_err(|_| unavailable("it did not answer in time"))??;
    // What the migrations find in place already is no news.
    sqlx::query("SELECT set_config('client_min_messages', 'warning', false)")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// Refuses a server that would change what it is given, and warns of one that may lose it.
pub(super) async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
                pg_is_in_recovery() AS replica",
    )
    .fetch_one(connection)
    .await?;
    let encoding: String = row.try_get("encoding")?;
    if encoding != "UTF8" {
        return Err(unavailable(format!(
            "its encoding is {encoding}; make a database with ENCODING 'UTF8'"
        )));
    }
    if row.try_get("replica")? {
        return Err(unavailable(
            "it is a replica that takes no writes; name the primary server",
        ));
    }
    let fsync: String = row.try_get("fsync")?;
    if fsync == "off" {
        tracing::warn!(
            "the PostgreSQL server runs with fsync = off: runs may be lost when its machine fails"
        );
    }
    Ok(())
}

/// One connection that is made again when it has broken.
pub(super) struct Line {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    used_at: Instant,
}

impl Line {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: None,
            used_at: Instant::now(),
        }
    }

    /// The connection, made or made again if need be.
    pub(super) async fn connected(&mut self) -> Result<&mut PgConnection, StoreError> {
        let rested = self.used_at.elapsed() > Duration::from_millis(RESTED_MS);
        self.used_at = Instant::now();
        let mut connection = self.connection.take();
        if rested && let Some(resting) = &mut connection {
            let limit = Duration::from_millis(ACQUIRE_MS_MAX);
            if !matches!(timeout(limit, resting.ping()).await, Ok(Ok(()))) {
                connection = None;
            }
        }
        let connection = match connection {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut connection = connect(&self.options).await?;
        limit_statements(&mut connection).await?;
        Ok(connection)
    }

    /// Forgets the connection: it has failed, or was left in the middle of something.
    pub(super) fn drop_connection(&mut self) {
        self.connection = None;
    }
}

/// Longer than any statement may take on the server.
pub(super) const PATIENCE: Duration = Duration::from_millis(2 * STATEMENT_MS_MAX);
