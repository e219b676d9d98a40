//! Bounds over all runs: who waits, who is next, and what becomes of a room that nobody can use.

use serde_json::{Value, json};

use super::stage::{Act, Script, Stage, assert_completed};
use crate::engine::command::Command;
use crate::engine::ids::RunId;
use crate::engine::state::{RunStatus, StepStatus};

/// One call at a time over all runs; the first takes two seconds, the others none.
fn stage() -> Stage {
    let step = json!({
        "id": "a", "kind": "tool_call", "tool": "act.read", "concurrency": { "max": 1, "key": "db" },
    });
    let script = Script::of(&[("a", vec![Act::Report(20), Act::Succeed(json!(null))])]);
    Stage::new(document(step), script)
}

fn document(step: Value) -> Value {
    json!({ "name": "W", "steps": [step] })
}

async fn pause(stage: &Stage, run: &RunId) {
    let (actor, comment) = ("ann".to_owned(), String::new());
    let paused = stage.driver.submit(run, Command::Pause { actor, comment });
    paused.await.expect("it runs");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_the_one_before_it_has_ended() {
    let stage = stage();
    let (first, second) = (stage.start().await, stage.start().await);
    stage.until_step(&first, "a", StepStatus::InProgress).await;
    stage.until_step(&second, "a", StepStatus::Queued).await;
    assert_eq!(stage.script.calls("a"), 1);
    assert_completed(&stage.until_ended(&second).await);
    assert_completed(&stage.until_ended(&first).await);
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_gives_its_turn_to_the_next() {
    let stage = stage();
    let (first, held, next) = (
        stage.start().await,
        stage.start().await,
        stage.start().await,
    );
    stage.until_step(&held, "a", StepStatus::Queued).await;
    stage.until_step(&next, "a", StepStatus::Queued).await;
    pause(&stage, &held).await;
    assert_completed(&stage.until_ended(&first).await);
    assert_completed(&stage.until_ended(&next).await);
    assert_eq!(stage.state(&held).await.status(), RunStatus::Paused);
    let (actor, comment) = ("ann".to_owned(), String::new());
    let resumed = stage
        .driver
        .submit(&held, Command::Resume { actor, comment });
    resumed.await.expect("it is paused");
    assert_completed(&stage.until_ended(&held).await);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_leaves_the_queue() {
    let stage = stage();
    let (first, gone, next) = (
        stage.start().await,
        stage.start().await,
        stage.start().await,
    );
    stage.until_step(&gone, "a", StepStatus::Queued).await;
    let (actor, comment) = ("ann".to_owned(), String::new());
    let cancelled = stage
        .driver
        .submit(&gone, Command::Cancel { actor, comment });
    cancelled.await.expect("it waits");
    for run in [&first, &next] {
        assert_completed(&stage.until_ended(run).await);
    }
    assert_eq!(stage.script.calls("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_when_the_process_died_asks_the_next_one() {
    let dying = stage();
    let (first, second) = (dying.start().await, dying.start().await);
    dying.until_step(&second, "a", StepStatus::Queued).await;
    let next = Stage::on(dying.store.clone(), Script::default());
    drop(dying);
    next.driver.recover().await.expect("it answers");
    for run in [&first, &second] {
        assert_completed(&next.until_ended(run).await);
    }
}
