//! A process: a runtime of its own with a driver on it. When it dies everything in it is dropped where it stands, as
//! at the end of a real one; only the store and the outside world remain.

use async_trait::async_trait;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::store::{Fate, Line};
use super::tools::toolbox;
use super::world::{Ask, Entry, Outside, Verdict};
use crate::driver::clock::Clock;
use crate::driver::launch::{Launch, LaunchError};
use crate::driver::{Driver, SubmitError};
use crate::engine::command::Command;
use crate::engine::ids::RunId;
use crate::engine::properties::chance::Chance;
use crate::engine::time::Timestamp;
use crate::store::memory::MemoryStore;

/// Runs below one run: few, so that seeds come to the bound.
pub(super) const DESCENDANTS_MAX: u32 = 8;

/// As the machine's clock is looked at again: a sleeper notices within this time that it was set.
const LOOKS_AGAIN_MS: u64 = 30_000;

pub(super) struct Process {
    pub driver: Arc<Driver>,
    pub fate: Arc<Fate>,
    pub clock: Arc<SetClock>,
    // Dropped last: what the driver holds belongs to it.
    runtime: Runtime,
}

impl Process {
    /// Starts, and takes up every run that has not ended.
    pub(super) fn boot(
        epoch: u32,
        outside: &Outside,
        store: &Arc<MemoryStore>,
        starts_at: Timestamp,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing");
        let fate = Fate::new(epoch, outside.clone());
        let line = Line {
            fate: Arc::clone(&fate),
            store: Arc::clone(store),
        };
        let (driver, clock) = {
            let _entered = runtime.enter();
            let clock = SetClock::new(starts_at, epoch, outside.lock().chance.next());
            let address = "http://127.0.0.1:3000";
            let driver = Driver::new(Arc::new(line), toolbox(&fate), clock.clone(), address);
            driver.families().descendants_max = DESCENDANTS_MAX;
            (driver, clock)
        };
        let recovering = Arc::clone(&driver);
        runtime.spawn(async move {
            while recovering.recover().await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self {
            driver,
            fate,
            clock,
            runtime,
        }
    }

    /// So much time goes by for the process. False: it has died meanwhile.
    pub(super) fn run_for(&self, ms: u64) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.fate.died.notified() => false,
                () = tokio::time::sleep(Duration::from_millis(ms)) => true,
            }
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        let _entered = self.runtime.enter();
        self.clock.now()
    }

    /// Somebody asks the process for something, and is told what came of it.
    pub(super) fn ask(&self, ask: Ask, command: Command) {
        let (driver, outside) = (Arc::clone(&self.driver), self.fate.outside.clone());
        self.runtime.spawn(async move {
            let answer = driver.submit(&ask.run_id, command).await;
            let verdict = match answer {
                Ok(()) => Verdict::Done,
                Err(error) => refused(error),
            };
            outside.write(Entry::Answered { ask, verdict });
        });
    }

    /// As `ask`, for what nobody waits for.
    pub(super) fn tell(&self, run_id: RunId, command: Command) {
        let driver = Arc::clone(&self.driver);
        self.runtime.spawn(async move {
            driver.submit_quietly(&run_id, command).await;
        });
    }

    pub(super) fn launch(&self, launch: Launch, mark: String) {
        let (driver, outside) = (Arc::clone(&self.driver), self.fate.outside.clone());
        self.runtime.spawn(async move {
            let mut ask = Ask {
                run_id: RunId::new(""),
                what: "start",
                mark,
            };
            let verdict = match driver.launch(launch).await {
                Ok(run_id) => {
                    ask.run_id = run_id;
                    Verdict::Done
                }
                Err(LaunchError::Submit(error)) => refused(error),
                Err(other) => Verdict::Refused(other.to_string()),
            };
            outside.write(Entry::Answered { ask, verdict });
        });
    }
}

fn refused(error: SubmitError) -> Verdict {
    match error {
        SubmitError::Rejected(rejection) => Verdict::Refused(rejection.to_string()),
        SubmitError::NoSuchRun => Verdict::Refused(error.to_string()),
        SubmitError::Store(_) | SubmitError::InDoubt | SubmitError::Stopping => {
            Verdict::Unknown(error.to_string())
        }
    }
}

/// Follows the runtime's time, which jumps ahead whenever nothing else is to do, and can be set.
pub(super) struct SetClock {
    origin: Instant,
    starts_at: Timestamp,
    set_by_us: AtomicI64,
    epoch: u32,
    ids: AtomicU64,
    chance: Mutex<Chance>,
}

impl SetClock {
    fn new(starts_at: Timestamp, epoch: u32, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            starts_at,
            set_by_us: AtomicI64::new(0),
            epoch,
            ids: AtomicU64::new(0),
            chance: Mutex::new(Chance::new(seed)),
        })
    }

    pub(super) fn set_by_ms(&self, ms: i64) {
        self.set_by_us.fetch_add(ms * 1_000, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.origin.elapsed().as_micros()).expect("a short life");
        let set = self.set_by_us.load(Ordering::Relaxed);
        Timestamp::from_micros(self.starts_at.as_micros() + elapsed + set)
    }

    fn entropy(&self) -> u64 {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        chance.next()
    }

    fn new_id(&self) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        format!("run-{}-{number}", self.epoch)
    }

    async fn sleep_until(&self, moment: Timestamp) {
        loop {
            let left_us = moment.as_micros() - self.now().as_micros();
            if left_us <= 0 {
                return;
            }
            let left = Duration::from_micros(left_us.unsigned_abs());
            tokio::time::sleep(left.min(Duration::from_millis(LOOKS_AGAIN_MS))).await;
        }
    }
}
