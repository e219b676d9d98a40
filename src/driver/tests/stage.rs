//! What the driver's tests play on.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

use crate::driver::clock::Clock;
use crate::driver::tool::{Tool, ToolCall, ToolOutcome, Toolbox};
use crate::driver::{Driver, SubmitError};
use crate::engine::command::Command;
use crate::engine::compile::compile;
use crate::engine::event::{Decision, Event, Recorded};
use crate::engine::failure::StepError;
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::logs::LogStream;
use crate::engine::plan::Outline;
use crate::engine::state::{RunState, RunStatus, StepStatus};
use crate::engine::summary::RunHeader;
use crate::engine::time::Timestamp;
use crate::engine::tool::{EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;
use crate::store::Store;
use crate::store::VersionCard;
use crate::store::memory::MemoryStore;

/// Follows tokio's clock, which jumps ahead whenever nothing else is to do.
pub(super) struct JumpingClock {
    origin: Instant,
    /// What it shows at `origin`.
    starts_at_ms: u64,
    draws: AtomicU64,
}

impl JumpingClock {
    pub(super) fn new() -> Arc<Self> {
        Self::after_ms(0)
    }

    /// As if `new` had been that long ago.
    pub(super) fn after_ms(ms: u64) -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            starts_at_ms: 1_000 + ms,
            draws: AtomicU64::new(1),
        })
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.origin.elapsed().as_micros()).expect("a short test");
        Timestamp::from_micros(elapsed).plus_ms(self.starts_at_ms)
    }

    fn entropy(&self) -> u64 {
        self.draws
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn new_id(&self) -> String {
        // Over all clocks: a process that takes another's place gives none of its ids again.
        format!("id-{:06}", IDS.fetch_add(1, Ordering::Relaxed))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let left = moment.as_micros().saturating_sub(self.now().as_micros());
        tokio::time::sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))).await;
    }
}

/// What a scripted tool does when it is called.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Succeed(Value),
    Fail(&'static str),
    Unknown,
    Panic,
    /// Never answers; stops when told to.
    Hang,
    /// Never answers and does not listen.
    Deaf,
    /// Reports progress this often, a tenth of a second apart, then succeeds.
    Report(u8),
    /// Writes so many lines at once, and one more a second later, then succeeds.
    Write(u32),
    /// Writes so many lines, no faster than they can be stored, then succeeds.
    WriteInTime(u32),
}

/// One script per step: what its first, second … call does; the last line repeats. Counts calls.
#[derive(Clone, Default)]
pub(super) struct Script {
    acts: Arc<Mutex<BTreeMap<String, Vec<Act>>>>,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Script {
    pub(super) fn of(acts: &[(&str, Vec<Act>)]) -> Self {
        let script = Self::default();
        script.acts.lock().expect("no panic").extend(
            acts.iter()
                .map(|(step, acts)| ((*step).to_owned(), acts.clone())),
        );
        script
    }

    pub(super) fn calls(&self, step: &str) -> usize {
        self.calls
            .lock()
            .expect("no panic")
            .get(step)
            .copied()
            .unwrap_or(0)
    }

    fn next(&self, step: &str) -> Act {
        let mut calls = self.calls.lock().expect("no panic");
        let call = calls.entry(step.to_owned()).or_default();
        *call += 1;
        let acts = self.acts.lock().expect("no panic");
        let lines = acts.get(step).map(Vec::as_slice).unwrap_or_default();
        lines
            .get(*call - 1)
            .or(lines.last())
            .cloned()
            .unwrap_or(Act::Succeed(json!({ "done": step })))
    }
}

struct Actor {
    spec: ToolSpec,
    script: Script,
}

#[async_trait]
impl Tool for Actor {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        match self.script.next(call.step_id.as_str()) {
            Act::Succeed(output) => ToolOutcome::Succeeded(output),
            Act::Fail(code) => ToolOutcome::Failed(StepError::new(code, "as the script says")),
            Act::Unknown => ToolOutcome::Unknown("the line was cut".to_owned()),
            Act::Panic => panic!("as the script says"),
            Act::Hang => {
                call.cancel.cancelled().await;
                ToolOutcome::Failed(StepError::new("stopped", "told to stop"))
            }
            Act::Deaf => std::future::pending().await,
            Act::Report(times) => {
                for percent in 1..=times {
                    call.progress.report(percent, "working");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                ToolOutcome::Succeeded(json!({}))
            }
            Act::WriteInTime(lines) => {
                for number in 1..=lines {
                    call.log
                        .write(LogStream::Stdout, &format!("line {number}\n"));
                    if number % 1_000 == 0 {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
                ToolOutcome::Succeeded(json!({}))
            }
            Act::Write(lines) => {
                for number in 1..=lines {
                    call.log
                        .write(LogStream::Stdout, &format!("line {number}\n"));
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                call.log.note("done");
                ToolOutcome::Succeeded(json!({}))
            }
        }
    }
}

/// `act.read` may be repeated, `act.effect` may not.
pub(super) fn toolbox(script: &Script) -> Toolbox {
    let tool = |name: &str, effect| -> Arc<dyn Tool> {
        let spec = ToolSpec {
            default_timeout_ms: 60_000,
            ..ToolSpec::plain(name, effect)
        };
        Arc::new(Actor {
            spec,
            script: script.clone(),
        })
    };
    Toolbox::new([
        tool("act.read", EffectClass::Read),
        tool("act.effect", EffectClass::Effect),
    ])
}

/// A process: a driver on a store that outlives it.
pub(super) struct Stage {
    pub driver: Arc<Driver>,
    pub store: Arc<dyn Store>,
    pub script: Script,
}

static IDS: AtomicU64 = AtomicU64::new(1);
static RUNS: AtomicUsize = AtomicUsize::new(0);

impl Stage {
    pub(super) fn new(workflow: Value, script: Script) -> Self {
        let memory = Arc::new(MemoryStore::default());
        keep(&memory, workflow);
        Self::on(memory, script)
    }

    pub(super) fn on(store: Arc<dyn Store>, script: Script) -> Self {
        Self::with_clock(store, script, JumpingClock::new())
    }

    pub(super) fn with_clock(
        store: Arc<dyn Store>,
        script: Script,
        clock: Arc<JumpingClock>,
    ) -> Self {
        let driver = Driver::new(
            Arc::clone(&store),
            toolbox(&script),
            clock,
            "http://127.0.0.1:3000",
        );
        Self {
            driver,
            store,
            script,
        }
    }

    pub(super) fn header() -> RunHeader {
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        RunHeader {
            run_id: RunId::new(format!("run-{number}")),
            workflow_id: "w".into(),
            version_id: "v".into(),
            workflow_slug: "w".to_owned(),
            workflow_name: "W".to_owned(),
            version: 1,
            created_at: Timestamp::from_micros(1),
        }
    }

    pub(super) async fn start(&self) -> RunId {
        let header = Self::header();
        let run_id = header.run_id.clone();
        self.driver
            .start(header, Command::start(json!({}), "tester"), None)
            .await
            .expect("it starts");
        run_id
    }

    pub(super) async fn state(&self, run_id: &RunId) -> RunState {
        let stored = self
            .store
            .load(run_id)
            .await
            .expect("it answers")
            .expect("the run is there");
        let plan = self
            .driver
            .plan(&stored.header.version_id)
            .await
            .expect("it compiles");
        RunState::replay(Arc::clone(&plan.outline), &stored.events)
    }

    pub(super) async fn log(&self, run_id: &RunId) -> Vec<Recorded> {
        self.store
            .load(run_id)
            .await
            .expect("it answers")
            .expect("the run is there")
            .events
    }

    /// Waits, at most five virtual minutes, until the run is as wanted.
    pub(super) async fn until(
        &self,
        run_id: &RunId,
        wanted: impl Fn(&RunState) -> bool,
    ) -> RunState {
        for _ in 0..3_000 {
            let state = self.state(run_id).await;
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "the run never became as wanted: {:#?}",
            self.state(run_id).await
        );
    }

    pub(super) async fn until_ended(&self, run_id: &RunId) -> RunState {
        self.until(run_id, |state| state.status().is_terminal())
            .await
    }

    pub(super) async fn until_step(
        &self,
        run_id: &RunId,
        step: &str,
        status: StepStatus,
    ) -> RunState {
        self.until(run_id, |state| {
            state
                .step(&step.into())
                .is_some_and(|step| step.status == status)
        })
        .await
    }

    pub(super) async fn decide(
        &self,
        run_id: &RunId,
        decision: Decision,
        actor: &str,
    ) -> Result<(), SubmitError> {
        let state = self.state(run_id).await;
        let gate = state
            .steps
            .iter()
            .find_map(|step| step.gate.as_ref())
            .expect("there is a gate");
        let command = answer(&gate.id, &gate.plan_hash, decision, actor);
        self.driver.submit(run_id, command).await
    }
}

pub(super) fn answer(gate: &GateId, plan_hash: &str, decision: Decision, actor: &str) -> Command {
    Command::Decide {
        gate: gate.clone(),
        decision,
        actor: actor.to_owned(),
        comment: String::new(),
        plan_hash: Some(plan_hash.to_owned()),
    }
}

/// Saves the workflow as the version that the stage's runs are of.
pub(super) fn keep(store: &MemoryStore, workflow: Value) {
    let workflow = document(workflow);
    let catalogue = toolbox(&Script::default()).catalogue();
    let plan = compile(&workflow, &catalogue).expect("the test's workflow compiles");
    let outline = Outline::clone(&plan.outline);
    store.keep_version(card("w", "v", 1), workflow, outline);
}

/// A version of the workflow `slug`, whose id is its slug too.
pub(super) fn card(slug: &str, version: &str, number: u32) -> VersionCard {
    VersionCard {
        workflow_id: slug.into(),
        version_id: version.into(),
        slug: slug.to_owned(),
        name: slug.to_uppercase(),
        number,
        deleted: false,
    }
}

pub(super) fn document(workflow: Value) -> Workflow {
    serde_json::from_value(workflow).expect("the test's workflow is well-formed")
}

/// `a → b → c …`, all with `act.read`.
pub(super) fn chain(ids: &[&str]) -> Value {
    let steps: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "kind": "tool_call", "tool": "act.read" }))
        .collect();
    let edges: Vec<Value> = ids
        .windows(2)
        .map(|pair| json!({ "from": pair[0], "to": pair[1] }))
        .collect();
    json!({ "name": "Chain", "steps": steps, "edges": edges })
}

pub(super) fn status_of(state: &RunState, step: &str) -> StepStatus {
    state
        .step(&StepPath::from(step))
        .expect("the step is there")
        .status
}

pub(super) fn assert_completed(state: &RunState) {
    assert_eq!(state.status(), RunStatus::Completed, "{state:#?}");
}

/// Numbered from 1 without gaps, and nothing after the end.
pub(super) fn assert_sound(log: &[Recorded]) {
    for (at, recorded) in log.iter().enumerate() {
        assert_eq!(recorded.seq as usize, at + 1, "a gap in the log");
        let last = at + 1 == log.len();
        assert!(
            last || !matches!(recorded.event, Event::RunFinished { .. }),
            "events after the end"
        );
    }
}
