//! From a command to events and effects. The only place where it is decided what happens to a run.
//! Pure: the plan, the state, the command and the moment go in; what follows comes out.

mod attempt;
mod compensate;
mod elsewhere;
mod end;
mod gate;
mod intervene;
mod iterate;
mod outcome;
mod room;
mod scope;
mod settle;
mod wait;

#[cfg(test)]
mod tests;

pub use room::{effects_under_way, rooms_held};

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

use super::bounds;
use super::command::{Command, Effect, Rejection, Turn};
use super::event::{Event, Origin, Recorded};
use super::ids::StepPath;
use super::limits::COMMENT_CHARS_MAX;
use super::plan::{Plan, PlanStep};
use super::state::RunState;
use super::time::{Moment, Timestamp};

/// What the command leads to, without touching the state.
pub fn decide(
    plan: &Plan,
    state: &RunState,
    command: Command,
    moment: Moment,
) -> Result<Turn, Rejection> {
    advance(plan, &mut state.clone(), command, moment)
}

/// As `decide`, and moves the state along: the events of the turn have been applied to it. On a rejection the state
/// is as before. The caller who cannot store the events must throw the state away.
pub fn advance(
    plan: &Plan,
    state: &mut RunState,
    command: Command,
    moment: Moment,
) -> Result<Turn, Rejection> {
    let mut deciding = Deciding {
        plan,
        state,
        moment,
        turn: Turn::default(),
        todo: VecDeque::new(),
    };
    deciding.execute(command)?;
    deciding.settle();
    deciding.turn.wake_at = deciding.state.wake_at();
    Ok(deciding.turn)
}

/// One decision in the making.
struct Deciding<'a> {
    plan: &'a Plan,
    state: &'a mut RunState,
    moment: Moment,
    turn: Turn,
    /// What may go on now. Worked off in order and never by recursion: a loop may have ten thousand rounds.
    todo: VecDeque<Todo>,
}

#[derive(Clone, Copy, Debug)]
enum Todo {
    /// A step whose predecessors have changed.
    Step(usize),
    /// An iteration of which every step has ended.
    Frame(usize),
    /// A map or a loop that may take up more, or is done.
    Next(usize),
}

impl Deciding<'_> {
    fn execute(&mut self, command: Command) -> Result<(), Rejection> {
        match command {
            Command::Start {
                input,
                actor,
                origin,
                kept,
            } => self.start_run(input, actor, origin, kept),
            Command::Admit { step: None } => self.admit_run(),
            Command::Admit { step: Some(step) } => self.admit_step(&step),
            Command::Pause { actor, comment } => self.pause(actor, comment),
            Command::Resume { actor, comment } => self.resume(actor, comment),
            Command::Skip {
                step,
                actor,
                comment,
            } => self.skip_by_hand(&step, actor, comment),
            Command::Retry { actor, comment } => self.retry_run(actor, comment),
            Command::Cancel { actor, comment } => self.cancel(actor, comment),
            Command::Decide {
                gate,
                decision,
                actor,
                comment,
                plan_hash,
            } => self.decide_gate(
                &gate,
                gate::Answer {
                    decision,
                    actor,
                    comment,
                    plan_hash,
                },
            ),
            Command::ResolveOutcome {
                step,
                resolution,
                actor,
                comment,
            } => self.resolve_outcome(&step, resolution, actor, comment),
            Command::AttemptSucceeded {
                step,
                attempt,
                output,
            } => self.attempt_succeeded(&step, attempt, output),
            Command::AttemptFailed {
                step,
                attempt,
                error,
            } => self.attempt_failed(&step, attempt, error),
            Command::AttemptUnknown {
                step,
                attempt,
                message,
            } => self.attempt_unknown(&step, attempt, message),
            Command::AttemptStopped { step, attempt } => self.attempt_stopped(&step, attempt),
            Command::AttemptLost { step, attempt } => self.attempt_lost(&step, attempt),
            Command::AttemptProgressed {
                step,
                attempt,
                percent,
                doing,
            } => self.attempt_progressed(&step, attempt, percent, doing),
            Command::RunEnded { step, run_id, end } => self.run_ended(&step, &run_id, end),
            Command::Report { step, report } => self.reported(&step, report),
            Command::Wake => {
                self.wake();
                Ok(())
            }
        }
    }

    fn start_run(
        &mut self,
        input: Value,
        actor: String,
        origin: Option<Origin>,
        kept: BTreeMap<StepPath, Value>,
    ) -> Result<(), Rejection> {
        if self.state.started_at.is_some() {
            return Err(Rejection::AlreadyStarted);
        }
        bounds::check(&input).map_err(Rejection::InputTooLarge)?;
        let deadline = self.plan.timeout_ms.map(|ms| self.now().plus_ms(ms));
        self.emit(Event::RunStarted {
            input,
            actor,
            deadline,
            origin,
            kept,
            queued: self.plan.concurrency.is_some(),
        });
        if self.state.queued {
            self.ask_for_run();
        } else {
            self.consider_roots(0);
        }
        Ok(())
    }

    /// The steps of a frame with which it begins.
    fn consider_roots(&mut self, frame: usize) {
        for step in self.state.steps_of(frame) {
            let shape = self.shape(step);
            let outline = &self.plan.outline;
            if outline.incoming(shape).is_empty() && outline.steps[shape].undoes.is_none() {
                self.todo.push_back(Todo::Step(step));
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.moment.now
    }

    fn emit(&mut self, event: Event) {
        let recorded = Recorded {
            seq: self.state.seq + 1,
            at: self.moment.now,
            event,
        };
        self.state.apply(&recorded);
        self.turn.events.push(recorded.event);
    }

    fn effect(&mut self, effect: Effect) {
        self.turn.effects.push(effect);
    }

    /// Position of the step in the plan.
    fn shape(&self, step: usize) -> usize {
        self.state.steps[step].shape
    }

    fn plan_step(&self, step: usize) -> &PlanStep {
        &self.plan.steps[self.shape(step)]
    }

    fn path(&self, step: usize) -> StepPath {
        self.state.path(step)
    }

    fn position(&self, step: &StepPath) -> Result<usize, Rejection> {
        self.state
            .find(step)
            .ok_or_else(|| Rejection::UnknownStep(step.clone()))
    }

    /// Would the step only undo another one?
    fn is_undo(&self, step: usize) -> bool {
        self.plan.outline.steps[self.shape(step)].undoes.is_some()
    }

    /// The run is on its way to its end: what is in flight is told to stop, and nothing else starts.
    fn is_stopping(&self) -> bool {
        self.state.cancelling.is_some() || self.state.compensating.is_some()
    }

    /// Nothing may start now.
    fn is_quiet(&self) -> bool {
        self.state.end.is_some()
            || self.state.queued
            || self.state.paused.is_some()
            || self.is_stopping()
    }

    /// The run has started and has not ended.
    fn check_open(&self) -> Result<(), Rejection> {
        match (self.state.started_at, &self.state.end) {
            (None, _) => Err(Rejection::NotStarted),
            (Some(_), Some(_)) => Err(Rejection::RunEnded),
            (Some(_), None) => Ok(()),
        }
    }
}

fn check_comment(comment: &str) -> Result<(), Rejection> {
    if comment.chars().count() > COMMENT_CHARS_MAX {
        return Err(Rejection::CommentTooLong {
            max: COMMENT_CHARS_MAX,
        });
    }
    Ok(())
}
