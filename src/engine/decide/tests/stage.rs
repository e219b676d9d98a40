//! A run on a bench: no tools, no clock, no store. The test says what happens, and when.

use serde_json::{Value, json};
use std::sync::Arc;

use crate::engine::command::{Command, Effect, Rejection, Turn};
use crate::engine::compile::compile;
use crate::engine::decide::advance;
use crate::engine::event::{Decision, EndReason, EndState, Event};
use crate::engine::failure::StepError;
use crate::engine::ids::{GateId, StepPath};
use crate::engine::plan::Plan;
use crate::engine::state::{Gate, RunState, RunStatus, StepRun, StepStatus};
use crate::engine::time::{Moment, Timestamp};
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};

pub(super) struct Stage {
    pub plan: Plan,
    pub state: RunState,
    pub now: Timestamp,
    /// What the next command brings along.
    pub entropy: u64,
    pub events: Vec<Event>,
    /// Tool calls made so far: step and attempt.
    pub calls: Vec<(String, u32)>,
    /// Tools told to stop.
    pub stops: Vec<String>,
    /// Runs to be started, and questions for room.
    pub others: Vec<Effect>,
}

impl Stage {
    /// A run of this workflow, started without input.
    pub(super) fn start(document: Value) -> Self {
        Self::start_with(document, json!({}))
    }

    pub(super) fn start_with(document: Value, input: Value) -> Self {
        let mut stage = Self::new(document);
        stage
            .submit(Command::start(input, "tester"))
            .expect("it starts");
        stage
    }

    pub(super) fn new(document: Value) -> Self {
        let workflow = serde_json::from_value(document).expect("a well-formed workflow");
        let plan = compile(&workflow, &catalogue()).expect("it compiles");
        let state = RunState::new(Arc::clone(&plan.outline));
        Self {
            plan,
            state,
            now: Timestamp::from_micros(0),
            entropy: 0,
            events: Vec::new(),
            calls: Vec::new(),
            stops: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn submit(&mut self, command: Command) -> Result<Turn, Rejection> {
        let moment = Moment {
            now: self.now,
            entropy: self.entropy,
        };
        let turn = advance(&self.plan, &mut self.state, command, moment)?;
        self.events.extend(turn.events.iter().cloned());
        for effect in &turn.effects {
            match effect {
                Effect::CallTool { step, attempt, .. } => {
                    self.calls.push((step.to_string(), *attempt));
                }
                Effect::Stop { step, .. } => self.stops.push(step.to_string()),
                Effect::StartRun { .. } | Effect::AskForRoom { .. } => {
                    self.others.push(effect.clone());
                }
            }
        }
        Ok(turn)
    }

    /// The running attempt of the step answers.
    pub(super) fn succeed(&mut self, step: &str, output: Value) {
        let (step, attempt) = self.attempt(step);
        self.submit(Command::AttemptSucceeded {
            step,
            attempt,
            output,
        })
        .expect("it runs");
    }

    pub(super) fn fail(&mut self, step: &str, code: &str) {
        let (step, attempt) = self.attempt(step);
        let error = StepError::new(code, "it failed");
        self.submit(Command::AttemptFailed {
            step,
            attempt,
            error,
        })
        .expect("it runs");
    }

    pub(super) fn lose(&mut self, step: &str) {
        let (step, attempt) = self.attempt(step);
        self.submit(Command::AttemptLost { step, attempt })
            .expect("it runs");
    }

    pub(super) fn cancel(&mut self) {
        let (actor, comment) = ("ann".to_owned(), "enough".to_owned());
        self.submit(Command::Cancel { actor, comment })
            .expect("it can be cancelled");
    }

    /// Time passes, and the timer fires.
    pub(super) fn after_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.submit(Command::Wake).expect("waking is never refused");
    }

    pub(super) fn decide(&mut self, step: &str, decision: Decision) -> Result<Turn, Rejection> {
        let gate = self.gate(step);
        self.answer(&gate.id, decision, Some(gate.plan_hash))
    }

    pub(super) fn answer(
        &mut self,
        gate: &GateId,
        decision: Decision,
        plan_hash: Option<String>,
    ) -> Result<Turn, Rejection> {
        self.submit(Command::Decide {
            gate: gate.clone(),
            decision,
            actor: "ann".to_owned(),
            comment: String::new(),
            plan_hash,
        })
    }

    fn attempt(&self, step: &str) -> (StepPath, u32) {
        let running = self
            .step(step)
            .running_attempt()
            .expect("an attempt runs")
            .number;
        (StepPath::new(step), running)
    }

    pub(super) fn step(&self, step: &str) -> &StepRun {
        self.state
            .step(&StepPath::new(step))
            .expect("there is such a step")
    }

    pub(super) fn status(&self, step: &str) -> StepStatus {
        self.step(step).status
    }

    pub(super) fn gate(&self, step: &str) -> Gate {
        self.step(step).gate.clone().expect("a gate was opened")
    }

    pub(super) fn output(&self, step: &str) -> Value {
        self.step(step).output.clone().expect("it has an output")
    }

    pub(super) fn error(&self, step: &str) -> StepError {
        self.step(step).error.clone().expect("it failed")
    }

    pub(super) fn run(&self) -> RunStatus {
        self.state.status()
    }

    /// How the run ended, and the value it leaves.
    pub(super) fn end(&self) -> (EndState, Option<EndReason>, Value) {
        let end = self.state.end.clone().expect("the run has ended");
        (end.state, end.reason, end.output)
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(Event::kind).collect()
    }
}

fn catalogue() -> Catalogue {
    Catalogue::new([
        ToolSpec::plain("t.read", EffectClass::Read),
        ToolSpec::plain("t.effect", EffectClass::Effect),
        ToolSpec::plain("t.put", EffectClass::Idempotent),
    ])
}

pub(super) fn workflow(
    steps: impl IntoIterator<Item = Value>,
    edges: impl IntoIterator<Item = Value>,
) -> Value {
    json!({ "name": "W", "steps": Vec::from_iter(steps), "edges": Vec::from_iter(edges) })
}

pub(super) fn read(id: &str) -> Value {
    json!({ "id": id, "kind": "tool_call", "tool": "t.read" })
}

pub(super) fn effect(id: &str) -> Value {
    json!({ "id": id, "kind": "tool_call", "tool": "t.effect" })
}

pub(super) fn gate(id: &str) -> Value {
    json!({ "id": id, "kind": "human_gate" })
}

/// The step with one more field.
pub(super) fn with(mut step: Value, field: &str, value: Value) -> Value {
    step[field] = value;
    step
}

pub(super) fn edge(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to })
}

pub(super) fn when(from: &str, to: &str, condition: &str) -> Value {
    json!({ "from": from, "to": to, "when": condition })
}

pub(super) fn default(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to, "default": true })
}
