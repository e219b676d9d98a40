//! How workflows do, as Home tells it.

use std::sync::Arc;

use super::{Place, on_both_databases, start};
use crate::engine::ids::WorkflowId;
use crate::engine::state::RunStatus;
use crate::engine::time::Timestamp;
use crate::store::Store;

on_both_databases!(workflows_are_told_by_how_their_last_runs_have_ended,);

async fn workflows_are_told_by_how_their_last_runs_have_ended(place: Place) {
    let database = place.open().await;
    let none = database.workflows_that_ran(6).await;
    assert!(none.expect("it answers").is_empty());
    for (number, (workflow, status)) in (1..).zip([
        ("w1", RunStatus::Failed),
        ("w2", RunStatus::Completed),
        ("w1", RunStatus::Cancelled),
        ("w1", RunStatus::Completed),
        ("w3", RunStatus::Running),
    ]) {
        let mut run = start(&format!("r{number}"));
        let summary = Arc::make_mut(&mut run.summary);
        summary.header.workflow_id = WorkflowId::new(workflow);
        summary.header.created_at = Timestamp::from_micros(number * 1_000);
        // The last one has never begun.
        summary.started_at = (number != 4).then(|| Timestamp::from_micros(number * 1_000));
        summary.status = status;
        let took = Timestamp::from_micros(number * 1_000 + number * 5_000);
        summary.finished_at = status.is_terminal().then_some(took);
        database.commit(run).await.expect("it is stored");
    }
    let named = async |limit| -> Vec<String> {
        let ran = database.workflows_that_ran(limit).await;
        let ran = ran.expect("it answers").into_iter();
        ran.map(|(id, ..)| id.to_string()).collect()
    };
    assert_eq!(named(6).await, ["w1", "w2"]);
    assert_eq!(named(1).await, ["w1"]);
    let w1 = WorkflowId::new("w1");
    let ends = async |limit| -> Vec<(RunStatus, u64)> {
        let ends = database.last_ends(&w1, limit).await;
        let ends = ends.expect("it answers").into_iter();
        ends.map(|run| (run.status, run.took_ms)).collect()
    };
    let all = [
        (RunStatus::Completed, 20),
        (RunStatus::Cancelled, 15),
        (RunStatus::Failed, 5),
    ];
    assert_eq!(ends(30).await, all);
    assert_eq!(ends(2).await, all[..2]);
}
