//! Every call that the driver makes of the store goes wrong once, in every way it can: it fails, its answer is lost, the
//! process dies before it or after it. The run of forty steps comes to its end each time, and is whole.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

use super::line::{Chosen, FAULTS, Fault, Line};
use super::stage::{Act, Script, Stage, answer, assert_sound, card, document, toolbox};
use crate::driver::SubmitError;
use crate::driver::launch::{Launch, LaunchError};
use crate::engine::command::Command;
use crate::engine::compile::compile;
use crate::engine::event::{Decision, Resolution};
use crate::engine::ids::RunId;
use crate::engine::state::{RunState, RunStatus, StepStatus};
use crate::engine::summary::RunSummary;
use crate::store::Store;
use crate::store::memory::MemoryStore;

/// What the driver calls. `events` and `gate` are for those who read.
const CALLED: [&str; 11] = [
    "awake_runs",
    "commit",
    "definition",
    "find_version",
    "keep_snapshot",
    "may_act",
    "outline",
    "resting_runs",
    "resume",
    "run_summary",
    "started_under",
];

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
