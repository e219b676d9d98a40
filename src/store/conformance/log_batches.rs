//! What every store promises of lines that are added to logs of steps.

use std::sync::Arc;

use super::step_logs::batch;
use super::{on_every_store, start};
use crate::engine::limits::{LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOGS_OF_RUN_BYTES_MAX};
use crate::engine::logs::LogCount;
use crate::store::{Appended, LogBatch, Store};

on_every_store!(
    a_batch_whose_answer_was_lost_is_stored_once,
    batches_that_come_again_one_by_one_are_stored_once,
    the_logs_of_a_run_have_a_bound_together,
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
    for _ in 0..2 {
        assert_eq!(
            lines_after(&*store, std::slice::from_ref(&second)).await,
            [6]
        );
    }
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

async fn count_after(store: &dyn Store, batch: LogBatch) -> LogCount {
    let answers = store.append_logs(&[batch]).await.expect("it is stored");
    match answers[0] {
        Appended::Stored(count) => count,
        answer @ (Appended::Ahead(_) | Appended::NoSuchRun) => panic!("{answer:?}"),
    }
}

async fn the_logs_of_a_run_have_a_bound_together(store: Arc<dyn Store>) {
    for run in ["r", "s"] {
        store.commit(start(run)).await.expect("it is stored");
    }
    let longest = "x".repeat(LOG_LINE_BYTES_MAX - 1);
    let in_log = usize::try_from(LOG_BYTES_MAX).expect("small") / LOG_LINE_BYTES_MAX;
    let logs = u32::try_from(LOGS_OF_RUN_BYTES_MAX / LOG_BYTES_MAX).expect("few");
    let full = vec![longest.as_str(); in_log];
    for attempt in 1..logs {
        let count = count_after(&*store, batch(attempt, 5, &full)).await;
        assert_eq!((count.bytes, count.dropped_lines), (LOG_BYTES_MAX, 0));
    }
    // What is not kept takes no room: of a log that is full, and of a batch that comes again.
    let count = count_after(&*store, batch(1, 5, &full)).await;
    assert_eq!(count.dropped_bytes, LOG_BYTES_MAX);
    for _ in 0..2 {
        let count = count_after(&*store, named("a", logs, &full[1..])).await;
        assert_eq!((count.lines as usize, count.dropped_lines), (in_log - 1, 0));
    }
    let count = count_after(&*store, batch(logs + 1, 5, &[&longest, "y", ""])).await;
    assert_eq!(
        (count.lines, count.dropped_lines, count.dropped_bytes),
        (1, 2, 3)
    );
    let count = count_after(&*store, batch(logs, 5, &["z"])).await;
    assert_eq!(count.dropped_lines, 1);
    let count = count_after(&*store, batch(logs + 2, 5, &["z"])).await;
    assert_eq!((count.lines, count.dropped_lines), (0, 1));
    assert!(count.closing().is_some());
    let mut of_another = batch(1, 5, &["z"]);
    of_another.log.run_id = "s".into();
    assert_eq!(
        count_after(&*store, of_another).await.lines,
        1,
        "each run has its own"
    );
}
