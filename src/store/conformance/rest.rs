//! Runs that rest.

use std::sync::Arc;

use super::{on_every_store, progress, start};
use crate::engine::ids::RunId;
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::store::{Commit, Rest, Store};

on_every_store!(
    a_resting_run_is_listed_with_its_moment_and_not_among_the_awake,
    a_turn_ends_the_rest,
    a_run_that_has_moved_on_is_not_put_to_rest,
    an_ended_run_does_not_rest,
);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

async fn resting(store: &dyn Store, limit: usize) -> Vec<(String, i64)> {
    let resting = store.resting_runs(limit).await.expect("it answers");
    let resting = resting.into_iter();
    resting
        .map(|(run_id, until)| (run_id.to_string(), until.as_micros()))
        .collect()
}

async fn rests(store: &dyn Store, run: &str, seq: u32, until: Option<i64>) -> bool {
    let rest = Rest {
        run_id: RunId::new(run),
        seq,
        until: until.map(at),
    };
    let rests = store.put_to_rest(&[rest]).await;
    rests.expect("it answers") == [true]
}

async fn a_resting_run_is_listed_with_its_moment_and_not_among_the_awake(store: Arc<dyn Store>) {
    let store = &*store;
    for run in ["r1", "r2", "r3", "r4"] {
        store.commit(start(run)).await.expect("it is stored");
    }
    assert!(rests(store, "r1", 1, Some(30)).await);
    assert!(rests(store, "r2", 1, None).await);
    assert!(rests(store, "r3", 1, Some(20)).await);
    assert_eq!(store.awake_runs().await, Ok(vec!["r4".into()]));
    let both = [("r3".to_owned(), 20), ("r1".to_owned(), 30)];
    assert_eq!(resting(store, 10).await, both);
    assert_eq!(resting(store, 1).await, both[..1]);
    assert!(rests(store, "r3", 1, Some(40)).await, "as said last");
    let both = [("r1".to_owned(), 30), ("r3".to_owned(), 40)];
    assert_eq!(resting(store, 10).await, both);
}

async fn a_turn_ends_the_rest(store: Arc<dyn Store>) {
    let store = &*store;
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    assert!(rests(store, "r1", 1, Some(30)).await);
    let turn = store.commit(progress(&first, 1)).await;
    turn.expect("it is stored");
    assert_eq!(store.awake_runs().await, Ok(vec!["r1".into()]));
    assert_eq!(resting(store, 10).await, []);
}

async fn a_run_that_has_moved_on_is_not_put_to_rest(store: Arc<dyn Store>) {
    let store = &*store;
    store.commit(start("r1")).await.expect("it is stored");
    assert!(!rests(store, "r1", 2, Some(30)).await);
    assert!(!rests(store, "another", 1, None).await);
    assert_eq!(store.awake_runs().await, Ok(vec!["r1".into()]));
}

async fn an_ended_run_does_not_rest(store: Arc<dyn Store>) {
    let store = &*store;
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    assert!(rests(store, "r1", 1, Some(30)).await);
    let last = progress(&first, 1);
    let summary = RunSummary {
        status: RunStatus::Completed,
        finished_at: Some(at(3)),
        ..RunSummary::clone(&last.summary)
    };
    let last = Commit {
        summary: Arc::new(summary),
        ..last
    };
    store.commit(last).await.expect("it is stored");
    assert!(!rests(store, "r1", 2, Some(30)).await);
    assert_eq!(resting(store, 10).await, []);
    assert_eq!(store.awake_runs().await, Ok(Vec::new()));
}
