//! Tools that do everything a tool may do, and tell the world what they did.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use super::store::Fate;
use super::world::{Call, Entry};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome, Toolbox};
use crate::engine::bounds::tests::nested;
use crate::engine::command::Command;
use crate::engine::failure::StepError;
use crate::engine::limits::VALUE_DEPTH_MAX;
use crate::engine::properties::workflows::Stock;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};

/// Calls of `t.narrow` that may be under way at once.
pub(super) const NARROW_MAX: u32 = 2;

pub(super) fn stock(workflows: &[&str]) -> Stock {
    Stock {
        catalogue: Catalogue::new(specs()),
        tools: vec![
            "t.read", "t.same", "t.effect", "t.effect", "t.narrow", "t.pure",
        ],
        undo_tools: vec!["t.same", "t.effect"],
        asked: "t.read",
        workflows: workflows.iter().map(|slug| (*slug).to_owned()).collect(),
    }
}

fn specs() -> Vec<ToolSpec> {
    let plain = |name: &str, class| ToolSpec::plain(name, class);
    vec![
        plain("t.pure", EffectClass::Pure),
        plain("t.read", EffectClass::Read),
        plain("t.same", EffectClass::Idempotent),
        plain("t.effect", EffectClass::Effect),
        ToolSpec {
            max_parallel: Some(NARROW_MAX),
            ..plain("t.narrow", EffectClass::Idempotent)
        },
    ]
}

pub(super) fn toolbox(fate: &Arc<Fate>) -> Toolbox {
    Toolbox::new(specs().into_iter().map(|spec| -> Arc<dyn Tool> {
        Arc::new(Actor {
            spec,
            fate: Arc::clone(fate),
        })
    }))
}

struct Actor {
    spec: ToolSpec,
    fate: Arc<Fate>,
}

#[async_trait]
impl Tool for Actor {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let known = Call {
            run_id: call.run_id.clone(),
            step: call.step_id.clone(),
            attempt: call.attempt,
            tool: self.spec.name.clone(),
            class: self.spec.effect,
            key: call.idempotency_key.clone(),
            epoch: self.fate.epoch,
        };
        let _under_way = self.fate.outside.begin(known.clone(), call.cancel.clone());
        let outcome = self.act(&call, &known).await;
        self.fate.pass().await;
        self.remember(&known, &outcome);
        outcome
    }
}

impl Actor {
    async fn act(&self, call: &ToolCall, known: &Call) -> ToolOutcome {
        let outside = &self.fate.outside;
        self.fate.pass().await;
        let healed = outside.lock().healed;
        let dice = outside.below(100);
        if healed {
            sleep(outside.below(50)).await;
            return self.succeed(known, json!({ "ok": known.attempt + 2 }));
        }
        let output = json!({ "ok": known.attempt });
        match dice {
            0..3 => {
                outside.meet("tool said too much");
                self.succeed(known, nested(VALUE_DEPTH_MAX + 1))
            }
            3..25 => self.succeed(known, output),
            25..45 => {
                sleep(outside.below(400)).await;
                self.succeed(known, output)
            }
            45..60 => {
                sleep(outside.below(100)).await;
                outside.meet("tool failed");
                let code = if outside.percent(80) { "busy" } else { "final" };
                ToolOutcome::Failed(StepError::new(code, "it failed"))
            }
            60..67 => self.take_long(call, known, output).await,
            67..72 => {
                outside.meet("tool hung");
                call.cancel.cancelled().await;
                sleep(outside.below(500)).await;
                ToolOutcome::Failed(StepError::new("stopped", "told to stop"))
            }
            72..76 => {
                outside.meet("tool was deaf");
                self.perhaps(known);
                pending().await
            }
            76..84 => self.report(call, known, output).await,
            84..92 => {
                sleep(outside.below(200)).await;
                self.perhaps(known);
                outside.meet("tool lost its answer");
                ToolOutcome::Unknown("the line was cut".to_owned())
            }
            _ => {
                sleep(outside.below(50)).await;
                self.perhaps(known);
                outside.meet("tool panicked");
                // Without the hook: a thousand backtraces would hide the one that matters.
                std::panic::resume_unwind(Box::new("as the dice say"))
            }
        }
    }

    /// Longer than some attempts may take. Does not listen: the answer comes late, and the effect before it.
    async fn take_long(&self, call: &ToolCall, known: &Call, output: Value) -> ToolOutcome {
        let outside = &self.fate.outside;
        let listens = outside.percent(50);
        let work = sleep(500 + outside.below(14_000));
        tokio::select! {
            biased;
            () = work => {}
            () = call.cancel.cancelled(), if listens => {
                outside.meet("tool stopped when told");
                return ToolOutcome::Failed(StepError::new("stopped", "told to stop"));
            }
        }
        outside.meet("tool was slow");
        self.succeed(known, output)
    }

    async fn report(&self, call: &ToolCall, known: &Call, output: Value) -> ToolOutcome {
        let outside = &self.fate.outside;
        for percent in [20, 60, 90] {
            call.progress.report(percent, "working");
            sleep(outside.below(1_500)).await;
        }
        outside.meet("tool reported");
        self.succeed(known, output)
    }

    fn succeed(&self, known: &Call, output: Value) -> ToolOutcome {
        self.take_place(known);
        ToolOutcome::Succeeded(output)
    }

    fn perhaps(&self, known: &Call) {
        if self.fate.outside.percent(50) {
            self.take_place(known);
        }
    }

    fn take_place(&self, known: &Call) {
        self.fate.outside.write(Entry::Took {
            call: known.clone(),
        });
    }

    fn remember(&self, known: &Call, outcome: &ToolOutcome) {
        let (step, attempt) = (known.step.clone(), known.attempt);
        let command = match outcome {
            ToolOutcome::Succeeded(output) => Command::AttemptSucceeded {
                step,
                attempt,
                output: output.clone(),
            },
            ToolOutcome::Failed(error) => Command::AttemptFailed {
                step,
                attempt,
                error: error.clone(),
            },
            ToolOutcome::Unknown(message) => Command::AttemptUnknown {
                step,
                attempt,
                message: message.clone(),
            },
        };
        let mut world = self.fate.outside.lock();
        world.answers.push((known.run_id.clone(), command));
    }
}

async fn sleep(ms: usize) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms as u64)).await;
    }
}
