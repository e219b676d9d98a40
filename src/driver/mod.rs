//! Makes things happen: takes commands, has the engine decide, stores what was decided, and only then acts. `submit`
//! is the only road from a command to a stored event.

mod alarm;
pub mod artifacts;
mod boards;
mod bus;
mod children;
pub mod clock;
mod families;
mod indexing;
pub mod launch;
mod loading;
mod logs;
mod perform;
mod plans;
mod projection;
mod reports;
mod resting;
pub mod retention;
mod rooms;
mod run_task;
pub mod schemas;
pub mod service;
mod snapshots;
pub mod tool;
pub mod triggers;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use bus::{Committed, RunNews};
pub use logs::{LogNews, OutsideLines, may_end};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::engine::command::{Command, Rejection};
use crate::engine::ids::{RunId, StepPath, VersionId};
use crate::engine::plan::{Outline, Plan};
use crate::engine::tool::Catalogue;
use crate::store::{Store, StoreError};
use boards::Boards;
use bus::Bus;
use clock::Clock;
use families::Families;
use logs::Logs;
use plans::Plans;
use reports::Reports;
use resting::Resting;
use rooms::{Asker, Rooms};
use run_task::{Envelope, Origin};
use schemas::Schemas;
use tool::Toolbox;

/// Tool calls that this process makes at once, over all runs.
const CALLS_MAX: usize = 512;
/// How long a stopping server waits for tools to finish; what has not by then is found as lost at the next start.
const STOP_GRACE_MS: u64 = 5_000;

pub struct Driver {
    store: Arc<dyn Store>,
    toolbox: Toolbox,
    schemas: Schemas,
    plans: Plans,
    clock: Arc<dyn Clock>,
    bus: Bus,
    boards: Boards,
    /// The owners of the runs in memory.
    runs: Mutex<BTreeMap<RunId, mpsc::Sender<Envelope>>>,
    calls: TaskTracker,
    /// The attempts that this process is making. Any other that the log knows as running was left behind.
    making: Mutex<BTreeSet<(RunId, StepPath, u32)>>,
    slots: Semaphore,
    rooms: Mutex<Rooms>,
    families: Mutex<Families>,
    reports: Mutex<Reports>,
    logs: Logs,
    resting: Resting,
    snapshots: snapshots::Writing,
    /// Where this server is, as its own workflows may name it.
    address: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Error)]
pub enum SubmitError {
    #[error("there is no such run")]
    NoSuchRun,
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database stopped answering while it was being stored. The run goes on from what the log says.
    #[error("it is not known yet whether this has been stored")]
    InDoubt,
    #[error("the server is stopping")]
    Stopping,
}

impl Driver {
    /// `address` is where this server is, such as `http://127.0.0.1:3000`.
    pub fn new(
        store: Arc<dyn Store>,
        toolbox: Toolbox,
        clock: Arc<dyn Clock>,
        address: &str,
    ) -> Arc<Self> {
        let catalogue = toolbox.catalogue();
        let address: Arc<str> = address.into();
        Arc::new(Self {
            store,
            schemas: Schemas::new(&catalogue),
            plans: Plans::new(catalogue, Arc::clone(&address)),
            toolbox,
            clock,
            bus: Bus::default(),
            boards: Boards::default(),
            runs: Mutex::default(),
            calls: TaskTracker::new(),
            making: Mutex::default(),
            slots: Semaphore::new(CALLS_MAX),
            rooms: Mutex::default(),
            families: Mutex::default(),
            reports: Mutex::default(),
            logs: Logs::default(),
            resting: Resting::default(),
            snapshots: snapshots::Writing::default(),
            address,
        })
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The same, for a task of its own.
    fn clock_shared(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub fn catalogue(&self) -> Catalogue {
        self.toolbox.catalogue()
    }

    /// Everything committed from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.bus.subscribe()
    }

    /// Everything committed of one run from now on. It need not exist yet.
    pub fn follow(&self, run_id: &RunId) -> RunNews {
        self.bus.follow(run_id)
    }

    pub async fn plan(&self, version_id: &VersionId) -> Result<Arc<Plan>, StoreError> {
        self.plans.get(&*self.store, version_id).await
    }

    /// The steps and edges of a version, to read its runs with.
    pub async fn outline(&self, version_id: &VersionId) -> Result<Arc<Outline>, StoreError> {
        self.plans.outline(&*self.store, version_id).await
    }

    /// The only road from a command to stored events. When it answers `Ok` the events are on disk.
    pub async fn submit(
        self: &Arc<Self>,
        run_id: &RunId,
        command: Command,
    ) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(
            run_id,
            Envelope {
                command,
                reply: Some(reply),
            },
        )
        .await;
        answer.await.map_err(|_| SubmitError::Stopping)?
    }

    /// For results that nobody waits for: they are not lost while the database does not answer.
    async fn submit_quietly(self: &Arc<Self>, run_id: &RunId, command: Command) {
        self.send(
            run_id,
            Envelope {
                command,
                reply: None,
            },
        )
        .await;
    }

    async fn send(self: &Arc<Self>, run_id: &RunId, envelope: Envelope) {
        let mut envelope = envelope;
        loop {
            let owner = self
                .runs()
                .entry(run_id.clone())
                .or_insert_with(|| run_task::spawn(self, run_id.clone(), Origin::Stored))
                .clone();
            match owner.send(envelope).await {
                Ok(()) => return,
                // The owner has just put the run away; a new one will take it up.
                Err(back) => {
                    envelope = back.0;
                    let mut runs = self.runs();
                    if runs
                        .get(run_id)
                        .is_some_and(|known| known.same_channel(&owner))
                    {
                        runs.remove(run_id);
                    }
                }
            }
        }
    }

    /// Takes up every run that has neither ended nor been put to rest: timers are armed again, gates go on waiting, and
    /// attempts that the last process left behind are made again or put to a person.
    pub async fn recover(self: &Arc<Self>) -> Result<usize, StoreError> {
        self.rooms().begin_recovery();
        let open = self.store.awake_runs().await?;
        let served = self.rooms().await_runs(&open);
        self.admit(served);
        for run_id in &open {
            self.submit_quietly(run_id, Command::Wake).await;
        }
        self.keep_waking();
        Ok(open.len())
    }

    /// Whether the run is in memory.
    pub fn owns(&self, run_id: &RunId) -> bool {
        self.runs().contains_key(run_id)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those whose turn has come.
    fn admit(self: &Arc<Self>, askers: Vec<Asker>) {
        for (run_id, step) in askers {
            let driver = Arc::clone(self);
            tokio::spawn(async move {
                driver
                    .submit_quietly(&run_id, Command::Admit { step })
                    .await;
            });
        }
    }

    /// Whether this process is making the attempt.
    fn makes(&self, run_id: &RunId, step: &StepPath, attempt: u32) -> bool {
        self.making()
            .contains(&(run_id.clone(), step.clone(), attempt))
    }

    fn making(&self) -> MutexGuard<'_, BTreeSet<(RunId, StepPath, u32)>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for tools that are running, for a while. Runs need no farewell: they are on disk.
    pub async fn stop(&self) {
        self.calls.close();
        let finished =
            tokio::time::timeout(Duration::from_millis(STOP_GRACE_MS), self.calls.wait()).await;
        if finished.is_err() {
            tracing::warn!(
                calls = self.calls.len(),
                "stopping with tools still running; they will be found as lost"
            );
        }
        self.flush_logs().await;
    }

    #[cfg(test)]
    fn runs_in_memory(&self) -> usize {
        self.runs().len()
    }

    /// Calls that this process makes.
    #[cfg(test)]
    fn calls_under_way(&self) -> usize {
        self.making().len()
    }

    /// Whether anybody holds a room or waits for one.
    #[cfg(test)]
    fn rooms_in_use(&self) -> bool {
        self.rooms().in_use()
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, mpsc::Sender<Envelope>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner ends: senders get a new one. Whoever still waits is told to try again.
    fn forget(&self, run_id: &RunId, own: &Own, inbox: &mut mpsc::Receiver<Envelope>) {
        let mut runs = self.runs();
        if is_of(&runs, run_id, own) {
            runs.remove(run_id);
        }
        drop(runs);
        inbox.close();
        while let Ok(envelope) = inbox.try_recv() {
            if let Some(reply) = envelope.reply {
                let _ = reply.send(Err(SubmitError::Stopping));
            }
        }
    }

    /// The owner of a run that has ended or rests ends, unless something has arrived meanwhile.
    fn forget_if_idle(&self, run_id: &RunId, own: &Own, inbox: &mpsc::Receiver<Envelope>) -> bool {
        let mut runs = self.runs();
        let idle = inbox.is_empty();
        if idle && is_of(&runs, run_id, own) {
            runs.remove(run_id);
        }
        idle
    }
}

/// By what an owner knows itself.
type Own = mpsc::WeakSender<Envelope>;

/// Whether it is this owner whom the run has now.
fn is_of(runs: &BTreeMap<RunId, mpsc::Sender<Envelope>>, run_id: &RunId, own: &Own) -> bool {
    match (runs.get(run_id), own.upgrade()) {
        (Some(known), Some(own)) => known.same_channel(&own),
        (Some(_), None) | (None, _) => false,
    }
}
