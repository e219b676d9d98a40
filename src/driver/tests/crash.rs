//! A process dies and another takes its place on the same store.

use serde_json::json;
use std::sync::Arc;

use super::stage::{Act, JumpingClock, Script, Stage, assert_completed, assert_sound, chain, keep};
use crate::engine::command::Command;
use crate::engine::event::{Decision, Resolution};
use crate::engine::ids::RunId;
use crate::engine::state::{AttemptOutcome, RunStatus, StepStatus};
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Store};

/// The next process on the same store. The old one's tasks are cut off from the world: its tools never answer.
async fn next_process(store: &Arc<MemoryStore>, script: Script) -> Stage {
    let store: Arc<dyn Store> = Arc::clone(store) as Arc<dyn Store>;
    let stage = Stage::on(store, script);
    stage.driver.recover().await.expect("the store answers");
    stage
}

fn store_with(workflow: serde_json::Value) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    keep(&store, workflow);
    store
}

#[tokio::test(start_paused = true)]
async fn finished_steps_are_kept_and_the_interrupted_one_is_made_again() {
    let store = store_with(chain(&["a", "b", "c"]));
    let dying = Stage::on(store.clone(), Script::of(&[("b", vec![Act::Deaf])]));
    let run = dying.start().await;
    dying.until_step(&run, "b", StepStatus::InProgress).await;

    let next = next_process(&store, Script::default()).await;
    let state = next.until_ended(&run).await;
    assert_completed(&state);
    assert_eq!(
        [
            next.script.calls("a"),
            next.script.calls("b"),
            next.script.calls("c")
        ],
        [0, 1, 1]
    );
    assert_eq!(
        state.steps[1].attempts[0].outcome,
        AttemptOutcome::Interrupted
    );
    assert_sound(&next.log(&run).await);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_effect_is_put_to_a_person_and_not_repeated() {
    let mut workflow = chain(&["a"]);
    workflow["steps"][0]["tool"] = json!("act.effect");
    let store = store_with(workflow);
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let run = dying.start().await;
    dying.until_step(&run, "a", StepStatus::InProgress).await;

    let next = next_process(&store, Script::default()).await;
    let state = next.until_step(&run, "a", StepStatus::OutcomeUnknown).await;
    assert_eq!(
        (state.status(), next.script.calls("a")),
        (RunStatus::Waiting, 0)
    );
    let happened = Command::ResolveOutcome {
        step: "a".into(),
        resolution: Resolution::Happened,
        actor: "ann".to_owned(),
        comment: "seen in the receiver's log".to_owned(),
    };
    next.driver
        .submit(&run, happened)
        .await
        .expect("it waits for this");
    assert_completed(&next.until_ended(&run).await);
    assert_eq!(next.script.calls("a"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_gate_still_waits_after_the_process_died_and_takes_its_answer() {
    let workflow = json!({
        "name": "Gate",
        "steps": [
            { "id": "agree", "kind": "human_gate" },
            { "id": "act", "kind": "tool_call", "tool": "act.effect" }
        ],
        "edges": [{ "from": "agree", "to": "act" }]
    });
    let store = store_with(workflow);
    let dying = Stage::on(store.clone(), Script::default());
    let run = dying.start().await;
    dying
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;

    let next = next_process(&store, Script::default()).await;
    assert_eq!(next.state(&run).await.status(), RunStatus::Waiting);
    next.decide(&run, Decision::Approve, "ann")
        .await
        .expect("it still waits");
    assert_completed(&next.until_ended(&run).await);
    assert_eq!(
        (dying.script.calls("act"), next.script.calls("act")),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_retry_fires_after_the_restart() {
    let mut workflow = chain(&["a"]);
    workflow["steps"][0]["retry"] =
        json!({ "max_attempts": 2, "base_ms": 60_000, "cap_ms": 60_000 });
    let store = store_with(workflow);
    let dying = Stage::on(
        store.clone(),
        Script::of(&[("a", vec![Act::Fail("busy"), Act::Deaf])]),
    );
    let run = dying.start().await;
    dying.until_step(&run, "a", StepStatus::Retrying).await;

    let next = next_process(&store, Script::default()).await;
    // Both processes live here, and either may be the first to write: the other's turn conflicts and is read anew.
    let state = next
        .until(&run, |state| state.steps[0].attempts.len() >= 2)
        .await;
    assert_eq!(state.steps[0].attempts[1].number, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_after_the_restart_even_if_its_tool_is_gone() {
    let store = store_with(chain(&["a", "b"]));
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let run = dying.start().await;
    dying.until_step(&run, "a", StepStatus::InProgress).await;
    dying
        .driver
        .submit(
            &run,
            Command::Cancel {
                actor: "ann".to_owned(),
                comment: String::new(),
            },
        )
        .await
        .expect("it runs");

    let next = next_process(&store, Script::default()).await;
    let state = next.until_ended(&run).await;
    assert_eq!(
        (
            state.status(),
            next.script.calls("a"),
            next.script.calls("b")
        ),
        (RunStatus::Cancelled, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn time_spent_down_is_not_taken_for_time_that_a_tool_took() {
    let mut workflow = chain(&["a"]);
    workflow["steps"][0]["timeout_ms"] = json!(1_000);
    let store = store_with(workflow.clone());
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let run = dying.start().await;
    dying.until_step(&run, "a", StepStatus::InProgress).await;
    let image = image_of(&store, &run).await;

    // The attempt's time has long run out when the next process finds it.
    let store = store_with(workflow);
    store.commit(image).await.expect("an empty store");
    let clock = JumpingClock::after_ms(60_000);
    let next = Stage::with_clock(store.clone(), Script::default(), clock);
    next.driver.recover().await.expect("the store answers");
    let state = next.until_ended(&run).await;
    assert_completed(&state);
    assert_eq!(
        state.steps[0].attempts[0].outcome,
        AttemptOutcome::Interrupted,
        "the process was lost; the tool did not run out of time"
    );
}

/// The run as the disk holds it now, for another store: on the same one the dying process' timers would go on.
async fn image_of(store: &MemoryStore, run: &RunId) -> Commit {
    let stored = store.load(run).await.expect("it answers").expect("a run");
    Commit {
        expected_seq: 0,
        events: stored.events.into(),
        summary: Arc::new(store.summary(run).expect("a run")),
        gates: Vec::new(),
        start_key: None,
    }
}
