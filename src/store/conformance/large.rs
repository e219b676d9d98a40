//! Large values and snapshots.

use serde_json::{Value, json};
use std::sync::Arc;

use super::{on_every_store, progress, start};
use crate::engine::event::{Event, Recorded};
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::store::{Commit, Snapshot, Store, StoreError};

on_every_store!(
    large_values_come_back_byte_for_byte,
    a_run_is_resumed_from_its_snapshot,
    a_snapshot_is_replaced_by_a_later_one_only,
    a_snapshot_of_another_format_is_none,
    a_snapshot_goes_with_the_end_of_its_run,
);

pub(super) fn large(letter: char) -> Value {
    json!({ "status": 200, "body": format!("{letter}\u{0}ü\"").repeat(5_000) })
}

/// Events that hold these outputs, behind the first one.
pub(super) fn outputs(first: &Commit, outputs: &[Value]) -> Commit {
    let events = outputs.iter().zip(2..).map(|(output, seq)| Recorded {
        seq,
        at: Timestamp::from_micros(2),
        event: Event::StepCompleted {
            step: "a".into(),
            output: output.clone(),
            taken: Vec::new(),
            kept: false,
        },
    });
    let events: Vec<Recorded> = events.collect();
    let count = u32::try_from(events.len()).expect("a few");
    Commit {
        events: events.into(),
        ..progress(first, count)
    }
}

fn snapshot(seq: u32, says: &Value) -> Snapshot {
    let state = says.to_string();
    Snapshot { seq, state }
}

async fn keep(store: &dyn Store, format: &str, snapshot: Snapshot) -> Result<(), StoreError> {
    store.keep_snapshot(&"r1".into(), format, snapshot).await
}

async fn resumed(store: &dyn Store, format: &str) -> (Option<Snapshot>, Vec<u32>) {
    let resumed = store.resume(&"r1".into(), format).await;
    let resumed = resumed.expect("it answers").expect("the run is there");
    let events = resumed.events.iter().map(|event| event.seq).collect();
    (resumed.snapshot, events)
}

async fn large_values_come_back_byte_for_byte(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let many = outputs(&first, &[large('a'), json!(1), large('b'), large('a')]);
    store.commit(many.clone()).await.expect("it is stored");
    let stored = store.load(&"r1".into()).await.expect("it answers");
    let events = stored.expect("the run is there").events;
    assert_eq!(events[1..], *many.events);
    let some = store.events(&"r1".into(), 2, 2).await;
    assert_eq!(some.as_deref(), Ok(&many.events[1..3]));
}

async fn a_run_is_resumed_from_its_snapshot(store: Arc<dyn Store>) {
    assert_eq!(store.resume(&"r1".into(), "1").await, Ok(None));
    let kept = keep(&*store, "1", snapshot(1, &json!({})));
    assert_eq!(kept.await, Ok(()), "of no run nothing is kept");
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    assert_eq!(resumed(&*store, "1").await, (None, vec![1]));
    let moved = store.commit(progress(&first, 9)).await;
    moved.expect("it is stored");
    let kept = snapshot(
        7,
        &json!({ "state": { "input": large('s') }, "odd": "\u{1a}\u{0}" }),
    );
    let keeping = keep(&*store, "1", kept.clone());
    keeping.await.expect("it is kept");
    assert_eq!(resumed(&*store, "1").await, (Some(kept), vec![8, 9, 10]));
}

async fn a_snapshot_is_replaced_by_a_later_one_only(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let moved = store.commit(progress(&first, 9)).await;
    moved.expect("it is stored");
    for seq in [5, 8, 3, 8] {
        let kept = snapshot(seq, &json!({ "at": seq }));
        let keeping = keep(&*store, "1", kept);
        keeping.await.expect("it is kept, or is not needed");
    }
    let latest = snapshot(8, &json!({ "at": 8 }));
    assert_eq!(resumed(&*store, "1").await, (Some(latest), vec![9, 10]));
}

async fn a_snapshot_of_another_format_is_none(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let moved = store.commit(progress(&first, 3)).await;
    moved.expect("it is stored");
    let (old, new) = (snapshot(4, &json!("old")), snapshot(2, &json!("new")));
    let keeping = keep(&*store, "1", old);
    keeping.await.expect("it is kept");
    assert_eq!(resumed(&*store, "2").await, (None, vec![1, 2, 3, 4]));
    let keeping = keep(&*store, "2", new.clone());
    keeping.await.expect("it is kept");
    assert_eq!(resumed(&*store, "2").await, (Some(new), vec![3, 4]));
}

async fn a_snapshot_goes_with_the_end_of_its_run(store: Arc<dyn Store>) {
    let first = start("r1");
    store.commit(first.clone()).await.expect("it is stored");
    let keep = |seq| keep(&*store, "1", snapshot(seq, &json!({})));
    keep(1).await.expect("it is kept");
    let last = progress(&first, 2);
    let summary = RunSummary {
        status: RunStatus::Completed,
        finished_at: Some(Timestamp::from_micros(3)),
        ..RunSummary::clone(&last.summary)
    };
    let last = Commit {
        summary: Arc::new(summary),
        ..last
    };
    store.commit(last).await.expect("it is stored");
    assert_eq!(resumed(&*store, "1").await, (None, vec![1, 2, 3]));
    keep(3).await.expect("it is too late");
    assert_eq!(resumed(&*store, "1").await, (None, vec![1, 2, 3]));
}
