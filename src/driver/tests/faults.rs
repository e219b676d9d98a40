//! A store that fails: nothing acknowledged is lost, nothing is stuck.

use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::stage::{Act, Script, Stage, assert_completed, assert_sound, chain, keep};
use crate::driver::SubmitError;
use crate::engine::command::Command;
use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::logs::LogAddress;
use crate::engine::plan::Outline;
use crate::engine::state::StepStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::memory::MemoryStore;
use crate::store::{
    Appended, Commit, GateRow, LogBatch, Rest, Resumed, Snapshot, Store, StoreError, StoredRun,
    VersionCard,
};

/// What goes wrong at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing is stored, and the caller is told.
    BeforeCommit,
    /// All is stored, and the caller is told that it failed: the answer was lost.
    AfterCommit,
}

struct FailingStore {
    inner: MemoryStore,
    calls: AtomicUsize,
    fail_at: usize,
    fault: Fault,
    loads_that_fail: AtomicUsize,
    /// Lines are stored, and the caller is told that they are not.
    appends_in_doubt: AtomicUsize,
}

impl FailingStore {
    fn reach_log(&self) -> Result<(), StoreError> {
        if self.loads_that_fail.load(Ordering::SeqCst) > 0 {
            self.loads_that_fail.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("as the test says".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let down = || Err(StoreError::Unavailable("as the test says".to_owned()));
        match self.fault {
            Fault::BeforeCommit if call == self.fail_at => down(),
            Fault::AfterCommit if call == self.fail_at => {
                self.inner.commit(commit).await?;
                down()
            }
            Fault::BeforeCommit | Fault::AfterCommit => self.inner.commit(commit).await,
        }
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        self.reach_log()?;
        self.inner.load(run_id).await
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        self.reach_log()?;
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

    async fn append_logs(&self, batches: &[LogBatch]) -> Result<Vec<Appended>, StoreError> {
        let answers = self.inner.append_logs(batches).await?;
        let lost = |left: usize| left.checked_sub(1);
        match self
            .appends_in_doubt
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost)
        {
            Ok(_) => Err(StoreError::Unavailable("as the test says".to_owned())),
            Err(_) => Ok(answers),
        }
    }
}

/// Runs a chain of forty with the fault at commit `fail_at`. Answers whether the fault was met.
async fn run_with(fail_at: usize, fault: Fault) -> bool {
    let ids: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let inner = MemoryStore::default();
    keep(&inner, chain(&ids));
    let store = Arc::new(FailingStore {
        inner,
        calls: AtomicUsize::new(0),
        fail_at,
        fault,
        loads_that_fail: AtomicUsize::new(0),
        appends_in_doubt: AtomicUsize::new(0),
    });
    let stage = Stage::on(store.clone(), Script::default());
    let header = Stage::header();
    let run = header.run_id.clone();
    let started = stage
        .driver
        .start(header, Command::start(json!({}), "tester"), None)
        .await;
    match started {
        Ok(()) => {}
        Err(SubmitError::Store(_)) if fail_at == 1 && fault == Fault::BeforeCommit => {
            assert_eq!(
                store.load(&run).await,
                Ok(None),
                "a refused start leaves nothing"
            );
            return true;
        }
        Err(other) => panic!("{fault:?} at {fail_at}: {other}"),
    }
    let state = stage.until_ended(&run).await;
    assert_completed(&state);
    assert_sound(&stage.log(&run).await);
    store.calls.load(Ordering::SeqCst) >= fail_at
}

#[tokio::test(start_paused = true)]
async fn a_run_of_forty_steps_survives_a_failure_of_each_of_its_commits() {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        let mut fail_at = 1;
        while run_with(fail_at, fault).await {
            fail_at += 1;
        }
        assert!(
            fail_at > 40,
            "every commit of the run was tried, {fail_at} in all"
        );
    }
}

/// The second commit fails, and then the log cannot be read.
fn broken_after_the_start(workflow: serde_json::Value) -> Arc<FailingStore> {
    let inner = MemoryStore::default();
    keep(&inner, workflow);
    Arc::new(FailingStore {
        inner,
        calls: AtomicUsize::new(0),
        fail_at: 2,
        fault: Fault::BeforeCommit,
        loads_that_fail: AtomicUsize::new(usize::MAX),
        appends_in_doubt: AtomicUsize::new(0),
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_behind_a_turn_in_doubt_is_not_kept_waiting_by_an_outage() {
    let store = broken_after_the_start(chain(&["a"]));
    let stage = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Report(200)])]));
    let run = stage.start().await;
    let pause = || {
        let (actor, comment) = ("ann".to_owned(), String::new());
        stage.driver.submit(&run, Command::Pause { actor, comment })
    };
    let later = |ms| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        tokio::time::timeout(Duration::from_secs(4), pause()).await
    };
    let (first, second, third) = tokio::join!(later(0), later(1_000), later(9_000));
    assert_eq!(first, Ok(Err(SubmitError::InDoubt)));
    for behind in [second, third] {
        let refused = behind.expect("it is answered while the outage lasts");
        assert!(matches!(refused, Err(SubmitError::Store(_))), "{refused:?}");
    }
    // What the tool says meanwhile is kept.
    store.loads_that_fail.store(0, Ordering::SeqCst);
    assert_completed(&stage.until_ended(&run).await);
    assert_eq!(stage.script.calls("a"), 1);
}

/// A run that is given up before it is made does not count in its family.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_given_up_is_not_counted() {
    let store = broken_after_the_start(json!({
        "name": "W",
        "steps": [
            { "id": "below", "kind": "subworkflow", "workflow": "w", "timeout_ms": 5_000 },
            { "id": "busy", "kind": "tool_call", "tool": "act.read" },
        ],
        "edges": [{ "from": "below", "to": "busy", "on": "failed" }]
    }));
    let stage = Stage::on(
        store.clone(),
        Script::of(&[("busy", vec![Act::Report(250)])]),
    );
    let run = stage.start().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(stage.driver.families().size_of(&run), Some(0));
    store.loads_that_fail.store(0, Ordering::SeqCst);
    assert_completed(&stage.until_ended(&run).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.inner.summaries().len(), 1);
    assert_eq!(stage.driver.families().size_of(&run), None);
    assert!(!stage.driver.rooms_in_use());
}

#[tokio::test(start_paused = true)]
async fn recovery_waits_for_a_store_that_does_not_answer() {
    let inner = MemoryStore::default();
    keep(&inner, chain(&["a"]));
    let store = Arc::new(FailingStore {
        inner,
        calls: AtomicUsize::new(0),
        fail_at: 0,
        fault: Fault::BeforeCommit,
        loads_that_fail: AtomicUsize::new(0),
        appends_in_doubt: AtomicUsize::new(0),
    });
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let run = dying.start().await;
    dying.until_step(&run, "a", StepStatus::InProgress).await;

    let next = Stage::on(store.clone(), Script::default());
    store.loads_that_fail.store(3, Ordering::SeqCst);
    next.driver.recover().await.expect("the list answers");
    // Long enough for three tries, and far from the attempt's own time.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_completed(&next.state(&run).await);
    assert_eq!(next.script.calls("a"), 1);
}

/// Whoever is not answered stores the lines again; nobody reads them twice.
#[tokio::test(start_paused = true)]
async fn lines_whose_answer_is_lost_are_stored_once() {
    let inner = MemoryStore::default();
    keep(&inner, chain(&["a"]));
    let store = Arc::new(FailingStore {
        inner,
        calls: AtomicUsize::new(0),
        fail_at: 0,
        fault: Fault::BeforeCommit,
        loads_that_fail: AtomicUsize::new(0),
        appends_in_doubt: AtomicUsize::new(3),
    });
    let stage = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Write(2)])]));
    let run = stage.start().await;
    assert_completed(&stage.until_ended(&run).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.appends_in_doubt.load(Ordering::SeqCst), 0);
    let lines = store.inner.log(&LogAddress {
        run_id: run,
        step: "a".into(),
        attempt: 1,
    });
    let told: Vec<_> = lines.iter().map(|line| (line.seq, &*line.text)).collect();
    assert_eq!(told, [(1, "line 1"), (2, "line 2"), (3, "done")]);
}
