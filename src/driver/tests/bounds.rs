//! Bounds over all runs, where the simulation found them broken. Each test names a seed that did.

use futures::FutureExt;
use serde_json::{Value, json};
use std::sync::Arc;

use super::stage::{Act, Script, Stage, assert_completed, chain, keep, status_of};
use crate::engine::command::{Command, Report};
use crate::engine::event::{Event, Recorded};
use crate::engine::ids::{RunId, StepPath};
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

/// A run that runs its own workflow as a step, as often as its input says.
fn of_itself(below: &Value) -> Value {
    json!({
        "name": "W",
        "steps": [
            { "id": "more", "kind": "condition", "expression": "has(input.below) && input.below > 0" },
            { "id": "each", "kind": "map", "over": "=[1, 2]", "body": { "steps": [below], "edges": [] } },
            { "id": "a", "kind": "tool_call", "tool": "act.read" },
        ],
        "edges": [
            { "from": "more", "to": "each", "when": "more.result" },
            { "from": "more", "to": "a", "default": true },
        ]
    })
}

async fn start_with(stage: &Stage, input: Value) -> RunId {
    let header = Stage::header();
    let run_id = header.run_id.clone();
    let started = stage
        .driver
        .start(header, Command::start(input, "tester"), None);
    started.await.expect("it starts");
    run_id
}

fn again() -> Value {
    json!({ "id": "again", "kind": "subworkflow", "workflow": "w", "with": { "below": "=input.below - 1" } })
}

/// A run held its workflow's only room while the run that it waited for asked for the same one.
#[tokio::test(start_paused = true)]
async fn a_run_lends_its_turn_to_the_runs_of_its_workflow_that_it_waits_for() {
    let mut workflow = of_itself(&again());
    workflow["concurrency"] = json!({ "max": 1 });
    let script = Script::of(&[("a", vec![Act::Report(20)])]);
    let stage = Stage::new(workflow, script);
    let run = start_with(&stage, json!({ "below": 3 })).await;
    let other = start_with(&stage, json!({})).await;
    // One at a time: eight leaves of two seconds each.
    seconds(10).await;
    assert_eq!(status(&stage, &other).await, RunStatus::Pending);
    assert_eq!(status(&stage, &run).await, RunStatus::Running);
    let begun = stage.script.calls("a");
    assert!((4..=6).contains(&begun), "{begun} leaves in ten seconds");
    assert_completed(&stage.until_ended(&run).await);
    assert_completed(&stage.until_ended(&other).await);
    assert_eq!(stage.script.calls("a"), 9);
    assert!(!stage.driver.rooms().in_use());
}

#[tokio::test(start_paused = true)]
async fn what_was_lent_stays_lent_over_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let mut workflow = of_itself(&again());
    workflow["concurrency"] = json!({ "max": 1 });
    keep(&store, workflow);
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    let run = start_with(&dying, json!({ "below": 1 })).await;
    seconds(5).await;
    assert_eq!(dying.script.calls("a"), 1);
    let script = Script::of(&[("a", vec![Act::Hang])]);
    let next = Stage::on(store.clone(), script);
    next.driver.recover().await.expect("the store answers");
    seconds(5).await;
    assert_eq!(next.script.calls("a"), 1, "the second leaf waits");
    assert_eq!(status(&next, &run).await, RunStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_starts_itself_ends_at_the_bound_of_its_family() {
    let store = Arc::new(MemoryStore::default());
    let mut more = again();
    more["on_error"] = json!("continue");
    keep(&store, of_itself(&more));
    let stage = Stage::on(store.clone(), Script::default());
    stage.driver.families().descendants_max = 9;
    let other = start_with(&stage, json!({ "below": 1 })).await;
    let run = start_with(&stage, json!({ "below": 10 })).await;
    let state = stage.until_ended(&run).await;
    assert_completed(&stage.until_ended(&other).await);
    assert_eq!(store.summaries().len(), 2 + 2 + 9);
    assert_completed(&state);
    let mut codes = Vec::new();
    for summary in store.summaries() {
        let state = stage.state(&summary.header.run_id).await;
        codes.extend(state.steps.iter().filter_map(|step| step.error.clone()));
    }
    assert!(!codes.is_empty());
    for error in codes {
        assert_eq!(error.code, "too_many_runs", "{error:?}");
        assert!(error.message.contains("start itself?"), "{error:?}");
    }
}

/// Runs are counted by what is stored, so also over a restart, and each once.
#[tokio::test(start_paused = true)]
async fn a_family_is_counted_over_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let mut more = again();
    more["on_error"] = json!("continue");
    keep(&store, of_itself(&more));
    let dying = Stage::on(store.clone(), Script::of(&[("a", vec![Act::Deaf])]));
    dying.driver.families().descendants_max = 5;
    let run = start_with(&dying, json!({ "below": 2 })).await;
    seconds(5).await;
    assert_eq!(store.summaries().len(), 1 + 5);
    let next = Stage::on(store.clone(), Script::default());
    next.driver.families().descendants_max = 5;
    next.driver.recover().await.expect("the store answers");
    next.until_ended(&run).await;
    assert_eq!(store.summaries().len(), 1 + 5);
}

/// Who asks for a run of a workflow that there is not leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_never_made_leaves_nothing_behind() {
    let step = json!({ "id": "a", "kind": "subworkflow", "workflow": "nobody" });
    let stage = Stage::new(json!({ "name": "W", "steps": [step] }), Script::default());
    let run = stage.start().await;
    let state = stage.until_ended(&run).await;
    assert_eq!(state.status(), RunStatus::Failed);
    seconds(1).await;
    assert!(!stage.driver.rooms_in_use());
}

/// A run that outlives its root may start one more: its family is not kept for ever.
#[tokio::test(start_paused = true)]
async fn a_family_is_forgotten_when_its_root_has_ended_before() {
    let stage = Stage::new(chain(&["a"]), Script::default());
    let root = stage.start().await;
    stage.until_ended(&root).await;
    seconds(1).await;
    let joined = stage.driver.joins_family(&root).await;
    assert_eq!(joined, Ok(true));
    assert_eq!(stage.driver.families().size_of(&root), Some(1));
    stage.driver.families().settle(&root, true);
    assert_eq!(stage.driver.families().size_of(&root), None);
}

fn external() -> Value {
    json!({ "name": "W", "steps": [{ "id": "job", "kind": "external" }] })
}

fn at(percent: u8) -> Report {
    let doing = format!("{percent} done");
    Report::Progressed { percent, doing }
}

fn percents(log: &[Recorded]) -> Vec<u8> {
    let percents = log.iter().filter_map(|recorded| match &recorded.event {
        Event::AttemptProgressed { percent, .. } => Some(*percent),
        _ => None,
    });
    percents.collect()
}

/// A caller whose connection breaks in the middle of a report does not silence those that come after it.
#[tokio::test(start_paused = true)]
async fn a_reporter_that_goes_away_is_followed_by_others() {
    let stage = Stage::new(external(), Script::default());
    let (run, job) = (stage.start().await, StepPath::new("job"));
    let dropped = stage.driver.report(&run, &job, at(1)).now_or_never();
    assert!(dropped.is_none(), "it was not stored yet");
    for percent in 2..5 {
        seconds(1).await;
        let said = stage.driver.report(&run, &job, at(percent));
        said.await.expect("it waits for this");
    }
    seconds(1).await;
    assert_eq!(percents(&stage.log(&run).await), [1, 2, 3, 4]);
}

/// Reports of a step outside: a few a second, and the last one before the end.
#[tokio::test(start_paused = true)]
async fn reports_of_progress_are_coalesced_and_the_last_is_kept() {
    let stage = Stage::new(external(), Script::default());
    let (run, job) = (stage.start().await, StepPath::new("job"));
    for percent in 0..100 {
        let said = stage.driver.report(&run, &job, at(percent));
        said.await.expect("it waits for this");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let done = Report::Succeeded { output: json!(1) };
    let said = stage.driver.report(&run, &job, done);
    said.await.expect("it waits for this");
    let log = stage.log(&run).await;
    let percents = percents(&log);
    assert!((4..=7).contains(&percents.len()), "{percents:?}");
    assert_eq!(percents.last(), Some(&99));
    let late = stage.driver.report(&run, &job, at(1)).await;
    assert!(late.is_err(), "the run has ended");
}
