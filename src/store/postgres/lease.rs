//! One process at a time works on a PostgreSQL database: the one that holds the lease. It renews it while it lives; when
//! it has died, the lease runs out and the next process may claim it, with an epoch that is one higher. A lease decides
//! who may begin; what keeps a process out that does not know yet that it has been replaced is the fence: every write
//! locks the lease's row and checks its epoch, so that a claim and a write never overlap.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::connection::Line;
use crate::engine::time::Timestamp;
use crate::store::database::Change;
use crate::store::sql::Sql;
use crate::store::{LeaseTerms, StoreError, unavailable};

/// What is held. One name, until the runs are shared out over several processes.
pub(super) const NAME: &str = "runs";
/// How often somebody who waits for a lease looks at it.
const LOOK_MS: u64 = 100;
/// Renewals within the time that a lease lasts: two may fail.
const RENEWALS: u32 = 3;
/// How long a stopping process tries to give its lease back. It runs out by itself otherwise.
const GIVE_BACK_MS_MAX: u64 = 3_000;

/// A lease that this process holds or has held.
pub(in crate::store) struct Lease {
    epoch: i64,
    standing: watch::Sender<Standing>,
}

/// What this process knows of its lease.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    /// Nobody can have claimed it before that moment.
    Held { until: Instant },
    /// Another process has claimed it.
    Lost,
    /// This process is stopping.
    GivenBack,
}

impl Lease {
    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Answers the row of the lease, locked until the transaction ends, if it still is this process's.
    fn check(&self) -> Sql<'static> {
        Sql::of("SELECT epoch FROM leases WHERE name = $1 AND epoch = $2 FOR SHARE")
            .bind(NAME)
            .bind(self.epoch)
    }

    /// A write has found another epoch.
    pub(super) fn lose(&self) -> StoreError {
        self.standing.send_if_modified(|standing| {
            let news = matches!(standing, Standing::Held { .. });
            if news {
                *standing = Standing::Lost;
            }
            news
        });
        StoreError::LeaseLost
    }

    /// Refuses to write after the lease was given back: the epoch would still be right for a while.
    pub(super) fn may_write(&self) -> Result<(), StoreError> {
        match *self.standing.borrow() {
            Standing::Held { .. } => Ok(()),
            Standing::Lost => Err(StoreError::LeaseLost),
            Standing::GivenBack => Err(unavailable("this process is stopping")),
        }
    }

    #[cfg(test)]
    pub(in crate::store) fn pretend_lost(&self) {
        self.lose();
    }

    pub(in crate::store) fn is_lost(&self) -> bool {
        *self.standing.borrow() == Standing::Lost
    }

    /// Returns when another process has claimed the lease, and never otherwise.
    pub(in crate::store) async fn lost(&self) {
        let mut news = self.standing.subscribe();
        // The sender lives as long as this lease.
        let _ = news.wait_for(|standing| *standing == Standing::Lost).await;
    }

    /// Whether this process may act on what it has stored. While the database does not answer and the lease may have
    /// run out, this waits: another process may be acting by then.
    pub(in crate::store) async fn may_act(&self) -> bool {
        let mut news = self.standing.subscribe();
        let certain = |standing: &Standing| match standing {
            Standing::Held { until } => Instant::now() < *until,
            Standing::Lost | Standing::GivenBack => true,
        };
        let settled = news.wait_for(certain).await;
        matches!(settled.as_deref(), Ok(Standing::Held { .. }))
    }
}

/// Renews a lease until it is lost or given back.
pub(in crate::store) struct Keeper {
    pub(in crate::store) lease: Arc<Lease>,
    stop: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(super) fn start(line: Line, lease: Arc<Lease>, ttl: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let kept = Arc::clone(&lease);
        let keeping = tokio::spawn(keep(line, kept, ttl, stopped));
        Self {
            lease,
            stop: Mutex::new(Some((stop, keeping))),
        }
    }

    /// The fence of every change beside the log: it has to be the first thing that the change asks.
    pub(in crate::store) async fn check(&self, change: &mut Change) -> Result<(), StoreError> {
        self.lease.may_write()?;
        if change.all(self.lease.check()).await?.is_empty() {
            return Err(self.lease.lose());
        }
        Ok(())
    }

    /// Nothing is written after this, and the next process need not wait.
    pub(in crate::store) async fn give_back(&self) {
        self.lease.standing.send_if_modified(|standing| {
            let held = matches!(standing, Standing::Held { .. });
            if held {
                *standing = Standing::GivenBack;
            }
            held
        });
        if let Some((stop, keeping)) = self.stop.lock().await.take() {
            let _ = stop.send(());
            let limit = Duration::from_millis(GIVE_BACK_MS_MAX);
            if timeout(limit, keeping).await.is_err() {
                tracing::warn!("the lease could not be given back; it runs out by itself");
            }
        }
    }
}

/// Claims the lease. One that is held is watched: if its holder renews it, the holder lives and this process is
/// refused; if it runs out, its holder has died and this process takes over.
pub(super) async fn claim(
    connection: &mut PgConnection,
    terms: &LeaseTerms,
) -> Result<Lease, StoreError> {
    let mut seen: Option<Held> = None;
    loop {
        let asked = Instant::now();
        let claimed = sqlx::query(CLAIM)
            .bind(NAME)
            .bind(&terms.holder)
            .bind(micros(terms.ttl))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = claimed {
            let until = asked + terms.ttl;
            return Ok(Lease {
                epoch: row.try_get("epoch")?,
                standing: watch::Sender::new(Standing::Held { until }),
            });
        }
        let Some(held) = held(connection).await? else {
            continue;
        };
        match &seen {
            Some(before) if before.is_renewed_in(&held) => return Err(held.refusal()),
            Some(_) => {}
            None => {
                tracing::warn!(
                    "{} has held this database until {}; waiting to see whether it still lives",
                    held.holder,
                    held.expires_at
                );
                seen = Some(held);
            }
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

/// The lease as somebody else holds it.
struct Held {
    holder: String,
    epoch: i64,
    expires_at: Timestamp,
}

impl Held {
    /// One that was given back has an earlier end, and is free.
    fn is_renewed_in(&self, later: &Held) -> bool {
        self.epoch != later.epoch || self.expires_at < later.expires_at
    }

    fn refusal(&self) -> StoreError {
        unavailable(format!(
            "another Signalbox, {}, is using it: it holds the database until {} and renews that while it lives; \
             stop that one first, or choose another database with --database",
            self.holder, self.expires_at
        ))
    }
}

async fn held(connection: &mut PgConnection) -> Result<Option<Held>, StoreError> {
    let row = sqlx::query("SELECT holder, epoch, expires_at FROM leases WHERE name = $1")
        .bind(NAME)
        .fetch_optional(connection)
        .await?;
    let held = row.map(|row| {
        Ok::<_, sqlx::Error>(Held {
            holder: row.try_get("holder")?,
            epoch: row.try_get("epoch")?,
            expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
        })
    });
    Ok(held.transpose()?)
}

async fn keep(
    mut line: Line,
    lease: Arc<Lease>,
    ttl: Duration,
    mut stopped: oneshot::Receiver<()>,
) {
    let every = ttl / RENEWALS;
    loop {
        let news = async {
            tokio::select! {
                () = sleep(every) => {}
                () = lease.lost() => {}
            }
        };
        tokio::select! {
            told = &mut stopped => {
                // Without a word the database was dropped, as a crash would: the lease runs out.
                if told.is_ok() {
                    give_back(&mut line, &lease).await;
                }
                return;
            }
            () = news => {}
        }
        if lease.is_lost() {
            return;
        }
        let asked = Instant::now();
        match timeout(every, renew(&mut line, &lease, ttl)).await {
            Ok(Ok(true)) => {
                let until = asked + ttl;
                lease.standing.send_if_modified(|standing| {
                    let held = matches!(standing, Standing::Held { .. });
                    if held {
                        *standing = Standing::Held { until };
                    }
                    held
                });
            }
            Ok(Ok(false)) => {
                lease.lose();
                return;
            }
            Ok(Err(error)) => {
                line.drop_connection();
                tracing::warn!(%error, "the lease on the database could not be renewed");
            }
            Err(_) => {
                line.drop_connection();
                tracing::warn!("the lease on the database could not be renewed in time");
            }
        }
    }
}

/// False when another process has claimed it. One that has run out and that nobody else wanted is still this process's.
async fn renew(line: &mut Line, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
    let renewed = sqlx::query(RENEW)
        .bind(NAME)
        .bind(lease.epoch)
        .bind(micros(ttl))
        .execute(line.connected().await?)
        .await?;
    Ok(renewed.rows_affected() == 1)
}

async fn give_back(line: &mut Line, lease: &Lease) {
    let giving = async {
        sqlx::query("UPDATE leases SET expires_at = 0 WHERE name = $1 AND epoch = $2")
            .bind(NAME)
            .bind(lease.epoch)
            .execute(line.connected().await?)
            .await?;
        Ok::<_, StoreError>(())
    };
    if let Err(error) = giving.await {
        tracing::warn!(%error, "the lease could not be given back; it runs out by itself");
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

const CLAIM: &str = "
    INSERT INTO leases (name, holder, epoch, expires_at)
    VALUES ($1, $2, 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) + $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1,
        expires_at = CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) + $3
    WHERE leases.expires_at <= CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)
    RETURNING epoch";

const RENEW: &str = "
    UPDATE leases SET expires_at = CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) + $3
    WHERE name = $1 AND epoch = $2";
