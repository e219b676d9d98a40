//! What the world is asked: which questions of a run are open, read from its state, and the command that an answer to
//! one becomes. It stands for the driver's part of `decide`: calls, other runs, people.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, Says};
use crate::engine::command::{Command, Report};
use crate::engine::event::{Performer, Question};
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::plan::{Plan, Work};
use crate::engine::state::{Attempt, RunState, StepStatus};
use crate::engine::time::Timestamp;
use crate::engine::tool::{EffectClass, ToolSpec};

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// From 0, in the order in which the world was asked.
    pub number: u32,
    pub step: StepPath,
    /// Milliseconds from the start of the run.
    pub asked_at_ms: u64,
    pub what: Asked,
    pub intent: Intent,
}

/// What is going to be said to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Nobody has decided yet.
    Open,
    /// Nothing: the time for it runs out, if it has one.
    Never,
    Says {
        answer: Answer,
        due_ms: u64,
    },
    /// It was told to stop, and does, having changed nothing.
    Stops {
        due_ms: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Call(Call),
    /// A run of another workflow.
    Run {
        attempt: u32,
        run_id: RunId,
        workflow: String,
        input: Value,
        deadline: Option<Timestamp>,
    },
    /// Somebody outside, to report.
    Outside {
        attempt: u32,
        input: Value,
        deadline: Option<Timestamp>,
    },
    /// A person, about a gate.
    Gate {
        gate: GateId,
        question: Question,
        plan_hash: String,
        deadline: Option<Timestamp>,
    },
    /// A person: did it happen?
    Doubt {
        attempt: u32,
        message: String,
    },
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub attempt: u32,
    pub tool: String,
    pub input: Value,
    pub effect: EffectClass,
    pub deadline: Option<Timestamp>,
    /// Its run is ending, and it has a short time left. Only what changes the world is asked on then.
    pub told_to_stop: bool,
}

/// Tells questions of one step apart.
#[derive(PartialEq)]
pub(super) enum Key<'a> {
    Attempt(u32),
    Gate(&'a GateId),
    Doubt(u32),
}

impl Asked {
    pub(super) fn key(&self) -> Key<'_> {
        match self {
            Asked::Call(Call { attempt, .. })
            | Asked::Run { attempt, .. }
            | Asked::Outside { attempt, .. } => Key::Attempt(*attempt),
            Asked::Gate { gate, .. } => Key::Gate(gate),
            Asked::Doubt { attempt, .. } => Key::Doubt(*attempt),
        }
    }

    /// Why this cannot be said to it.
    pub fn check(&self, says: &Says) -> Result<(), &'static str> {
        match (self, says) {
            (_, Says::Never)
            | (
                Asked::Call(_) | Asked::Run { .. } | Asked::Outside { .. },
                Says::Returns(_) | Says::Fails(_),
            )
            | (Asked::Call(_), Says::Lost(_))
            | (Asked::Gate { .. }, Says::Decides { .. })
            | (Asked::Doubt { .. }, Says::Resolves { .. }) => Ok(()),
            (Asked::Call(_), Says::Decides { .. } | Says::Resolves { .. }) => {
                Err("a call returns, fails or is lost")
            }
            (
                Asked::Run { .. } | Asked::Outside { .. },
                Says::Lost(_) | Says::Decides { .. } | Says::Resolves { .. },
            ) => Err("what is done elsewhere returns or fails"),
            (
                Asked::Gate { .. },
                Says::Returns(_) | Says::Fails(_) | Says::Lost(_) | Says::Resolves { .. },
            ) => Err("a gate is decided"),
            (
                Asked::Doubt { .. },
                Says::Returns(_) | Says::Fails(_) | Says::Lost(_) | Says::Decides { .. },
            ) => Err("somebody has to say what became of it: a `resolution`"),
        }
    }

    /// For whom the run waits, as the end of a sentence that begins with the step.
    pub fn waits_for(&self) -> String {
        match self {
            Asked::Call(Call { tool, .. }) => format!("an answer of `{tool}`"),
            Asked::Run { workflow, .. } => format!("the end of a run of `{workflow}`"),
            Asked::Outside { .. } => "somebody outside to report".to_owned(),
            Asked::Gate { .. } => "a person to decide".to_owned(),
            Asked::Doubt { .. } => "a person to say whether it happened".to_owned(),
        }
    }
}

/// Which question of the step is open, without making it.
pub(super) fn key_in(state: &RunState, step: usize) -> Option<Key<'_>> {
    let run = &state.steps[step];
    match run.status {
        StepStatus::InProgress | StepStatus::WaitingForExternal => {
            Some(Key::Attempt(run.running_attempt()?.number))
        }
        StepStatus::WaitingForApproval => Some(Key::Gate(&run.gate.as_ref()?.id)),
        StepStatus::OutcomeUnknown => Some(Key::Doubt(run.made)),
        StepStatus::Pending
        | StepStatus::Queued
        | StepStatus::WaitingForTimer
        | StepStatus::Retrying
        | StepStatus::Completed
        | StepStatus::Failed
        | StepStatus::Skipped
        | StepStatus::Cancelled => None,
    }
}

/// The question that the step asks now.
pub(super) fn asked_in(plan: &Plan, state: &RunState, step: usize) -> Option<Asked> {
    let run = &state.steps[step];
    match key_in(state, step)? {
        Key::Attempt(_) => attempted(plan, run.shape, run.running_attempt()?),
        Key::Gate(_) => run.gate.as_ref().map(|gate| Asked::Gate {
            gate: gate.id.clone(),
            question: gate.question.clone(),
            plan_hash: gate.plan_hash.clone(),
            deadline: gate.deadline,
        }),
        Key::Doubt(attempt) => Some(Asked::Doubt {
            attempt,
            message: run.unknown.clone().unwrap_or_default(),
        }),
    }
}

fn attempted(plan: &Plan, shape: usize, attempt: &Attempt) -> Option<Asked> {
    let (number, input, deadline) = (attempt.number, attempt.input.clone(), attempt.deadline);
    Some(match &attempt.by {
        Performer::Tool => {
            let spec = spec_of(plan, shape)?;
            Asked::Call(Call {
                attempt: number,
                tool: spec.name.clone(),
                effect: spec.effect_of(&input),
                input,
                deadline,
                told_to_stop: false,
            })
        }
        Performer::Run { run_id } => Asked::Run {
            attempt: number,
            run_id: run_id.clone(),
            workflow: plan.outline.steps[shape].tool.clone().unwrap_or_default(),
            input,
            deadline,
        },
        Performer::Outside => Asked::Outside {
            attempt: number,
            input,
            deadline,
        },
    })
}

/// The tool that the step calls.
pub(super) fn spec_of(plan: &Plan, shape: usize) -> Option<&ToolSpec> {
    match &plan.steps[shape].work {
        Work::Tool { spec, .. } | Work::Poll { spec, .. } => Some(spec),
        Work::Gate(_)
        | Work::Condition { .. }
        | Work::Parallel
        | Work::Join { .. }
        | Work::Transform { .. }
        | Work::Map(_)
        | Work::Loop(_)
        | Work::Wait { .. }
        | Work::Subworkflow { .. }
        | Work::External { .. } => None,
    }
}

/// What the engine hears when this is said: what `judge` makes of it, where there is one and it is about a call. `None`
/// where that cannot be said to the question, and of silence.
pub(super) fn command_of(
    step: &StepPath,
    asked: &Asked,
    says: &Says,
    judge: Option<&ToolSpec>,
) -> Option<Command> {
    let step = step.clone();
    Some(match (asked, says) {
        (Asked::Outside { .. }, Says::Returns(_) | Says::Fails(_)) => Command::Report {
            step,
            report: report_of(says)?,
        },
        (Asked::Call(Call { attempt, input, .. }), Says::Returns(_) | Says::Fails(_)) => {
            let report = report_of(says)?;
            let report = match judge {
                Some(tool) => judged(tool, input, report),
                None => report,
            };
            ended(step, *attempt, report)?
        }
        // The end of another run is to the step what the end of a call is.
        (Asked::Run { attempt, .. }, Says::Returns(_) | Says::Fails(_)) => {
            ended(step, *attempt, report_of(says)?)?
        }
        (Asked::Call(Call { attempt, .. }), Says::Lost(message)) => Command::AttemptUnknown {
            step,
            attempt: *attempt,
            message: message.clone(),
        },
        (
            Asked::Gate {
                gate, plan_hash, ..
            },
            Says::Decides {
                decision,
                by,
                comment,
            },
        ) => Command::Decide {
            gate: gate.clone(),
            decision: *decision,
            actor: by.clone(),
            comment: comment.clone(),
            plan_hash: Some(plan_hash.clone()),
        },
        (
            Asked::Doubt { .. },
            Says::Resolves {
                resolution,
                by,
                comment,
            },
        ) => Command::ResolveOutcome {
            step,
            resolution: *resolution,
            actor: by.clone(),
            comment: comment.clone(),
        },
        // `check` has refused these, and silence is nothing to hear.
        (Asked::Call(_), Says::Never | Says::Decides { .. } | Says::Resolves { .. })
        | (
            Asked::Run { .. } | Asked::Outside { .. },
            Says::Never | Says::Lost(_) | Says::Decides { .. } | Says::Resolves { .. },
        )
        | (
            Asked::Gate { .. },
            Says::Never | Says::Returns(_) | Says::Fails(_) | Says::Lost(_) | Says::Resolves { .. },
        )
        | (
            Asked::Doubt { .. },
            Says::Never | Says::Returns(_) | Says::Fails(_) | Says::Lost(_) | Says::Decides { .. },
        ) => return None,
    })
}

/// As the tool itself would have ended with it.
fn judged(tool: &ToolSpec, input: &Value, report: Report) -> Report {
    let answer = match report {
        Report::Succeeded { output } => Ok(output),
        Report::Failed { error } => Err(error),
        Report::Progressed { .. } => return report,
    };
    match tool.judged(input, answer) {
        Ok(output) => Report::Succeeded { output },
        Err(error) => Report::Failed { error },
    }
}

fn ended(step: StepPath, attempt: u32, report: Report) -> Option<Command> {
    match report {
        Report::Succeeded { output } => Some(Command::AttemptSucceeded {
            step,
            attempt,
            output,
        }),
        Report::Failed { error } => Some(Command::AttemptFailed {
            step,
            attempt,
            error,
        }),
        Report::Progressed { .. } => None,
    }
}

fn report_of(says: &Says) -> Option<Report> {
    match says {
        Says::Returns(output) => Some(Report::Succeeded {
            output: output.clone(),
        }),
        Says::Fails(failure) => Some(Report::Failed {
            error: failure.error(),
        }),
        Says::Lost(_) | Says::Never | Says::Decides { .. } | Says::Resolves { .. } => None,
    }
}

/// What the engine hears of an attempt that stops because it was told to.
pub(super) fn stopped(step: &StepPath, asked: &Asked) -> Option<Command> {
    match asked {
        Asked::Call(Call { attempt, .. }) | Asked::Run { attempt, .. } => {
            Some(Command::AttemptStopped {
                step: step.clone(),
                attempt: *attempt,
            })
        }
        Asked::Outside { .. } | Asked::Gate { .. } | Asked::Doubt { .. } => None,
    }
}
