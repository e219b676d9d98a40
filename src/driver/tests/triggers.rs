//! Runs that start by themselves: at their moments, once each, whatever dies in between.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::stage::{Act, JumpingClock, Script, Stage, card, chain, document, keep, toolbox};
use crate::driver::triggers::Triggers;
use crate::engine::command::Command;
use crate::engine::compile::compile;
use crate::engine::event::{EndState, Origin};
use crate::engine::ids::{RunId, TriggerId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Missed, Overlap, RunFinished, Schedule, Source, Standing, Trigger};
use crate::store::memory::MemoryStore;
use crate::store::{
    Fired, Progress, RunEnd, Store, StoreError, TriggerRow, TriggerStore, WebhookKey,
};

const ID: &str = "t1";

fn schedule(cron: &str, missed: Missed, overlap: Overlap) -> Source {
    Source::Schedule(Schedule {
        cron: cron.to_owned(),
        zone: "UTC".to_owned(),
        input: json!({ "by": "schedule" }),
        missed,
        overlap,
    })
}

fn every_minute(missed: Missed) -> Source {
    schedule("* * * * *", missed, Overlap::Allow)
}

fn after(workflow: &str, states: &[EndState]) -> Source {
    Source::RunFinished(RunFinished {
        workflow_id: WorkflowId::new(workflow),
        states: states.to_vec(),
        input: None,
    })
}

fn trigger(id: &str, workflow: &str, source: Source) -> Trigger {
    Trigger {
        id: TriggerId::new(id),
        workflow_id: WorkflowId::new(workflow),
        name: format!("Trigger {id}"),
        enabled: true,
        source,
        since: Timestamp::from_micros(1_000_000),
        created_at: Timestamp::from_micros(1_000_000),
    }
}

/// A store with a workflow of one step that anybody may run, and that trigger.
async fn store_with(source: Source) -> Arc<MemoryStore> {
    let memory = Arc::new(MemoryStore::default());
    keep(&memory, chain(&["a"]));
    let set = trigger(ID, "w", source);
    memory.save_trigger(&set).await.expect("it is stored");
    memory
}

fn keep_as(memory: &MemoryStore, slug: &str, version: &str, number: u32, workflow: Value) {
    let workflow = document(workflow);
    let plan = compile(&workflow, &toolbox(&Script::default()).catalogue());
    let outline = Outline::clone(&plan.expect("it compiles").outline);
    memory.keep_version(card(slug, version, number), workflow, outline);
}

/// A process whose triggers are at work.
struct Process {
    stage: Stage,
    triggers: Arc<Triggers>,
}

fn process(memory: &Arc<MemoryStore>, script: Script, clock: &Arc<JumpingClock>) -> Process {
    process_on(
        memory,
        Arc::clone(memory) as Arc<dyn TriggerStore>,
        script,
        clock,
    )
}

fn process_on(
    memory: &Arc<MemoryStore>,
    store: Arc<dyn TriggerStore>,
    script: Script,
    clock: &Arc<JumpingClock>,
) -> Process {
    let stage = Stage::with_clock(
        Arc::clone(memory) as Arc<dyn Store>,
        script,
        Arc::clone(clock),
    );
    let triggers = Triggers::new(Arc::clone(&stage.driver), store);
    triggers.start();
    Process { stage, triggers }
}

/// Nothing real passes: the clock jumps.
async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// When the runs were started, in seconds, oldest first.
fn started(memory: &MemoryStore) -> Vec<i64> {
    let mut moments: Vec<i64> = memory
        .summaries()
        .iter()
        .map(|run| run.header.created_at.as_micros() / 1_000_000)
        .collect();
    moments.sort_unstable();
    moments
}

async fn standing(memory: &MemoryStore, id: &str) -> Standing {
    let row = memory.trigger(&id.into()).await.expect("it answers");
    row.expect("it is there").standing
}

#[tokio::test(start_paused = true)]
async fn a_schedule_starts_a_run_at_each_of_its_moments() {
    let memory = store_with(every_minute(Missed::Skip)).await;
    let process = process(&memory, Script::default(), &JumpingClock::new());
    seconds(185).await;
    assert_eq!(started(&memory), [60, 120, 180]);
    let run = &memory.summaries()[0];
    assert_eq!(run.started_by, "trigger Trigger t1");
    let state = process.stage.state(&run.header.run_id).await;
    assert_eq!(*state.input, json!({ "by": "schedule" }));
    let because = Origin::Trigger {
        name: "Trigger t1".to_owned(),
        trigger_id: Some(ID.into()),
        depth: 0,
    };
    assert_eq!(state.origin, Some(because));
    let standing = standing(&memory, ID).await;
    assert_eq!(
        standing.done_until,
        Some(Timestamp::from_micros(180_000_000))
    );
    assert_eq!(standing.error, None);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_heard_of_at_once_and_stopping_ends_it() {
    let memory = store_with(schedule("0 0 1 1 *", Missed::Skip, Overlap::Allow)).await;
    let process = process(&memory, Script::default(), &JumpingClock::new());
    seconds(70).await;
    let sooner = trigger(ID, "w", every_minute(Missed::Skip));
    let sooner = Trigger {
        since: Timestamp::from_micros(71_000_000),
        ..sooner
    };
    memory.save_trigger(&sooner).await.expect("it is stored");
    process.triggers.look_again();
    seconds(60).await;
    assert_eq!(started(&memory), [120]);
    let off = Trigger {
        enabled: false,
        ..sooner
    };
    memory.save_trigger(&off).await.expect("it is stored");
    process.triggers.look_again();
    seconds(120).await;
    assert_eq!(started(&memory), [120]);
    process.triggers.stop().await;
}

/// Runs that take 25.5 seconds, wanted every ten.
async fn overlapping(overlap: Overlap) -> Vec<i64> {
    let memory = store_with(schedule("*/10 * * * * *", Missed::Skip, overlap)).await;
    let script = Script::of(&[("a", vec![Act::Report(255)])]);
    let _process = process(&memory, script, &JumpingClock::new());
    seconds(75).await;
    started(&memory)
}

#[tokio::test(start_paused = true)]
async fn runs_that_last_too_long_overlap_as_asked() {
    assert_eq!(
        overlapping(Overlap::Allow).await,
        [10, 20, 30, 40, 50, 60, 70]
    );
    assert_eq!(overlapping(Overlap::Skip).await, [10, 40, 70]);
    // One waits, and begins when the last one has ended.
    assert_eq!(overlapping(Overlap::Queue).await, [10, 35, 61]);
}

/// Three moments pass, the process is away for ten minutes, then three more pass.
async fn after_ten_minutes_away(missed: Missed) -> Vec<i64> {
    let memory = store_with(every_minute(missed)).await;
    let clock = JumpingClock::new();
    let first = process(&memory, Script::default(), &clock);
    seconds(200).await;
    first.triggers.stop().await;
    seconds(600).await;
    let _next = process(&memory, Script::default(), &clock);
    seconds(200).await;
    let all = started(&memory);
    assert_eq!(all[..3], [60, 120, 180]);
    all[3..].to_vec()
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_made_up_for_as_asked() {
    assert_eq!(after_ten_minutes_away(Missed::Skip).await, [840, 900, 960]);
    assert_eq!(
        after_ten_minutes_away(Missed::Latest).await,
        [801, 840, 900, 960]
    );
    let all = after_ten_minutes_away(Missed::All).await;
    assert_eq!(all, [vec![801; 10], vec![840, 900, 960]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_falls_into_a_restart_is_not_lost() {
    let memory = store_with(every_minute(Missed::Skip)).await;
    let clock = JumpingClock::new();
    let first = process(&memory, Script::default(), &clock);
    seconds(58).await;
    first.triggers.stop().await;
    seconds(5).await;
    let _next = process(&memory, Script::default(), &clock);
    seconds(60).await;
    assert_eq!(started(&memory), [64, 120]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_starts_nothing_twice() {
    let memory = store_with(every_minute(Missed::All)).await;
    let first = process(&memory, Script::default(), &JumpingClock::new());
    seconds(310).await;
    first.triggers.stop().await;
    assert_eq!(started(&memory).len(), 5);
    // It shows five minutes less than before: what was due then is due again.
    let _next = process(&memory, Script::default(), &JumpingClock::new());
    seconds(490).await;
    assert_eq!(started(&memory), [60, 120, 180, 240, 300, 360, 420, 480]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_start_is_told_of_and_the_next_may() {
    let memory = store_with(every_minute(Missed::Skip)).await;
    let _process = process(&memory, Script::default(), &JumpingClock::new());
    let mut strict = chain(&["a"]);
    strict["inputs"] = json!({ "type": "object", "required": ["day"], "properties": { "day": { "type": "string" } } });
    keep_as(&memory, "w", "v2", 2, strict);
    seconds(65).await;
    assert!(started(&memory).is_empty());
    let told = standing(&memory, ID).await;
    assert!(told.error.is_some_and(|why| why.contains("day")));
    assert_eq!(told.done_until, Some(Timestamp::from_micros(60_000_000)));
    keep_as(&memory, "w", "v3", 3, chain(&["a"]));
    seconds(60).await;
    assert_eq!(started(&memory), [120]);
    assert_eq!(standing(&memory, ID).await.error, None);
}

/// Dies when it is to note its nth firing, or to forget its nth end: what was to be noted is not, and the task never
/// goes on.
struct Dying {
    inner: Arc<MemoryStore>,
    left: AtomicUsize,
}

impl Dying {
    async fn lives(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::future::pending().await
        }
    }
}

#[async_trait]
impl TriggerStore for Dying {
    async fn save_trigger(&self, trigger: &Trigger) -> Result<(), StoreError> {
        self.inner.save_trigger(trigger).await
    }

    async fn trigger(&self, id: &TriggerId) -> Result<Option<TriggerRow>, StoreError> {
        self.inner.trigger(id).await
    }

    async fn triggers_of(
        &self,
        workflow_id: &WorkflowId,
        after: Option<&TriggerId>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, StoreError> {
        self.inner.triggers_of(workflow_id, after, limit).await
    }

    async fn enabled_triggers(&self) -> Result<Vec<TriggerRow>, StoreError> {
        self.inner.enabled_triggers().await
    }

    async fn delete_trigger(&self, id: &TriggerId) -> Result<bool, StoreError> {
        self.inner.delete_trigger(id).await
    }

    async fn note_firing(
        &self,
        id: &TriggerId,
        progress: Option<Progress>,
        fired: Option<Fired>,
    ) -> Result<(), StoreError> {
        self.lives().await;
        self.inner.note_firing(id, progress, fired).await
    }

    async fn webhook_keys(&self, id: &TriggerId) -> Result<Vec<WebhookKey>, StoreError> {
        self.inner.webhook_keys(id).await
    }

    async fn keep_webhook_keys(
        &self,
        id: &TriggerId,
        keys: &[WebhookKey],
    ) -> Result<(), StoreError> {
        self.inner.keep_webhook_keys(id, keys).await
    }

    async fn run_ends(&self, limit: u32) -> Result<Vec<RunEnd>, StoreError> {
        self.inner.run_ends(limit).await
    }

    async fn forget_run_end(&self, end: &RunEnd) -> Result<(), StoreError> {
        self.lives().await;
        self.inner.forget_run_end(end).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_between_the_start_and_its_note_starts_nothing_twice() {
    // Each firing is noted twice, alone and with the whole pass.
    for dies_at in 1..=4 {
        for missed in [Missed::Skip, Missed::Latest, Missed::All] {
            let memory = store_with(every_minute(missed)).await;
            let clock = JumpingClock::new();
            let dying = Arc::new(Dying {
                inner: Arc::clone(&memory),
                left: AtomicUsize::new(dies_at),
            });
            let first = process_on(&memory, dying, Script::default(), &clock);
            seconds(122).await;
            first.triggers.stop().await;
            let _next = process(&memory, Script::default(), &clock);
            seconds(120).await;
            let runs = started(&memory);
            // The second moment is made up for by the next process where the first one died at its first.
            let expected = match (dies_at, missed) {
                (1 | 2, _) => vec![60, 123, 180, 240],
                _ => vec![60, 120, 180, 240],
            };
            assert_eq!(runs, expected, "dies at {dies_at}, {missed:?}");
        }
    }
}

fn of_workflow(memory: &MemoryStore, workflow: &str) -> Vec<RunSummary> {
    let mut runs = memory.summaries();
    runs.retain(|run| run.header.workflow_slug == workflow);
    runs
}

/// `w` runs when `first` has ended.
async fn following(states: &[EndState]) -> Arc<MemoryStore> {
    let memory = store_with(after("first", states)).await;
    keep_as(&memory, "first", "f1", 1, chain(&["b"]));
    memory
}

async fn start_of(stage: &Stage, workflow: &str) -> RunId {
    let version = stage
        .store
        .find_version(workflow, None)
        .await
        .expect("it answers");
    let version = version.expect("it is there");
    let header = crate::engine::summary::RunHeader {
        workflow_id: version.workflow_id,
        version_id: version.version_id,
        workflow_slug: version.slug,
        ..Stage::header()
    };
    let run_id = header.run_id.clone();
    let started = stage
        .driver
        .start(header, Command::start(json!({}), "tester"), None)
        .await;
    started.expect("it starts");
    run_id
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_starts_the_next_with_what_came_of_it() {
    let memory = following(&[EndState::Completed]).await;
    let script = Script::of(&[(
        "b",
        vec![Act::Succeed(json!({ "x": 1 })), Act::Fail("broken")],
    )]);
    let process = process(&memory, script, &JumpingClock::new());
    let ended = start_of(&process.stage, "first").await;
    seconds(5).await;
    let started = of_workflow(&memory, "w");
    assert_eq!(started.len(), 1);
    let state = process.stage.state(&started[0].header.run_id).await;
    let told =
        json!({ "run_id": ended, "workflow": "first", "state": "completed", "output": { "x": 1 } });
    assert_eq!((&*state.input, state.depth()), (&told, 1));
    // The next one fails, which is not what is waited for.
    start_of(&process.stage, "first").await;
    seconds(5).await;
    assert_eq!(of_workflow(&memory, "first").len(), 2);
    assert_eq!(of_workflow(&memory, "w").len(), 1);
    assert_eq!(memory.run_ends(10).await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_saw_is_followed_once_whoever_dies() {
    for dies_at in 1..=3 {
        let memory = following(&[EndState::Completed]).await;
        let clock = JumpingClock::new();
        // It ends while nobody follows.
        let alone = Stage::with_clock(memory.clone(), Script::default(), Arc::clone(&clock));
        start_of(&alone, "first").await;
        seconds(5).await;
        assert_eq!(of_workflow(&memory, "w").len(), 0);
        let dying = Arc::new(Dying {
            inner: Arc::clone(&memory),
            left: AtomicUsize::new(dies_at),
        });
        let first = process_on(&memory, dying, Script::default(), &clock);
        seconds(5).await;
        first.triggers.stop().await;
        for _ in 0..2 {
            let next = process(&memory, Script::default(), &clock);
            seconds(5).await;
            next.triggers.stop().await;
        }
        assert_eq!(of_workflow(&memory, "w").len(), 1, "dies at {dies_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_retried_ends_again() {
    let memory = following(&[EndState::Completed, EndState::Failed]).await;
    let script = Script::of(&[("b", vec![Act::Fail("broken"), Act::Succeed(json!({}))])]);
    let process = process(&memory, script, &JumpingClock::new());
    let run = start_of(&process.stage, "first").await;
    seconds(5).await;
    assert_eq!(of_workflow(&memory, "w").len(), 1);
    let retry = Command::Retry {
        actor: "ann".to_owned(),
        comment: String::new(),
    };
    process
        .stage
        .driver
        .submit(&run, retry)
        .await
        .expect("it failed");
    seconds(5).await;
    assert_eq!(of_workflow(&memory, "w").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_workflows_that_start_each_other_come_to_an_end() {
    let memory = following(&[EndState::Completed]).await;
    let back = trigger("t2", "first", after("w", &[EndState::Completed]));
    memory.save_trigger(&back).await.expect("it is stored");
    let process = process(&memory, Script::default(), &JumpingClock::new());
    start_of(&process.stage, "first").await;
    seconds(300).await;
    assert_eq!(
        memory.summaries().len(),
        17,
        "one, and sixteen that followed"
    );
    let told = [standing(&memory, ID).await, standing(&memory, "t2").await];
    let why = told.into_iter().find_map(|standing| standing.error);
    assert!(why.is_some_and(|why| why.contains("without end")));
}
