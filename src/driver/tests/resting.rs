//! Runs that wait for long leave memory, and come back when they are needed.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use super::stage::{
    Act, JumpingClock, Script, Stage, answer, assert_completed, assert_sound, keep,
};
use crate::engine::event::Decision;
use crate::engine::ids::RunId;
use crate::engine::state::StepStatus;
use crate::store::Store;
use crate::store::memory::MemoryStore;

fn gate_and_after(step: Value) -> Value {
    json!({
        "name": "Asks",
        "steps": [{ "id": "wait", "kind": "human_gate", "message": "Go on?" }, step],
        "edges": [{ "from": "wait", "to": "after" }],
    })
}

fn asks() -> Value {
    gate_and_after(json!({ "id": "after", "kind": "tool_call", "tool": "act.read" }))
}

fn waits(ms: u64) -> Value {
    json!({
        "name": "Waits",
        "steps": [{ "id": "wait", "kind": "wait", "for_ms": ms },
                  { "id": "after", "kind": "tool_call", "tool": "act.read" }],
        "edges": [{ "from": "wait", "to": "after" }],
    })
}

async fn until_out_of_memory(stage: &Stage, run: &RunId) {
    for _ in 0..100 {
        if !stage.driver.owns(run) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the run stays in memory");
}

async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_person_leaves_memory_and_comes_back_with_the_answer() {
    let stage = Stage::new(asks(), Script::default());
    let run = stage.start().await;
    until_out_of_memory(&stage, &run).await;
    let decided = stage.decide(&run, Decision::Approve, "ann").await;
    assert_eq!(decided, Ok(()));
    assert_completed(&stage.until_ended(&run).await);
    assert_sound(&stage.log(&run).await);
}

#[tokio::test(start_paused = true)]
async fn of_twenty_answers_to_a_resting_run_one_wins() {
    let stage = Stage::new(asks(), Script::default());
    let run = stage.start().await;
    until_out_of_memory(&stage, &run).await;
    let state = stage.state(&run).await;
    let gate = state.steps[0].gate.clone().expect("it is asked");
    let answers = (0..20).map(|number| {
        let (driver, run) = (Arc::clone(&stage.driver), run.clone());
        let actor = format!("person {number}");
        let command = answer(&gate.id, &gate.plan_hash, Decision::Approve, &actor);
        tokio::spawn(async move { driver.submit(&run, command).await })
    });
    let answers = futures::future::join_all(answers).await;
    let won = answers.iter().filter(|answer| matches!(answer, Ok(Ok(()))));
    assert_eq!(won.count(), 1);
    assert_completed(&stage.until_ended(&run).await);
    assert_eq!(stage.script.calls("after"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_moment_is_woken_then() {
    let stage = Stage::new(waits(60_000), Script::default());
    let run = stage.start().await;
    until_out_of_memory(&stage, &run).await;
    let state = stage.until_ended(&run).await;
    assert_completed(&state);
    let waited = &state.steps[0];
    let took = waited.finished_at.expect("it ended").as_micros()
        - waited.started_at.expect("it began").as_micros();
    assert!((60_000_000..60_100_000).contains(&took), "{took} µs");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_due_sooner_than_the_others_is_not_kept_waiting_by_them() {
    let memory = Arc::new(MemoryStore::default());
    keep(&memory, waits(200_000));
    let stage = Stage::on(memory.clone(), Script::default());
    let late = stage.start().await;
    until_out_of_memory(&stage, &late).await;
    keep(&memory, waits(20_000));
    // Another driver, because versions are kept in memory; the first one sleeps for the late run.
    let other = Stage::on(memory, Script::default());
    assert_eq!(other.driver.recover().await, Ok(0));
    sleep_ms(1_000).await;
    let soon = other.start().await;
    until_out_of_memory(&other, &soon).await;
    sleep_ms(25_000).await;
    assert!(other.state(&soon).await.status().is_terminal());
    assert!(!other.state(&late).await.status().is_terminal());
}

#[tokio::test(start_paused = true)]
async fn the_next_process_leaves_a_resting_run_alone_until_its_moment() {
    let memory = Arc::new(MemoryStore::default());
    keep(&memory, waits(60_000));
    let dying = Stage::on(memory.clone(), Script::default());
    let run = dying.start().await;
    until_out_of_memory(&dying, &run).await;
    // The old process' sleeper goes with it.
    drop(dying);
    let clock = JumpingClock::after_ms(2_000);
    let next = Stage::with_clock(memory.clone(), Script::default(), clock);
    assert_eq!(next.driver.recover().await, Ok(0));
    assert!(!next.driver.owns(&run));
    assert_completed(&next.until_ended(&run).await);
    assert_eq!(memory.awake_runs().await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_passed_while_nobody_was_there_is_made_up_for() {
    let memory = Arc::new(MemoryStore::default());
    keep(&memory, waits(60_000));
    let dying = Stage::on(memory.clone(), Script::default());
    let run = dying.start().await;
    until_out_of_memory(&dying, &run).await;
    drop(dying);
    let clock = JumpingClock::after_ms(3_600_000);
    let next = Stage::with_clock(memory, Script::default(), clock);
    next.driver.recover().await.expect("the store answers");
    sleep_ms(1_000).await;
    assert_completed(&next.state(&run).await);
}

#[tokio::test(start_paused = true)]
async fn a_run_stays_while_something_is_done_for_it() {
    let script = Script::of(&[("after", vec![Act::Hang])]);
    let stage = Stage::new(asks(), script);
    let run = stage.start().await;
    let decided = stage.decide(&run, Decision::Approve, "ann").await;
    assert_eq!(decided, Ok(()));
    stage
        .until_step(&run, "after", StepStatus::InProgress)
        .await;
    sleep_ms(5_000).await;
    assert!(stage.driver.owns(&run));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_holds_a_room_stays_and_its_followers_wait() {
    let mut workflow = asks();
    workflow["concurrency"] = json!({ "max": 1 });
    let stage = Stage::new(workflow, Script::default());
    let first = stage.start().await;
    sleep_ms(5_000).await;
    assert!(
        stage.driver.owns(&first),
        "who would know that it holds it?"
    );
    let second = stage.start().await;
    sleep_ms(5_000).await;
    assert_eq!(
        stage.state(&second).await.steps[0].status,
        StepStatus::Pending
    );
    let decided = stage.decide(&first, Decision::Approve, "ann").await;
    assert_eq!(decided, Ok(()));
    let asked = stage.until_step(&second, "wait", StepStatus::WaitingForApproval);
    asked.await;
}
