//! A process that may have been replaced: what it has decided it may not do before it knows.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

use super::stage::{Script, Stage, assert_completed, chain, keep};
use crate::engine::command::Command;
use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::plan::Outline;
use crate::engine::state::StepStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::memory::MemoryStore;
use crate::store::{
    Commit, GateRow, Rest, Resumed, Snapshot, Store, StoreError, StoredRun, VersionCard,
};

/// Whether the process still holds the store; nothing while nobody can say.
type Standing = Option<bool>;

struct LeasedStore {
    inner: MemoryStore,
    standing: watch::Sender<Standing>,
}

impl LeasedStore {
    fn unsure() -> Arc<Self> {
        let inner = MemoryStore::default();
        keep(&inner, chain(&["a", "b"]));
        Arc::new(Self {
            inner,
            standing: watch::Sender::new(None),
        })
    }
}

#[async_trait]
impl Store for LeasedStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        if *self.standing.borrow() == Some(false) {
            return Err(StoreError::LeaseLost);
        }
        self.inner.commit(commit).await
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        self.inner.load(run_id).await
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        self.inner.resume(run_id, format).await
    }

    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        self.inner.keep_snapshot(run_id, format, snapshot).await
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.inner.events(run_id, after, limit).await
    }

    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.inner.awake_runs().await
    }

    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError> {
        self.inner.put_to_rest(runs).await
    }

    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError> {
        self.inner.resting_runs(limit).await
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        self.inner.run_summary(run_id).await
    }

    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError> {
        self.inner.started_under(prefix).await
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        self.inner.find_version(slug_or_id, number).await
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        self.inner.gate(gate_id).await
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        self.inner.definition(version_id).await
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        self.inner.outline(version_id).await
    }

    async fn may_act(&self) -> bool {
        let mut standing = self.standing.subscribe();
        let known = standing.wait_for(Option::is_some).await;
        known.is_ok_and(|standing| *standing == Some(true))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_the_process_knows_that_it_has_not_been_replaced() {
    let store = LeasedStore::unsure();
    let stage = Stage::on(store.clone(), Script::default());
    let run = stage.start().await;
    stage.until_step(&run, "a", StepStatus::InProgress).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.script.calls("a"), 0, "decided, and not begun");
    store.standing.send_replace(Some(true));
    assert_completed(&stage.until_ended(&run).await);
    assert_eq!((stage.script.calls("a"), stage.script.calls("b")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_process_begins_nothing_and_says_nothing() {
    let store = LeasedStore::unsure();
    let stage = Stage::on(store.clone(), Script::default());
    let run = stage.start().await;
    stage.until_step(&run, "a", StepStatus::InProgress).await;
    let before = stage.log(&run).await;
    store.standing.send_replace(Some(false));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.script.calls("a"), 0);
    assert_eq!(stage.log(&run).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_told_to_stop_before_it_begins_does_not_begin() {
    let stage = Stage::new(chain(&["a"]), Script::default());
    let header = Stage::header();
    let run = header.run_id.clone();
    let start = Command::start(serde_json::json!({}), "tester");
    let cancel = Command::Cancel {
        actor: "ann".to_owned(),
        comment: String::new(),
    };
    // Decided together: the call is assigned and told to stop in one go.
    let (started, cancelled) = tokio::join!(
        stage.driver.start(header, start, None),
        stage.driver.submit(&run, cancel)
    );
    assert_eq!((started, cancelled), (Ok(()), Ok(())));
    stage.until_ended(&run).await;
    assert_eq!(stage.script.calls("a"), 0);
}
