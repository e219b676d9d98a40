//! Task lists that are on somebody's page.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use super::stage::{Script, Stage, card, document, keep};
use crate::engine::event::Decision;
use crate::engine::ids::RunId;
use crate::engine::plan::Outline;
use crate::engine::state::RunStatus;
use crate::engine::tasks::TaskList;
use crate::store::Store;
use crate::store::memory::MemoryStore;

fn asks() -> Value {
    json!({
        "name": "Asks",
        "steps": [{ "id": "ask", "kind": "human_gate" }, { "id": "after", "kind": "tool_call", "tool": "act.read" }],
        "edges": [{ "from": "ask", "to": "after" }],
    })
}

async fn looked_at(stage: &Stage, store: &MemoryStore, run: &RunId) -> Arc<TaskList> {
    let summary = store.run_summary(run).await.expect("the store answers");
    let summary = summary.expect("the run is there");
    let list = stage.driver.task_list(&summary).await;
    list.expect("the store answers").expect("the run is there")
}

fn a_store() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    keep(&store, asks());
    store
}

#[tokio::test(start_paused = true)]
async fn a_list_that_somebody_looks_at_is_kept_up_to_date_by_its_run() {
    let store = a_store();
    let stage = Stage::on(store.clone(), Script::default());
    let run = stage.start().await;
    let before = looked_at(&stage, &store, &run).await;
    assert!(before.for_people);
    stage
        .decide(&run, Decision::Approve, "ann")
        .await
        .expect("it is taken");
    let ended = stage.until_ended(&run).await;
    // Nobody has asked the store since.
    let kept = stage.driver.boards.kept(&run).expect("somebody looked");
    assert_eq!(*kept, TaskList::of(&ended));
    assert_eq!(kept.status, RunStatus::Completed);
    assert!(Arc::ptr_eq(&looked_at(&stage, &store, &run).await, &kept));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_go_on_in_this_release_has_its_list() {
    let store = a_store();
    let stage = Stage::on(store.clone(), Script::default());
    let run = stage.start().await;
    let asked = stage.state(&run).await;
    // Its definition names a tool that is not there any more.
    let outline = Outline::clone(&asked.outline);
    let mut gone = asks();
    gone["steps"][1]["tool"] = json!("act.gone");
    store.keep_version(card("w", "v", 1), document(gone), outline);
    let later = Stage::on(store.clone(), Script::default());
    let list = looked_at(&later, &store, &run).await;
    assert_eq!(*list, TaskList::of(&asked));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_looks_at_any_more_is_dropped() {
    let store = a_store();
    let stage = Stage::on(store.clone(), Script::default());
    let run = stage.start().await;
    looked_at(&stage, &store, &run).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    stage
        .decide(&run, Decision::Approve, "ann")
        .await
        .expect("it is taken");
    let ended = stage.until_ended(&run).await;
    assert_eq!(stage.driver.boards.kept(&run), None);
    assert_eq!(*looked_at(&stage, &store, &run).await, TaskList::of(&ended));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_has_done_since_is_in_the_list() {
    let store = a_store();
    let reader = Stage::on(store.clone(), Script::default());
    let owner = Stage::on(store.clone(), Script::default());
    let run = owner.start().await;
    assert!(looked_at(&reader, &store, &run).await.for_people);
    owner
        .decide(&run, Decision::Approve, "ann")
        .await
        .expect("it is taken");
    let ended = owner.until_ended(&run).await;
    let read = looked_at(&reader, &store, &run).await;
    assert_eq!(*read, TaskList::of(&ended));
    // It is read once.
    assert!(Arc::ptr_eq(&looked_at(&reader, &store, &run).await, &read));
}
