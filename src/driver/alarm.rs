//! The one timer of an owner. A run's next deadline moves with almost every turn, and telling the system each time would
//! cost more than the turn: the alarm is only ever set earlier. It may ring before anything is due, and is set again.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use super::Driver;
use crate::engine::time::Timestamp;

#[derive(Default)]
pub(super) struct Alarm(Option<Ringing>);

struct Ringing {
    at: Timestamp,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Alarm {
    /// It is to ring at or before this moment.
    pub(super) fn set(&mut self, driver: &Driver, due: Option<Timestamp>) {
        let Some(due) = due else { return };
        if self.0.as_ref().is_some_and(|ringing| ringing.at <= due) {
            return;
        }
        let clock = Arc::clone(&driver.clock);
        let sleep = Box::pin(async move { clock.sleep_until(due).await });
        self.0 = Some(Ringing { at: due, sleep });
    }

    /// Returns when it rings: never, if it is not set. May be asked again after having been dropped.
    pub(super) async fn rings(&mut self) {
        match &mut self.0 {
            Some(ringing) => ringing.sleep.as_mut().await,
            None => pending().await,
        }
        self.0 = None;
    }
}
