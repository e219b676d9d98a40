//! Bounds over all runs, where the simulation found them broken. Each test names a seed that did.

use serde_json::{Value, json};
use std::sync::Arc;

use super::stage::{Act, Script, Stage, chain, keep, status_of};
use crate::engine::command::Command;
use crate::engine::ids::RunId;
use crate::engine::state::{RunState, RunStatus, StepStatus};
use crate::store::memory::MemoryStore;

/// Two steps that begin together, of which one may be done at a time.
fn two_at_once() -> Value {
    let step = |id: &str| {
        json!({
            "id": id, "kind": "tool_call", "tool": "act.read", "on_error": "continue",
            "concurrency": { "max": 1, "key": "db" }
        })
    };
    json!({
        "name": "Two",
        "steps": [{ "id": "both", "kind": "parallel" }, step("a"), step("b")],
        "edges": [{ "from": "both", "to": "a" }, { "from": "both", "to": "b" }]
    })
}

fn one_run_at_a_time() -> Value {
    let mut workflow = chain(&["a"]);
    workflow["concurrency"] = json!({ "max": 1 });
    workflow
}

fn one_of(state: &RunState, status: StepStatus) -> bool {
    let of = |step: &str| status_of(state, step) == status;
    of("a") != of("b")
}

fn seconds(seconds: u64) -> tokio::time::Sleep {
    tokio::time::sleep(std::time::Duration::from_secs(seconds))
}

/// Seed 0: the room that one step had been given was taken back before the step heard of it, and the other got it too.
#[tokio::test(start_paused = true)]
async fn steps_that_ask_for_room_in_the_same_turn_get_it_one_after_the_other() {
    let stage = Stage::new(
        two_at_once(),
        Script::of(&[("a", vec![Act::Hang]), ("b", vec![Act::Hang])]),
    );
    let run = stage.start().await;
    seconds(2).await;
    let state = stage.state(&run).await;
    assert!(one_of(&state, StepStatus::InProgress), "{state:#?}");
    assert!(one_of(&state, StepStatus::Queued), "{state:#?}");
    assert_eq!(stage.script.calls("a") + stage.script.calls("b"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_held_keeps_no_room_from_others() {
    let stage = Stage::new(two_at_once(), Script::of(&[("a", vec![Act::Hang])]));
    let (held, other) = (stage.start().await, stage.start().await);
    let say = |command| stage.driver.submit(&held, command);
    let (actor, comment) = ("ann".to_owned(), String::new());
    let pause = Command::Pause {
        actor: actor.clone(),
        comment: comment.clone(),
    };
    say(pause).await.expect("it runs");
    // The first call of each run hangs until its time is over; the others must not wait for the held one.
    seconds(300).await;
    let state = stage.state(&other).await;
    assert!(state.status().is_terminal(), "{state:#?}");
    say(Command::Resume { actor, comment })
        .await
        .expect("it is held");
    stage.until_ended(&held).await;
}

async fn status(stage: &Stage, run: &RunId) -> RunStatus {
    stage.state(run).await.status()
}

/// Seed 14: the next process did not know of the runs that the last one had let in.
#[tokio::test(start_paused = true)]
async fn a_run_keeps_its_turn_over_a_restart() {
    let store = Arc::new(MemoryStore::default());
    keep(&store, one_run_at_a_time());
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(dying.start().await);
    }
    dying
        .until_step(&runs[0], "a", StepStatus::InProgress)
        .await;
    let next = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    next.driver.recover().await.expect("the store answers");
    seconds(5).await;
    assert_eq!(status(&next, &runs[0]).await, RunStatus::Running);
    assert_eq!(status(&next, &runs[1]).await, RunStatus::Pending);
    assert_eq!(status(&next, &runs[2]).await, RunStatus::Pending);
}

/// A failed run has given its turn to another; who has it retried has it wait for the next.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_retried_waits_for_its_turn_again() {
    let script = Script::of(&[(
        "a",
        vec![Act::Fail("busy"), Act::Hang, Act::Succeed(json!({}))],
    )]);
    let stage = Stage::new(one_run_at_a_time(), script);
    let failed = stage.start().await;
    stage.until_ended(&failed).await;
    let other = stage.start().await;
    stage.until_step(&other, "a", StepStatus::InProgress).await;
    let (actor, comment) = ("ann".to_owned(), String::new());
    stage
        .driver
        .submit(&failed, Command::Retry { actor, comment })
        .await
        .expect("it failed");
    seconds(5).await;
    assert_eq!(status(&stage, &failed).await, RunStatus::Pending);
    stage.until_ended(&other).await;
    let state = stage.until_ended(&failed).await;
    assert_eq!(state.status(), RunStatus::Completed);
}
