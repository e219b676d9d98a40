//! The server's one "now", its one source of chance and of ids. Everything else is told.

use async_trait::async_trait;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::time::{Moment, Timestamp};

#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// 64 random bits, for jitter and derived ids.
    fn entropy(&self) -> u64;

    /// A new UUIDv7.
    fn new_id(&self) -> String;

    /// Returns at or after that moment.
    async fn sleep_until(&self, moment: Timestamp);

    fn moment(&self) -> Moment {
        Moment {
            now: self.now(),
            entropy: self.entropy(),
        }
    }
}

/// The machine's clock and randomness.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the server that may look at the clock"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one source of chance of the server"
    )]
    fn entropy(&self) -> u64 {
        rand::random()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one source of ids of the server"
    )]
    fn new_id(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // Never early: the wall clock is asked again after each sleep, also when it was set back meanwhile. Short
        // sleeps, so that a clock that is set forward is noticed.
        loop {
            let left = moment.as_micros().saturating_sub(self.now().as_micros());
            let Ok(left_us) = u64::try_from(left) else {
                return;
            };
            if left_us == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_micros(left_us).min(Duration::from_secs(30))).await;
        }
    }
}
