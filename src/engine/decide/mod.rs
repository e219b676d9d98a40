//! From a command to events and effects. The only place where it is decided what happens to a run.
//! Pure: the plan, the state, the command and the moment go in; what follows comes out.

mod attempt;
mod end;
mod gate;
mod scope;
mod settle;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::bounds;
use super::command::{Command, Effect, Rejection, Turn};
use super::event::{Event, Recorded};
use super::ids::StepId;
use super::limits::COMMENT_CHARS_MAX;
use super::plan::Plan;
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
        reconsider: VecDeque::new(),
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
    /// Steps whose predecessors have changed.
    reconsider: VecDeque<usize>,
}

impl Deciding<'_> {
    fn execute(&mut self, command: Command) -> Result<(), Rejection> {
        match command {
            Command::Start { input, actor } => self.start_run(input, actor),
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
            Command::Wake => {
                self.wake();
                Ok(())
            }
        }
    }

    fn start_run(&mut self, input: serde_json::Value, actor: String) -> Result<(), Rejection> {
        if self.state.started_at.is_some() {
            return Err(Rejection::AlreadyStarted);
        }
        bounds::check(&input).map_err(Rejection::InputTooLarge)?;
        let deadline = self.plan.timeout_ms.map(|ms| self.now().plus_ms(ms));
        self.emit(Event::RunStarted {
            input,
            actor,
            deadline,
        });
        let roots =
            (0..self.plan.steps.len()).filter(|&step| self.plan.outline.incoming(step).is_empty());
        self.reconsider.extend(roots);
        Ok(())
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

    fn id_of(&self, step: usize) -> StepId {
        self.plan.outline.steps[step].id.clone()
    }

    fn name_of(&self, step: usize) -> &str {
        &self.plan.outline.steps[step].name
    }

    fn position(&self, step: &StepId) -> Result<usize, Rejection> {
        self.plan
            .outline
            .position(step)
            .ok_or_else(|| Rejection::UnknownStep(step.clone()))
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
