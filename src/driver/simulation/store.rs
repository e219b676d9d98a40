//! The store as one process reaches it: over a line that may be cut, with answers that may be lost, and with a lease
//! that another process may have taken. What is behind it outlives every process.

use async_trait::async_trait;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

use super::world::{Entry, Outside};
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

/// What may happen to a process, as the simulation decides.
pub(super) struct Fate {
    pub epoch: u32,
    pub outside: Outside,
    dead: AtomicBool,
    pub died: Notify,
    trouble: Mutex<Trouble>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Trouble {
    /// The store does not answer, and so nobody can say whether this process still holds it.
    pub cut_off: bool,
    /// Calls of the store that fail.
    pub failing_percent: usize,
    /// The process dies when it reaches the world so many more times.
    pub dies_in: Option<usize>,
}

impl Fate {
    pub(super) fn new(epoch: u32, outside: Outside) -> Arc<Self> {
        Arc::new(Self {
            epoch,
            outside,
            dead: AtomicBool::new(false),
            died: Notify::new(),
            trouble: Mutex::default(),
        })
    }

    pub(super) fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever reaches for the world passes here, before and after. A dying process goes no further.
    pub(super) async fn pass(&self) {
        let mut dies = self.dead.load(Ordering::Relaxed);
        if let Some(left) = &mut self.trouble().dies_in {
            *left = left.saturating_sub(1);
            dies |= *left == 0;
        }
        if dies {
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
            pending::<()>().await;
        }
    }

    fn is_lost(&self) -> bool {
        self.outside.lock().epoch != self.epoch
    }

    /// The line to the store: slow now and then, and broken if it is to be.
    async fn reach(&self) -> Result<(), StoreError> {
        self.pass().await;
        let delay = self.outside.below(100);
        match delay {
            0..75 => {}
            75..90 => tokio::task::yield_now().await,
            _ => tokio::time::sleep(Duration::from_millis(delay as u64 - 89)).await,
        }
        self.fail("store call failed")
    }

    fn fail(&self, met: &'static str) -> Result<(), StoreError> {
        let Trouble {
            cut_off,
            failing_percent,
            ..
        } = *self.trouble();
        if cut_off || (failing_percent > 0 && self.outside.percent(failing_percent)) {
            self.outside.meet(met);
            return Err(StoreError::Unavailable("the line is cut".to_owned()));
        }
        Ok(())
    }
}

pub(super) struct Line {
    pub fate: Arc<Fate>,
    pub store: Arc<MemoryStore>,
}

#[async_trait]
impl Store for Line {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let fate = &self.fate;
        fate.reach().await?;
        if fate.is_lost() {
            fate.outside.meet("lease lost at a commit");
            return Err(StoreError::LeaseLost);
        }
        let run_id = commit.summary.header.run_id.clone();
        let stored = Entry::Stored {
            epoch: fate.epoch,
            expected_seq: commit.expected_seq,
            summary: Box::new(RunSummary::clone(&commit.summary)),
            events: commit.events.to_vec(),
        };
        self.store.commit(commit).await?;
        fate.outside.write(stored);
        // From here on the turn is there, whatever becomes of the answer.
        fate.pass().await;
        if fate.outside.percent(8) {
            tokio::time::sleep(Duration::from_millis(fate.outside.below(20) as u64)).await;
        }
        fate.fail("answer to a commit lost")?;
        fate.outside.write(Entry::Acknowledged { run_id });
        Ok(())
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        self.fate.reach().await?;
        self.store.load(run_id).await
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        self.fate.reach().await?;
        let resumed = self.store.resume(run_id, format).await?;
        if resumed
            .as_ref()
            .is_some_and(|resumed| resumed.snapshot.is_some())
        {
            self.fate.outside.meet("resumed from a snapshot");
        }
        Ok(resumed)
    }

    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        self.fate.reach().await?;
        if self.fate.is_lost() {
            return Err(StoreError::LeaseLost);
        }
        let written = Entry::WrittenDown {
            run_id: run_id.clone(),
            snapshot: snapshot.clone(),
        };
        self.store.keep_snapshot(run_id, format, snapshot).await?;
        self.fate.outside.write(written);
        self.fate.pass().await;
        Ok(())
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.fate.reach().await?;
        self.store.events(run_id, after, limit).await
    }

    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.fate.reach().await?;
        self.store.awake_runs().await
    }

    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError> {
        self.fate.reach().await?;
        if self.fate.is_lost() {
            return Err(StoreError::LeaseLost);
        }
        let rests = self.store.put_to_rest(runs).await?;
        for _ in rests.iter().filter(|rests| **rests) {
            self.fate.outside.meet("put to rest");
        }
        self.fate.pass().await;
        self.fate.fail("answer to a rest lost")?;
        Ok(rests)
    }

    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError> {
        self.fate.reach().await?;
        self.store.resting_runs(limit).await
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        self.fate.reach().await?;
        self.store.run_summary(run_id).await
    }

    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError> {
        self.fate.reach().await?;
        self.store.started_under(prefix).await
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        self.fate.reach().await?;
        self.store.find_version(slug_or_id, number).await
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        self.fate.reach().await?;
        self.store.gate(gate_id).await
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        self.fate.reach().await?;
        self.store.definition(version_id).await
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        self.fate.reach().await?;
        self.store.outline(version_id).await
    }

    async fn may_act(&self) -> bool {
        self.fate.pass().await;
        if self.fate.outside.percent(30) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while self.fate.trouble().cut_off && !self.fate.is_lost() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if self.fate.is_lost() {
            self.fate.outside.meet("kept from acting");
        }
        !self.fate.is_lost()
    }
}
