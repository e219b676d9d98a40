//! The store as a process reaches it, one call of which goes wrong.

use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::memory::MemoryStore;
use crate::store::{
    Commit, GateRow, Rest, Resumed, Snapshot, Store, StoreError, StoredRun, VersionCard,
};

/// What goes wrong at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Nothing is done, and the caller is told.
    Fails,
    /// All is done, and the caller is told that it failed.
    LosesItsAnswer,
    DiesBefore,
    DiesAfter,
}

pub(super) const FAULTS: [Fault; 4] = [
    Fault::Fails,
    Fault::LosesItsAnswer,
    Fault::DiesBefore,
    Fault::DiesAfter,
];

/// Counts over all processes of one life.
pub(super) struct Chosen {
    pub fault: Fault,
    pub at: usize,
    pub calls: AtomicUsize,
    /// The method that was called then.
    pub met: Mutex<Option<&'static str>>,
}

/// The store as one process reaches it.
pub(super) struct Line {
    pub store: Arc<MemoryStore>,
    pub chosen: Arc<Chosen>,
    pub dead: AtomicBool,
    pub died: Notify,
}

impl Line {
    /// From now on the process does nothing more.
    async fn die<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        std::future::pending().await
    }

    /// The fault, if this call is the chosen one.
    async fn reach(&self, method: &'static str) -> Option<Fault> {
        if self.dead.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let call = self.chosen.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if call != self.chosen.at {
            return None;
        }
        *self.chosen.met.lock().expect("no panic") = Some(method);
        Some(self.chosen.fault)
    }

    async fn call<T>(
        &self,
        method: &'static str,
        done: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let down = || Err(StoreError::Unavailable("as the test says".to_owned()));
        match self.reach(method).await {
            None => done.await,
            Some(Fault::Fails) => down(),
            Some(Fault::LosesItsAnswer) => {
                done.await?;
                down()
            }
            Some(Fault::DiesBefore) => self.die().await,
            Some(Fault::DiesAfter) => {
                done.await?;
                self.die().await
            }
        }
    }
}

#[async_trait]
impl Store for Line {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.call("commit", self.store.commit(commit)).await
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        self.call("load", self.store.load(run_id)).await
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        self.call("resume", self.store.resume(run_id, format)).await
    }

    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let kept = self.store.keep_snapshot(run_id, format, snapshot);
        self.call("keep_snapshot", kept).await
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let events = self.store.events(run_id, after, limit);
        self.call("events", events).await
    }

    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.call("awake_runs", self.store.awake_runs()).await
    }

    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError> {
        let rests = self.store.put_to_rest(runs);
        self.call("put_to_rest", rests).await
    }

    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError> {
        let resting = self.store.resting_runs(limit);
        self.call("resting_runs", resting).await
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let summary = self.store.run_summary(run_id);
        self.call("run_summary", summary).await
    }

    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError> {
        self.call("started_under", self.store.started_under(prefix))
            .await
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        let version = self.store.find_version(slug_or_id, number);
        self.call("find_version", version).await
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        self.call("gate", self.store.gate(gate_id)).await
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        let definition = self.store.definition(version_id);
        self.call("definition", definition).await
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        self.call("outline", self.store.outline(version_id)).await
    }

    /// It cannot fail, only wait; a process may die at it all the same.
    async fn may_act(&self) -> bool {
        match self.reach("may_act").await {
            None | Some(Fault::Fails | Fault::LosesItsAnswer) => true,
            Some(Fault::DiesBefore | Fault::DiesAfter) => self.die().await,
        }
    }
}
