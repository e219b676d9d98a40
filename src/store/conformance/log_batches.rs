//! What every store promises of lines that are added to logs of steps.

use std::sync::Arc;

use super::step_logs::batch;
use super::{on_every_store, start};
use crate::store::{Appended, LogBatch, Store};

on_every_store!(
    a_batch_whose_answer_was_lost_is_stored_once,
    batches_that_come_again_one_by_one_are_stored_once,
);

fn named(id: &str, attempt: u32, lines: &[&str]) -> LogBatch {
    LogBatch {
        id: Some(id.to_owned()),
        ..batch(attempt, 5, lines)
    }
}

/// How many lines each of the logs has then.
async fn lines_after(store: &dyn Store, batches: &[LogBatch]) -> Vec<u32> {
    let answers = store.append_logs(batches).await.expect("it is stored");
    let lines = |answer| match answer {
        Appended::Stored(count) => count.lines,
        Appended::Ahead(_) | Appended::NoSuchRun => panic!("{answer:?}"),
    };
    answers.into_iter().map(lines).collect()
}

async fn a_batch_whose_answer_was_lost_is_stored_once(store: Arc<dyn Store>) {
    store.commit(start("r")).await.expect("it is stored");
    let first = named("first", 1, &["a", "b"]);
    for _ in 0..3 {
        assert_eq!(
            lines_after(&*store, std::slice::from_ref(&first)).await,
            [2]
        );
    }
    // Somebody else writes in between, and neither counts for the other.
    let others = [batch(1, 5, &["c"])];
    assert_eq!(lines_after(&*store, &others).await, [3]);
    assert_eq!(lines_after(&*store, &[first]).await, [3]);
    assert_eq!(lines_after(&*store, &others).await, [4]);
    // What only looks the same is stored.
    let second = named("second", 1, &["a", "b"]);
    assert_eq!(lines_after(&*store, &[second.clone()]).await, [6]);
    assert_eq!(lines_after(&*store, &[second]).await, [6]);
}

async fn batches_that_come_again_one_by_one_are_stored_once(store: Arc<dyn Store>) {
    store.commit(start("r")).await.expect("it is stored");
    let together = [named("one", 1, &["a"]), named("two", 2, &["b", "c"])];
    assert_eq!(lines_after(&*store, &together).await, [1, 2]);
    for (alone, lines) in together.iter().zip([1, 2]) {
        assert_eq!(
            lines_after(&*store, std::slice::from_ref(alone)).await,
            [lines]
        );
    }
    assert_eq!(lines_after(&*store, &together).await, [1, 2]);
}
