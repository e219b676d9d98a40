//! Rehearsals: a run of a draft under a virtual clock, with the real engine and no server. What the driver would do is
//! asked of whoever rehearses, or of a script; what was done can be kept as a test case (`Case`) and checked again.
//!
//! ```text
//! Rehearsal::begin(&Workflow, &Catalogue, &Given, Unscripted) -> Result<Rehearsal, Refusal>
//! check_case(&Workflow, &Catalogue, &Case)                    -> Result<Vec<Mismatch>, CaseError>
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
mod record;
mod script;
#[cfg(test)]
mod tests;

pub use asked::{Ask, Asked, Call, Intent};
pub use check::{CaseError, Mismatch, check_case};
pub use script::{Script, Unscripted};

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use thiserror::Error;

use super::command::{Command, Effect, Rejection};
use super::compile::compile;
use super::decide::{advance, effects_under_way};
use super::diagnostic::Diagnostic;
use super::event::Recorded;
use super::ids::StepPath;
use super::input::{fields, with_defaults};
use super::limits::REHEARSAL_EVENTS_MAX;
use super::plan::Plan;
use super::state::RunState;
use super::time::{Moment, Timestamp};
use super::tool::Catalogue;
use super::workflow::Workflow;
use answer::{Answer, Answers, Says};
use asked::{asked_in, command_of, key_in, spec_of, stopped};
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
        self.asked().filter(|ask| ask.plan == Intent::Open)
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

    /// Says it now: the clock moves on by a millisecond, or by what is due before.
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
        match ask.plan {
            Intent::Stops { .. } => return Err(Refusal::ToldToStop(step.clone())),
            Intent::Says { due_ms, .. } => {
                self.due.remove(&(due_ms, ask.number, step.clone()));
            }
            Intent::Open | Intent::Never => {}
        }
        let due_ms = ask.asked_at_ms.saturating_add(answer.after_ms).max(soonest);
        ask.plan = if answer.says == Says::Never {
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

    /// As the driver finds a run again: the calls of the process that is gone are lost, while other runs, somebody
    /// outside and people know of nothing; what asked for room asks again.
    fn crash(&mut self) {
        let made_here: Vec<(StepPath, u32)> = self
            .state
            .running()
            .filter_map(|step| {
                let attempt = self.state.steps[step].running_attempt()?;
                let is_lost = attempt.by.is_tool();
                is_lost.then(|| (self.state.path(step), attempt.number))
            })
            .collect();
        let under_way = effects_under_way(&self.plan, &self.state);
        for (step, attempt) in made_here {
            // It may have ended together with another one.
            let _ = self.submit(Command::AttemptLost { step, attempt });
        }
        for effect in under_way {
            if let Effect::AskForRoom { step, .. } = effect {
                let _ = self.submit(Command::Admit { step });
            }
        }
    }

    /// Decides and does what follows at once: there is always room, and whoever is told to stop hears it.
    fn submit(&mut self, command: Command) -> Result<(), Rejection> {
        let mut admitted = self.decide(command)?;
        while let Some(step) = admitted.pop_front() {
            if let Ok(more) = self.decide(Command::Admit { step }) {
                admitted.extend(more);
            }
        }
        Ok(())
    }

    /// Answers who has asked for room.
    fn decide(&mut self, command: Command) -> Result<VecDeque<Option<StepPath>>, Rejection> {
        self.turns = self.turns.saturating_add(1);
        let moment = Moment {
            now: self.now(),
            entropy: entropy(self.seed, self.state.seq),
        };
        let before = self.state.seq;
        let turn = advance(&self.plan, &mut self.state, command, moment)?;
        let mut touched: Vec<StepPath> = Vec::new();
        for (event, seq) in turn.events.into_iter().zip(before + 1..) {
            touched.extend(event.step().cloned());
            let at = moment.now;
            self.log.push(Recorded { seq, at, event });
        }
        for step in touched {
            self.look_at(&step);
        }
        let mut asks_for_room = VecDeque::new();
        for effect in turn.effects {
            match effect {
                // The attempt's event has led to the question.
                Effect::CallTool { .. } | Effect::StartRun { .. } => {}
                Effect::Stop { step, attempt } => self.tell_to_stop(&step, attempt),
                Effect::AskForRoom { step, .. } => asks_for_room.push_back(step),
            }
        }
        Ok(asks_for_room)
    }

    /// Takes up what the step asks now, and drops what it asked before.
    fn look_at(&mut self, path: &StepPath) {
        let Some(step) = self.state.find(path) else {
            return;
        };
        let known = self.asked.get(path).map(|ask| ask.what.key());
        if known == key_in(&self.state, step) {
            return;
        }
        if let Some(ask) = self.asked.remove(path)
            && let Intent::Says { due_ms, .. } | Intent::Stops { due_ms } = ask.plan
        {
            self.due.remove(&(due_ms, ask.number, ask.step));
        }
        if let Some(what) = asked_in(&self.plan, &self.state, step) {
            self.ask(path.clone(), self.state.steps[step].shape, what);
        }
    }

    fn ask(&mut self, step: StepPath, shape: usize, what: Asked) {
        let scripted = self
            .script
            .next(&step, |says| what.check(says).is_ok())
            .or_else(|| match &what {
                Asked::Call(_) => self.script.example(spec_of(&self.plan, shape)?),
                Asked::Run { .. }
                | Asked::Outside { .. }
                | Asked::Gate { .. }
                | Asked::Doubt { .. } => None,
            });
        let number = u32::try_from(self.told.len()).unwrap_or(u32::MAX);
        let plan = match scripted {
            None => Intent::Open,
            Some(answer) if answer.says == Says::Never => Intent::Never,
            Some(answer) => {
                let due_ms = self.elapsed_ms.saturating_add(answer.after_ms);
                self.due.insert((due_ms, number, step.clone()));
                Intent::Says { answer, due_ms }
            }
        };
        self.told.push((step.clone(), None));
        let ask = Ask {
            number,
            step: step.clone(),
            asked_at_ms: self.elapsed_ms,
            what,
            plan,
        };
        self.asked.insert(step, ask);
    }

    /// What changes nothing, or goes on as a run of its own, stops at once. What may be taking effect goes on to its
    /// answer, or to the end of the time that it has for stopping.
    fn tell_to_stop(&mut self, step: &StepPath, attempt: u32) {
        let Some(ask) = self.asked.get_mut(step) else {
            return;
        };
        let stops = match &mut ask.what {
            Asked::Call(call) if call.attempt == attempt => {
                call.told_to_stop = true;
                call.effect.repeatable()
            }
            Asked::Run {
                attempt: number, ..
            } => *number == attempt,
            Asked::Call(_) | Asked::Outside { .. } | Asked::Gate { .. } | Asked::Doubt { .. } => {
                false
            }
        };
        if !stops {
            return;
        }
        let stop = Intent::Stops {
            due_ms: self.elapsed_ms,
        };
        if let Intent::Says { due_ms, .. } = std::mem::replace(&mut ask.plan, stop) {
            self.due.remove(&(due_ms, ask.number, step.clone()));
        }
        self.due.insert((self.elapsed_ms, ask.number, step.clone()));
    }

    /// What is due to this question is said.
    fn deliver(&mut self, step: &StepPath) {
        let Some(ask) = self.asked.get_mut(step) else {
            return;
        };
        let (number, asked_at_ms) = (ask.number, ask.asked_at_ms);
        let intent = std::mem::replace(&mut ask.plan, Intent::Open);
        let (command, says) = match intent {
            Intent::Says { answer, due_ms } => {
                self.due.remove(&(due_ms, number, step.clone()));
                (command_of(step, &ask.what, &answer.says), Some(answer.says))
            }
            Intent::Stops { due_ms } => {
                self.due.remove(&(due_ms, number, step.clone()));
                (stopped(step, &ask.what), None)
            }
            Intent::Open | Intent::Never => return,
        };
        let Some(command) = command else { return };
        let verdict = self.submit(command);
        let Some(says) = says else { return };
        let after_ms = self.elapsed_ms - asked_at_ms;
        match verdict {
            Ok(()) => {
                if let Some((_, answer)) = self.told.get_mut(number as usize) {
                    *answer = Some(says.after_ms(after_ms));
                }
            }
            Err(rejection) => self.refused.push(Refused {
                step: Some(step.clone()),
                word: says.word(),
                after_ms,
                rejection,
            }),
        }
    }

    fn check_length(&self) -> Result<(), Refusal> {
        let max = REHEARSAL_EVENTS_MAX;
        if self.state.seq >= max || self.turns >= max {
            return Err(Refusal::TooLong { max });
        }
        Ok(())
    }
}

/// Of the seed and the length of the log, so that the same log draws the same numbers (the finaliser of SplitMix64).
fn entropy(seed: u32, seq: u32) -> u64 {
    let mut bits = (u64::from(seed) << 32 | u64::from(seq)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
