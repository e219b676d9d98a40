//! Every call that the driver makes of the store goes wrong once, in every way it can: it fails, its answer is lost, the
//! process dies before it or after it. The run of forty steps comes to its end each time, and is whole.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

use super::stage::{Act, Script, Stage, answer, assert_sound, card, document, toolbox};
use crate::driver::SubmitError;
use crate::driver::launch::{Launch, LaunchError};
use crate::engine::command::Command;
use crate::engine::compile::compile;
use crate::engine::event::{Decision, Recorded, Resolution};
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::plan::Outline;
use crate::engine::state::{RunState, RunStatus, StepStatus};
use crate::engine::summary::RunSummary;
use crate::engine::workflow::Workflow;
use crate::store::memory::MemoryStore;
use crate::store::{Commit, GateRow, Store, StoreError, StoredRun, VersionCard};

/// What goes wrong at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing is done, and the caller is told.
    Fails,
    /// All is done, and the caller is told that it failed.
    LosesItsAnswer,
    DiesBefore,
    DiesAfter,
}

const FAULTS: [Fault; 4] = [
    Fault::Fails,
    Fault::LosesItsAnswer,
    Fault::DiesBefore,
    Fault::DiesAfter,
];

/// What the driver calls. `events` and `gate` are for those who read.
const CALLED: [&str; 8] = [
    "commit",
    "definition",
    "find_version",
    "load",
    "may_act",
    "open_runs",
    "outline",
    "run_summary",
];

/// Counts over all processes of one life.
struct Chosen {
    fault: Fault,
    at: usize,
    calls: AtomicUsize,
    met: Mutex<Option<&'static str>>,
}

/// The store as one process reaches it.
struct Line {
    store: Arc<MemoryStore>,
    chosen: Arc<Chosen>,
    dead: AtomicBool,
    died: Notify,
}

impl Line {
    /// From now on the process does nothing more.
    async fn die<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        std::future::pending().await
    }

    /// The fault, if this call is the chosen one.
    async fn reach(&self, method: &'static str) -> Option<Fault> {
        if self.dead.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let call = self.chosen.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if call != self.chosen.at {
            return None;
        }
        *self.chosen.met.lock().expect("no panic") = Some(method);
        Some(self.chosen.fault)
    }

    async fn call<T>(
        &self,
        method: &'static str,
        done: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let down = || Err(StoreError::Unavailable("as the test says".to_owned()));
        match self.reach(method).await {
            None => done.await,
            Some(Fault::Fails) => down(),
            Some(Fault::LosesItsAnswer) => {
                done.await?;
                down()
            }
            Some(Fault::DiesBefore) => self.die().await,
            Some(Fault::DiesAfter) => {
                done.await?;
                self.die().await
            }
        }
    }
}

#[async_trait]
impl Store for Line {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.call("commit", self.store.commit(commit)).await
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        self.call("load", self.store.load(run_id)).await
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let events = self.store.events(run_id, after, limit);
        self.call("events", events).await
    }

    async fn open_runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.call("open_runs", self.store.open_runs()).await
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let summary = self.store.run_summary(run_id);
        self.call("run_summary", summary).await
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        let version = self.store.find_version(slug_or_id, number);
        self.call("find_version", version).await
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        self.call("gate", self.store.gate(gate_id)).await
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        let definition = self.store.definition(version_id);
        self.call("definition", definition).await
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        self.call("outline", self.store.outline(version_id)).await
    }

    /// It cannot fail, only wait; a process may die at it all the same.
    async fn may_act(&self) -> bool {
        match self.reach("may_act").await {
            None | Some(Fault::Fails | Fault::LosesItsAnswer) => true,
            Some(Fault::DiesBefore | Fault::DiesAfter) => self.die().await,
        }
    }
}

/// Forty steps in a row. Among them two runs of another workflow, a gate, a wait, a call that must not be repeated, one
/// that fails once, and one in whose midst the process is replaced.
fn forty_steps() -> Value {
    let steps: Vec<Value> = (0..40)
        .map(|number| {
            let id = format!("s{number}");
            match number {
                5 | 30 => json!({ "id": id, "kind": "subworkflow", "workflow": "c" }),
                15 => json!({ "id": id, "kind": "tool_call", "tool": "act.effect" }),
                20 => json!({ "id": id, "kind": "wait", "for_ms": 50 }),
                25 => json!({ "id": id, "kind": "human_gate" }),
                35 => json!({ "id": id, "kind": "tool_call", "tool": "act.read",
                              "retry": { "max_attempts": 2, "base_ms": 10 } }),
                _ => json!({ "id": id, "kind": "tool_call", "tool": "act.read" }),
            }
        })
        .collect();
    let edges: Vec<Value> = (1..40)
        .map(|number| json!({ "from": format!("s{}", number - 1), "to": format!("s{number}") }))
        .collect();
    json!({ "name": "W", "steps": steps, "edges": edges })
}

fn keep(store: &MemoryStore, slug: &str, workflow: Value) {
    let workflow = document(workflow);
    let catalogue = toolbox(&Script::default()).catalogue();
    let plan = compile(&workflow, &catalogue).expect("the test's workflow compiles");
    let version = format!("{slug}-1");
    store.keep_version(
        card(slug, &version, 1),
        workflow,
        plan.outline.as_ref().clone(),
    );
}

/// One life: processes one after the other, on a store that outlives them.
struct Life {
    store: Arc<MemoryStore>,
    chosen: Arc<Chosen>,
    script: Script,
    /// Reads what is stored, and counts for nothing.
    reader: Stage,
    line: Arc<Line>,
    process: Stage,
    replaced: bool,
}

impl Life {
    fn new(fault: Fault, at: usize) -> Self {
        let store = Arc::new(MemoryStore::default());
        let inner = json!({ "name": "C", "steps": [{ "id": "only", "kind": "tool_call", "tool": "act.read" }] });
        keep(&store, "c", inner);
        keep(&store, "w", forty_steps());
        let script = Script::of(&[
            ("s10", vec![Act::Deaf, Act::Succeed(json!({}))]),
            ("s35", vec![Act::Fail("busy"), Act::Succeed(json!({}))]),
        ]);
        let chosen = Arc::new(Chosen {
            fault,
            at,
            calls: AtomicUsize::new(0),
            met: Mutex::default(),
        });
        let (line, process) = process(&store, &chosen, &script);
        Self {
            reader: Stage::on(Arc::clone(&store) as Arc<dyn Store>, script.clone()),
            store,
            chosen,
            script,
            line,
            process,
            replaced: false,
        }
    }

    /// The next process, until one has come up.
    async fn replace(&mut self) {
        loop {
            self.line.dead.store(true, Ordering::SeqCst);
            (self.line, self.process) = process(&self.store, &self.chosen, &self.script);
            let recovered = tokio::select! {
                biased;
                recovered = self.process.driver.recover() => recovered,
                () = self.line.died.notified() => continue,
            };
            match recovered {
                Ok(_) => return,
                Err(error) => assert!(error.may_pass(), "{error}"),
            }
        }
    }

    /// As a program does that tries again with the same key until it is answered.
    async fn start(&mut self) -> RunId {
        loop {
            let launch = Launch {
                version: card("w", "w-1", 1),
                input: json!({}),
                actor: "tester".to_owned(),
                key: Some("once".to_owned()),
                origin: None,
                kept: Default::default(),
                run_id: None,
            };
            let started = tokio::select! {
                biased;
                started = self.process.driver.launch(launch) => Some(started),
                () = self.line.died.notified() => None,
            };
            match started {
                Some(Ok(run)) => return run,
                Some(Err(LaunchError::Submit(SubmitError::Store(error)))) => {
                    assert!(error.may_pass(), "{error}");
                }
                Some(Err(other)) => panic!("{other}"),
                None => self.replace().await,
            }
        }
    }

    async fn live_on(&mut self, run: &RunId) -> RunState {
        // Ten minutes, of which none passes.
        for _ in 0..6_000 {
            if self.line.dead.load(Ordering::SeqCst) {
                self.replace().await;
            }
            let state = self.reader.state(run).await;
            if state.status().is_terminal() {
                return state;
            }
            let calls = self.script.calls("s10");
            if calls == 1 && !self.replaced {
                self.replaced = true;
                self.replace().await;
            }
            if let Some(command) = self.what_a_person_says(&state) {
                let died = self.line.died.notified();
                tokio::select! {
                    biased;
                    // What is refused is said again.
                    _ = self.process.driver.submit(run, command) => {}
                    () = died => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it is stuck: {:#?}", self.reader.state(run).await);
    }

    /// Approves, and tells the truth about effects.
    fn what_a_person_says(&self, state: &RunState) -> Option<Command> {
        let step = |id: &str| state.step(&id.into()).expect("it is there");
        let gate = &step("s25").gate;
        if step("s25").status == StepStatus::WaitingForApproval {
            let gate = gate.as_ref().expect("it waits");
            return Some(answer(&gate.id, &gate.plan_hash, Decision::Approve, "ann"));
        }
        if step("s15").status != StepStatus::OutcomeUnknown {
            return None;
        }
        let happened = self.script.calls("s15") > 0;
        let resolution = if happened {
            Resolution::Happened
        } else {
            Resolution::Retry
        };
        Some(Command::ResolveOutcome {
            step: "s15".into(),
            resolution,
            actor: "ann".to_owned(),
            comment: String::new(),
        })
    }

    /// Everything that is stored belongs together.
    async fn assert_whole(&self, run: &RunId, state: &RunState) {
        assert_eq!(state.status(), RunStatus::Completed, "{state:#?}");
        let runs = self.store.summaries();
        assert_eq!(
            runs.len(),
            3,
            "the run and the two that are its steps: {runs:#?}"
        );
        for summary in runs {
            let id = &summary.header.run_id;
            let state = self.reader.state(id).await;
            assert_eq!(RunSummary::of(&summary.header, &state), summary);
            assert_eq!(state.status(), RunStatus::Completed);
            assert_sound(&self.reader.log(id).await);
        }
        assert_eq!(self.script.calls("s15"), 1, "the truth was told, so once");
        for (position, step) in state.steps.iter().enumerate() {
            let path = state.path(position);
            let made = self.script.calls(path.as_str());
            assert!(made <= step.attempts.len(), "{run} {path}: {made} calls");
        }
    }
}

fn process(store: &Arc<MemoryStore>, chosen: &Arc<Chosen>, script: &Script) -> (Arc<Line>, Stage) {
    let line = Arc::new(Line {
        store: Arc::clone(store),
        chosen: Arc::clone(chosen),
        dead: AtomicBool::new(false),
        died: Notify::new(),
    });
    let stage = Stage::on(Arc::clone(&line) as Arc<dyn Store>, script.clone());
    (line, stage)
}

/// The method that was called then; nothing when the life had ended before.
async fn live(fault: Fault, at: usize) -> Option<&'static str> {
    let mut life = Life::new(fault, at);
    let run = life.start().await;
    let state = life.live_on(&run).await;
    life.assert_whole(&run, &state).await;
    *life.chosen.met.lock().expect("no panic")
}

#[tokio::test(start_paused = true)]
async fn a_run_of_forty_steps_survives_whatever_goes_wrong_at_any_call_of_the_store() {
    for fault in FAULTS {
        let mut met = BTreeSet::new();
        let mut at = 1;
        while let Some(method) = live(fault, at).await {
            met.insert(method);
            at += 1;
        }
        println!("{fault:?}: {} calls, each gone wrong once", at - 1);
        assert!(at > 100, "{fault:?}: only {at} calls");
        assert_eq!(met.into_iter().collect::<Vec<_>>(), CALLED, "{fault:?}");
    }
}
