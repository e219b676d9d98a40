//! Rehearsals: a run of a draft under a virtual clock, with the real engine and no server. What the driver would do is
//! asked of whoever rehearses, or of a script; what was done can be kept as a test case (`Case`) and checked again.
//!
//! ```text
//! Rehearsal::begin(&Workflow, &Catalogue, &Given, Unscripted) -> Result<Rehearsal, Refusal>
//! check_case(&Workflow, &Catalogue, &Case)                    -> Result<Vec<Mismatch>, CaseError>
//! impact(&Workflow, &Workflow, &Catalogue, &[Taken])          -> Result<Vec<Outcome>, Vec<Diagnostic>>
//! ```
//!
//! A rehearsal is repeatable: whatever a person does happens at a millisecond of its own. Of what is due at the same
//! millisecond, acts on the run come first, then answers in the order of their questions, then timers; and chance comes
//! from the seed and the number of events. So the same `Given` always gives the same log.

pub mod answer;
mod asked;
pub mod case;
mod check;
mod clock;
pub mod example;
mod impact;
mod record;
mod recording;
mod script;
#[cfg(test)]
mod tests;
mod turn;

pub use asked::{Ask, Asked, Call, Intent};
pub use check::{CaseError, Mismatch, check_case};
pub use impact::{Course, Outcome, Taken, impact};
pub use script::{Script, Unscripted};

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use thiserror::Error;

use super::command::{Command, Rejection};
use super::compile::compile;
use super::diagnostic::Diagnostic;
use super::event::Recorded;
use super::ids::StepPath;
use super::input::{fields, with_defaults};
use super::limits::REHEARSAL_EVENTS_MAX;
use super::plan::Plan;
use super::state::RunState;
use super::time::Timestamp;
use super::tool::{Catalogue, ToolSpec};
use super::workflow::Workflow;
use answer::{Answer, Answers, Says};
use case::{Act, Deed, Given};

/// Who starts a run that is rehearsed.
const STARTED_BY: &str = "rehearsal";
/// When it starts unless it is said: 2026-01-05T08:00:00Z, a Monday.
const STARTS_AT: Timestamp = Timestamp::from_micros(1_767_600_000_000_000);

/// Why something was not done. Time may have passed all the same.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Refusal {
    #[error("the workflow does not compile: {}", sentences(.0))]
    DoesNotCompile(Vec<Diagnostic>),
    #[error("the input lacks `{0}`")]
    InputLacks(String),
    #[error("the input must be an object")]
    InputNotAnObject,
    #[error("{0}")]
    Rejected(#[from] Rejection),
    #[error("`{0}` does not ask anything now")]
    NotAsked(StepPath),
    #[error("this cannot be said to `{step}`: {why}")]
    DoesNotFit { step: StepPath, why: &'static str },
    #[error("`{0}` has been told to stop, and does")]
    ToldToStop(StepPath),
    #[error("the rehearsal has come to {max} events, and is not carried on")]
    TooLong { max: u32 },
}

impl Refusal {
    /// For people, with its capital letter and its full stop.
    pub fn sentence(&self) -> String {
        let mut text = self.to_string();
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if !text.ends_with('.') {
            text.push('.');
        }
        text
    }
}

fn sentences(problems: &[Diagnostic]) -> String {
    let sentences: Vec<String> = problems.iter().map(Diagnostic::to_string).collect();
    sentences.join(" ")
}

/// What the script wanted to say or do, and the engine refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The step that was to be answered; none for an act on the run.
    pub step: Option<StepPath>,
    /// How it is written in a case: `decision`, `cancel`.
    pub word: &'static str,
    pub after_ms: u64,
    pub rejection: Rejection,
}

impl Refused {
    /// For people.
    pub fn sentence(&self) -> String {
        let why = &self.rejection;
        match &self.step {
            Some(step) => format!("What was to be said to `{step}` was refused: {why}."),
            None => format!("`{}` was refused: {why}.", self.word),
        }
    }
}

/// A run of a draft, played by hand, by a script, or by both.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    plan: Arc<Plan>,
    begins_at: Timestamp,
    seed: u32,
    /// As it was given, before the defaults.
    input: Option<Value>,
    state: RunState,
    log: Vec<Recorded>,
    elapsed_ms: u64,
    script: Script,
    /// Acts of the script that are still to come, in order.
    acts: VecDeque<Act>,
    /// By step: none asks two questions at once.
    asked: BTreeMap<StepPath, Ask>,
    /// Answers on their way: when, and the number of the question.
    due: BTreeSet<(u64, u32, StepPath)>,
    /// All questions there were, in order, and what was said to them.
    told: Vec<(StepPath, Option<Answer>)>,
    /// What was done to the run.
    done: Vec<Act>,
    refused: Vec<Refused>,
    /// Commands so far, also those that changed nothing.
    turns: u32,
    /// Of a run that has taken place and is played again: with what its tools were called last. What they have said once is
    /// what they say, unless they are asked to judge it otherwise.
    called_with: Option<BTreeMap<StepPath, Value>>,
}

impl Rehearsal {
    /// Starts the run. Nothing else happens until the clock is moved.
    pub fn begin(
        workflow: &Workflow,
        catalogue: &Catalogue,
        given: &Given,
        unscripted: Unscripted,
    ) -> Result<Self, Refusal> {
        let plan = compile(workflow, catalogue).map_err(Refusal::DoesNotCompile)?;
        Self::of_plan(Arc::new(plan), workflow.inputs.as_ref(), given, unscripted)
    }

    fn of_plan(
        plan: Arc<Plan>,
        inputs: Option<&Value>,
        given: &Given,
        unscripted: Unscripted,
    ) -> Result<Self, Refusal> {
        let input = with_defaults(inputs, given.input.clone().unwrap_or(json!({})));
        if !input.is_object() {
            return Err(Refusal::InputNotAnObject);
        }
        let mut needed = fields(inputs).into_iter().filter(|field| field.required);
        if let Some(missing) = needed.find(|field| input.get(&field.name).is_none()) {
            return Err(Refusal::InputLacks(missing.name));
        }
        let mut acts: Vec<Act> = given.acts.clone();
        acts.sort_by_key(|act| act.after_ms);
        let mut rehearsal = Self {
            begins_at: given.at.unwrap_or(STARTS_AT),
            seed: given.seed,
            input: given.input.clone(),
            state: RunState::new(Arc::clone(&plan.outline)),
            plan,
            log: Vec::new(),
            elapsed_ms: 0,
            script: Script::new(given.steps.clone(), unscripted),
            acts: acts.into(),
            asked: BTreeMap::new(),
            due: BTreeSet::new(),
            told: Vec::new(),
            done: Vec::new(),
            refused: Vec::new(),
            turns: 0,
            called_with: None,
        };
        rehearsal.submit(Command::Start {
            input,
            actor: STARTED_BY.to_owned(),
            origin: None,
            kept: BTreeMap::new(),
        })?;
        Ok(rehearsal)
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// What a viewer folds and shows.
    pub fn log(&self) -> &[Recorded] {
        &self.log
    }

    pub fn begins_at(&self) -> Timestamp {
        self.begins_at
    }

    /// Virtual milliseconds since the start.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    pub fn now(&self) -> Timestamp {
        self.begins_at.plus_ms(self.elapsed_ms)
    }

    /// What the world is being asked, by step.
    pub fn asked(&self) -> impl Iterator<Item = &Ask> {
        self.asked.values()
    }

    /// Questions to which nobody has an answer yet.
    pub fn open(&self) -> impl Iterator<Item = &Ask> {
        self.asked().filter(|ask| ask.intent == Intent::Open)
    }

    /// What the script said or did and the engine refused.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    pub fn script(&self) -> &Script {
        &self.script
    }

    /// What a step says from now on to what it has not been asked yet; `None` takes a choice back.
    pub fn choose(&mut self, step: StepPath, answers: Option<Answers>) {
        self.script.choose(step, answers);
    }

    /// From now on calls for which nobody has chosen an answer are answered like this; also those that wait for one.
    pub fn let_tools(&mut self, unscripted: Unscripted) {
        self.script.unscripted = unscripted;
        let answers: Vec<(StepPath, Answer)> = self
            .open()
            .filter_map(|ask| {
                let Asked::Call(call) = &ask.what else {
                    return None;
                };
                let answer = self.script.example(self.tool_of(&ask.step)?, &call.input)?;
                Some((ask.step.clone(), answer))
            })
            .collect();
        for (path, answer) in answers {
            // Whoever has been told to stop does.
            let _ = self.intend(&path, answer);
        }
    }

    /// What the step calls.
    fn tool_of(&self, path: &StepPath) -> Option<&ToolSpec> {
        let step = self.state.find(path)?;
        asked::spec_of(&self.plan, self.state.steps[step].shape)
    }

    /// The tool that has yet to say what it makes of an answer to a call with this input.
    fn judge_of(&self, path: &StepPath, input: &Value) -> Option<&ToolSpec> {
        let tool = self.tool_of(path)?;
        match &self.called_with {
            None => Some(tool),
            Some(inputs) => {
                let before = inputs.get(path)?;
                (!tool.judges_alike(before, input)).then_some(tool)
            }
        }
    }

    /// Says it now: the clock moves on by a millisecond, and what else is due by then happens too.
    pub fn answer(&mut self, step: &StepPath, says: Says) -> Result<(), Refusal> {
        let before = self.refused.len();
        self.intend(step, says.after_ms(0))?;
        self.jump_by(1)?;
        let mut since = self.refused[before..].iter();
        match since.position(|refused| refused.step.as_ref() == Some(step)) {
            Some(at) => Err(self.refused.remove(before + at).rejection.into()),
            None => Ok(()),
        }
    }

    /// Says it so long after the question, or at the next millisecond if that has passed. It happens when the clock
    /// comes there, unless the question is gone by then.
    pub fn intend(&mut self, step: &StepPath, answer: Answer) -> Result<(), Refusal> {
        let soonest = self.elapsed_ms.saturating_add(1);
        let ask = self
            .asked
            .get_mut(step)
            .ok_or_else(|| Refusal::NotAsked(step.clone()))?;
        ask.what
            .check(&answer.says)
            .map_err(|why| Refusal::DoesNotFit {
                step: step.clone(),
                why,
            })?;
        match ask.intent {
            Intent::Stops { .. } => return Err(Refusal::ToldToStop(step.clone())),
            Intent::Says { due_ms, .. } => {
                self.due.remove(&(due_ms, ask.number, step.clone()));
            }
            Intent::Open | Intent::Never => {}
        }
        let due_ms = ask.asked_at_ms.saturating_add(answer.after_ms).max(soonest);
        ask.intent = if answer.says == Says::Never {
            Intent::Never
        } else {
            self.due.insert((due_ms, ask.number, step.clone()));
            Intent::Says { answer, due_ms }
        };
        Ok(())
    }

    /// Somebody does something to the run, a millisecond from now, or the server crashes and is started again: calls
    /// that it made are found again by the rules of their effect classes.
    pub fn act(&mut self, deed: Deed, by: &str, comment: &str) -> Result<(), Refusal> {
        let after_ms = self.elapsed_ms.saturating_add(1);
        self.jump_to_brink(after_ms)?;
        self.perform(Act {
            deed,
            by: by.to_owned(),
            comment: comment.to_owned(),
            after_ms,
        })?;
        Ok(())
    }

    fn perform(&mut self, act: Act) -> Result<(), Rejection> {
        let (actor, comment) = (act.by.clone(), act.comment.clone());
        match &act.deed {
            Deed::Cancel => self.submit(Command::Cancel { actor, comment })?,
            Deed::Pause => self.submit(Command::Pause { actor, comment })?,
            Deed::Resume => self.submit(Command::Resume { actor, comment })?,
            Deed::Retry => self.submit(Command::Retry { actor, comment })?,
            Deed::Skip(step) => {
                let step = step.clone();
                self.submit(Command::Skip {
                    step,
                    actor,
                    comment,
                })?;
            }
            Deed::Crash => self.crash(),
        }
        self.done.push(act);
        Ok(())
    }

    fn check_length(&self) -> Result<(), Refusal> {
        let max = REHEARSAL_EVENTS_MAX;
        if self.state.seq >= max || self.turns >= max {
            return Err(Refusal::TooLong { max });
        }
        Ok(())
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
