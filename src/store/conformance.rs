//! What every store promises, as tests that run against each of them. A new method of the trait gets a function
//! here before its first caller.

use std::sync::Arc;

use super::memory::MemoryStore;
use super::sql::Sql;
use super::{Commit, GateRow, GateState, StartKey, Store, StoreError};
use super::{Database, NewVersion};
use crate::engine::event::{EndState, Event, Question, Recorded};
use crate::engine::ids::{GateId, RunId, StepId, VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::state::RunStatus;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

/// Runs one promise against every store.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(std::sync::Arc::new(super::MemoryStore::default())).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let (_folder, store) = super::sqlite_store().await;
                super::$promise(store).await;
            })*
        }
    };
}

promises!(
    what_is_committed_is_loaded_again,
    a_commit_on_a_stale_state_conflicts_and_leaves_nothing,
    a_run_that_does_not_exist_cannot_be_moved_on,
    of_many_commits_on_the_same_state_exactly_one_wins,
    runs_do_not_disturb_each_other_in_one_batch,
    events_are_read_from_any_point,
    open_runs_are_those_that_have_not_ended,
    a_start_key_stands_for_one_run,
    a_gate_keeps_the_place_of_its_question,
    odd_texts_come_back_byte_for_byte,
);

async fn sqlite_store() -> (tempfile::TempDir, Arc<Database>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let store = Database::open(&url).await.expect("a new database opens");
    (folder, Arc::new(store))
}

async fn what_is_committed_is_loaded_again(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let second = progress(&first, 3);
    store.commit(second.clone()).await.expect("it is stored");
    let stored = store
        .load(&"r1".into())
        .await
        .expect("it answers")
        .expect("the run is there");
    assert_eq!(stored.header, first.summary.header);
    assert_eq!(stored.events, [first.events, second.events].concat());
    assert_eq!(store.load(&"other".into()).await, Ok(None));
}

async fn a_commit_on_a_stale_state_conflicts_and_leaves_nothing(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    assert_eq!(store.commit(first.clone()).await, Err(StoreError::Conflict));
    let mut ahead = progress(&first, 1);
    ahead.expected_seq = 7;
    ahead.gates = vec![gate("r1", GateState::Open, 9)];
    assert_eq!(store.commit(ahead).await, Err(StoreError::Conflict));
    let stored = store
        .load(&"r1".into())
        .await
        .expect("it answers")
        .expect("the run is there");
    assert_eq!(stored.events, first.events);
    assert_eq!(store.gate(&"g1".into()).await, Ok(None));
}

async fn a_run_that_does_not_exist_cannot_be_moved_on(store: Arc<dyn Store>) {
    let ghost = progress(&start("ghost"), 1);
    assert_eq!(store.commit(ghost).await, Err(StoreError::Conflict));
    assert_eq!(store.load(&"ghost".into()).await, Ok(None));
}

async fn of_many_commits_on_the_same_state_exactly_one_wins(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let tries = (0..20).map(|_| {
        let (store, commit) = (Arc::clone(&store), progress(&first, 2));
        tokio::spawn(async move { store.commit(commit).await })
    });
    let results = futures::future::join_all(tries).await;
    let won = results
        .iter()
        .filter(|result| matches!(result, Ok(Ok(()))))
        .count();
    assert_eq!(won, 1);
    assert_eq!(
        store
            .events(&"r1".into(), 0, 100)
            .await
            .expect("it answers")
            .len(),
        3
    );
}

async fn runs_do_not_disturb_each_other_in_one_batch(store: Arc<dyn Store>) {
    let commits = (0..50).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let first = start(&format!("r{number:02}"));
            // Every third one is wrong and must not take the others of its batch along.
            let mut wrong = first.clone();
            wrong.expected_seq = 5;
            let chosen = if number % 3 == 0 { wrong } else { first };
            store.commit(chosen).await
        })
    });
    let results = futures::future::join_all(commits).await;
    for (number, result) in results.into_iter().enumerate() {
        let expected = if number % 3 == 0 {
            Err(StoreError::Conflict)
        } else {
            Ok(())
        };
        assert_eq!(result.expect("no panic"), expected, "run {number}");
    }
    assert_eq!(store.open_runs().await.expect("it answers").len(), 33);
}

async fn events_are_read_from_any_point(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    store
        .commit(progress(&first, 9))
        .await
        .expect("it is stored");
    let seqs = |events: Vec<Recorded>| events.iter().map(|event| event.seq).collect::<Vec<_>>();
    assert_eq!(
        seqs(
            store
                .events(&"r1".into(), 7, 100)
                .await
                .expect("it answers")
        ),
        [8, 9, 10]
    );
    assert_eq!(
        seqs(store.events(&"r1".into(), 2, 3).await.expect("it answers")),
        [3, 4, 5]
    );
    assert!(
        store
            .events(&"r1".into(), 10, 100)
            .await
            .expect("it answers")
            .is_empty()
    );
}

async fn open_runs_are_those_that_have_not_ended(store: Arc<dyn Store>) {
    for id in ["r1", "r2", "r3"] {
        store.commit(start(id)).await.expect("it is stored");
    }
    let mut end = progress(&start("r2"), 1);
    end.summary.status = RunStatus::Completed;
    end.summary.finished_at = Some(Timestamp::from_micros(99));
    end.events[0].event = Event::RunFinished {
        state: EndState::Completed,
        reason: None,
        message: None,
        output: 1.into(),
    };
    store.commit(end).await.expect("it is stored");
    assert_eq!(store.open_runs().await, Ok(vec!["r1".into(), "r3".into()]));
}

async fn a_start_key_stands_for_one_run(store: Arc<dyn Store>) {
    let keyed = |run: &str, fingerprint: &str| {
        let key = StartKey {
            key: "k".to_owned(),
            fingerprint: fingerprint.to_owned(),
        };
        Commit {
            start_key: Some(key),
            ..start(run)
        }
    };
    store
        .commit(keyed("r1", "same"))
        .await
        .expect("it is stored");
    let again = StoreError::StartedBefore {
        run_id: "r1".into(),
        same_request: true,
    };
    assert_eq!(store.commit(keyed("r2", "same")).await, Err(again));
    let misused = StoreError::StartedBefore {
        run_id: "r1".into(),
        same_request: false,
    };
    assert_eq!(store.commit(keyed("r3", "other")).await, Err(misused));
    assert_eq!(store.open_runs().await, Ok(vec!["r1".into()]));
}

async fn a_gate_keeps_the_place_of_its_question(store: Arc<dyn Store>) {
    let first = start("r1");
    store
        .commit(Commit {
            gates: vec![gate("r1", GateState::Open, 1)],
            ..first.clone()
        })
        .await
        .expect("it is stored");
    let opened = gate("r1", GateState::Open, 1);
    assert_eq!(store.gate(&"g1".into()).await, Ok(Some(opened)));
    let closing = Commit {
        gates: vec![gate("r1", GateState::Approved, 0)],
        ..progress(&first, 1)
    };
    store.commit(closing).await.expect("it is stored");
    let closed = gate("r1", GateState::Approved, 1);
    assert_eq!(store.gate(&"g1".into()).await, Ok(Some(closed)));
}

async fn odd_texts_come_back_byte_for_byte(store: Arc<dyn Store>) {
    let mut first = start("r1");
    let odd = serde_json::json!({ "text": "\u{0}\"\\ '; DROP TABLE runs; -- \u{202e}\u{1f600}", "number": 0.1, "big": 9007199254740993i64 });
    first.events[0].event = Event::RunStarted {
        input: odd,
        actor: "o'brien\n".to_owned(),
        deadline: None,
    };
    first.summary.header.workflow_name = "Näme \"quoted\" $.x".to_owned();
    store.commit(first.clone()).await.expect("it is stored");
    let stored = store
        .load(&"r1".into())
        .await
        .expect("it answers")
        .expect("the run is there");
    assert_eq!(stored.events, first.events);
    assert_eq!(stored.header, first.summary.header);
}

#[tokio::test]
async fn sqlite_keeps_everything_over_a_restart_and_knows_its_versions() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let new = NewVersion {
        workflow_id: WorkflowId::new("w1"),
        version_id: VersionId::new("v1"),
        slug: "health".to_owned(),
        is_template: true,
        definition: Workflow {
            name: "Health".to_owned(),
            tags: vec!["ops".to_owned()],
            ..Workflow::default()
        },
        outline: Arc::new(Outline::new(Vec::new(), Vec::new())),
        hash: "h".to_owned(),
        created_by: "local".to_owned(),
        created_at: Timestamp::from_micros(5),
    };
    {
        let store = Database::open(&url).await.expect("it opens");
        assert_eq!(store.save_version(&new).await, Ok(1));
        let next = NewVersion {
            version_id: VersionId::new("v2"),
            ..new.clone()
        };
        assert_eq!(store.save_version(&next).await, Ok(2));
        let rival = NewVersion {
            workflow_id: WorkflowId::new("w2"),
            version_id: VersionId::new("v3"),
            ..new.clone()
        };
        assert_eq!(
            store.save_version(&rival).await,
            Err(StoreError::SlugTaken("health".to_owned()))
        );
        store.commit(start("r1")).await.expect("it is stored");
        store.close().await;
    }
    let store = Database::open(&url).await.expect("it opens again");
    let workflow = store
        .workflow("health")
        .await
        .expect("it answers")
        .expect("it is there");
    assert_eq!(
        (workflow.version, workflow.version_id, workflow.tags),
        (2, VersionId::new("v2"), vec!["ops".to_owned()])
    );
    assert_eq!(
        store.definition(&VersionId::new("v1")).await,
        Ok(Some(new.definition))
    );
    assert_eq!(
        store.outline(&VersionId::new("v1")).await,
        Ok(Some(Outline::clone(&new.outline)))
    );
    assert_eq!(store.open_runs().await, Ok(vec!["r1".into()]));
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_process_is_kept_off_the_database_of_the_first() {
    let (folder, first) = sqlite_store().await;
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let refused = Database::open(&url).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Unavailable(why)) if why.contains("another Signalbox")),
        "{refused:?}"
    );
    let alias = folder.path().join("alias.db");
    std::os::unix::fs::symlink(folder.path().join("test.db"), &alias).expect("a link");
    let by_alias = Database::open(&format!("sqlite:{}", alias.display())).await;
    assert!(by_alias.is_err(), "another name of the same file");
    first.close().await;
    drop(first);
    Database::open(&url).await.expect("it is free again");
}

#[tokio::test]
async fn a_question_that_cannot_be_read_does_not_hide_the_others() {
    let (_folder, store) = sqlite_store().await;
    for (run, gate_id) in [("r1", "g1"), ("r2", "g2")] {
        let mut opening = start(run);
        opening.events[0].event = Event::GateOpened {
            step: StepId::new("publish"),
            gate: GateId::new(gate_id),
            question: Question {
                title: "Publish?".to_owned(),
                message: String::new(),
                shown: Vec::new(),
                action: None,
                approvers: None,
            },
            plan_hash: "h".to_owned(),
            deadline: None,
        };
        opening.gates = vec![GateRow {
            id: GateId::new(gate_id),
            ..gate(run, GateState::Open, 1)
        }];
        store.commit(opening).await.expect("it is stored");
    }
    spoil_event(&store, "r1", 1).await;
    let open = store.open_gates(None, 10).await.expect("it answers");
    let ids: Vec<&str> = open.iter().map(|gate| gate.id.as_str()).collect();
    assert_eq!(ids, ["g2"]);
}

/// Makes an event unreadable, as a disk fault might.
async fn spoil_event(store: &Database, run_id: &str, seq: u32) {
    let sql = Sql::of("UPDATE run_events SET payload = '{' WHERE run_id = $1 AND seq = $2");
    let mut change = store.change().await.expect("it answers");
    let spoilt = change.run(sql.bind(run_id).bind(seq)).await;
    assert_eq!(spoilt.expect("it can be spoilt"), 1);
    change.commit().await.expect("it is stored");
}

fn start(run: &str) -> Commit {
    let header = RunHeader {
        run_id: RunId::new(run),
        workflow_id: "w".into(),
        version_id: "v".into(),
        workflow_slug: "health".to_owned(),
        workflow_name: "Health".to_owned(),
        version: 1,
        created_at: Timestamp::from_micros(1),
    };
    let event = Event::RunStarted {
        input: serde_json::json!({}),
        actor: "local".to_owned(),
        deadline: None,
    };
    let summary = RunSummary {
        header,
        seq: 1,
        status: RunStatus::Running,
        reason: None,
        message: None,
        percent: 0,
        steps_total: 3,
        steps_done: 0,
        steps_failed: 0,
        waiting_for_people: 0,
        current: None,
        started_by: "local".to_owned(),
        started_at: Some(Timestamp::from_micros(1)),
        finished_at: None,
    };
    let events = vec![Recorded {
        seq: 1,
        at: Timestamp::from_micros(1),
        event,
    }];
    Commit {
        expected_seq: 0,
        events,
        summary,
        gates: Vec::new(),
        start_key: None,
    }
}

/// `count` more events after the first.
fn progress(first: &Commit, count: u32) -> Commit {
    let events = (0..count).map(|at| Recorded {
        seq: 2 + at,
        at: Timestamp::from_micros(2),
        event: Event::StepQueued {
            step: StepId::new("a"),
        },
    });
    let summary = RunSummary {
        seq: 1 + count,
        ..first.summary.clone()
    };
    Commit {
        expected_seq: 1,
        events: events.collect(),
        summary,
        gates: Vec::new(),
        start_key: None,
    }
}

fn gate(run: &str, state: GateState, opened_seq: u32) -> GateRow {
    GateRow {
        id: GateId::new("g1"),
        run_id: RunId::new(run),
        step_id: StepId::new("publish"),
        state,
        opened_seq,
        opened_at: Timestamp::from_micros(1),
        deadline: None,
    }
}
