//! Attempts of tool calls: start, result, retry, time-out, loss, and the outcome nobody knows.

use serde_json::{Value, json};

use super::{Deciding, check_comment};
use crate::engine::bounds;
use crate::engine::command::{Effect, Rejection};
use crate::engine::event::{Event, Performer, Resolution};
use crate::engine::failure::StepError;
use crate::engine::ids::{RunId, StepPath, derive_uuid};
use crate::engine::limits::{INTERRUPTIONS_MAX, RUN_DEPTH_MAX};
use crate::engine::plan::Work;
use crate::engine::retry;
use crate::engine::state::{AttemptOutcome, RunState, StepStatus};
use crate::engine::tool::{EffectClass, ToolSpec};

/// Who makes an attempt, and how.
struct Assignment {
    tool: String,
    repeatable: bool,
    by: Performer,
    /// What to do for it, where that is not calling the tool.
    effect: Option<Effect>,
}

impl Deciding<'_> {
    /// Makes the next attempt if there is room for it, here and over all runs; otherwise the step waits for that.
    pub(super) fn start_attempt_or_queue(&mut self, step: usize) {
        let has_room = self.state.in_flight() < self.plan.max_in_flight as usize;
        let held = self.state.paused.is_some() || self.state.queued;
        if (self.waits_outside(step) && !self.state.queued) || (has_room && !held) {
            match self.rooms(step) {
                Ok(rooms) if rooms.is_empty() => self.start_attempt(step),
                Ok(rooms) => self.ask_for_room(step, rooms),
                Err(error) => self.fail(step, error),
            }
        } else if self.state.steps[step].status != StepStatus::Queued {
            let path = self.path(step);
            self.emit(Event::StepQueued {
                step: path,
                waits_for: None,
            });
        }
    }

    /// What others do elsewhere takes no room here.
    fn waits_outside(&self, step: usize) -> bool {
        matches!(self.plan_step(step).work, Work::External { .. })
    }

    /// Starts queued steps while there is room. True if one of them ended at once and the others have to be
    /// looked at again.
    pub(super) fn start_queued(&mut self) -> bool {
        let full = |state: &RunState, max: u32| state.in_flight() >= max as usize;
        if full(self.state, self.plan.max_in_flight) {
            return false;
        }
        let queued: Vec<usize> = self.state.queued_steps().collect();
        for step in queued {
            if full(self.state, self.plan.max_in_flight) {
                break;
            }
            if self.may_start(step) && self.state.steps[step].status == StepStatus::Queued {
                self.start_attempt_or_queue(step);
            }
        }
        !self.todo.is_empty()
    }

    /// Once a run undoes what it did, only that may start.
    fn may_start(&self, step: usize) -> bool {
        let state = &self.state;
        state.end.is_none()
            && state.cancelling.is_none()
            && state.paused.is_none()
            && !state.queued
            && (state.compensating.is_none() || self.is_undo(step))
    }

    pub(super) fn start_attempt(&mut self, step: usize) {
        let plan = self.plan;
        let attempt = self.state.steps[step].made + 1;
        let (with, timeout_ms) = match &plan.steps[self.shape(step)].work {
            Work::Tool {
                with, timeout_ms, ..
            } => (with, Some(*timeout_ms)),
            Work::Poll {
                with,
                call_timeout_ms,
                ..
            } => (with, Some(*call_timeout_ms)),
            Work::Subworkflow {
                with, timeout_ms, ..
            }
            | Work::External {
                with, timeout_ms, ..
            } => (with, *timeout_ms),
            Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. } => return,
        };
        let prepared = self
            .resolve(step, with)
            .and_then(|input| self.check_approved(step, &input).map(|()| input))
            .and_then(|input| Ok((self.assignment(step, attempt, &input)?, input)));
        let (
            Assignment {
                tool,
                repeatable,
                by,
                effect,
            },
            input,
        ) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return self.fail(step, error),
        };
        let deadline = timeout_ms.map(|ms| self.now().plus_ms(ms));
        let path = self.path(step);
        self.emit(Event::AttemptStarted {
            step: path.clone(),
            attempt,
            tool: tool.clone(),
            input: input.clone(),
            deadline,
            repeatable,
            by,
        });
        if let Some(effect) = effect {
            self.effect(effect);
        } else if !self.waits_outside(step) {
            self.effect(Effect::CallTool {
                step: path,
                attempt,
                tool,
                input,
                deadline,
            });
        }
    }

    /// Who makes the attempt, and what has to be done for it beside calling a tool.
    fn assignment(
        &self,
        step: usize,
        attempt: u32,
        input: &Value,
    ) -> Result<Assignment, StepError> {
        let by_tool = |spec: &ToolSpec| Assignment {
            tool: spec.name.clone(),
            repeatable: spec.effect_of(input).repeatable(),
            by: Performer::Tool,
            effect: None,
        };
        match &self.plan_step(step).work {
            Work::Tool { spec, .. } | Work::Poll { spec, .. } => Ok(by_tool(spec)),
            Work::Subworkflow {
                workflow, version, ..
            } => self.run_assignment(step, attempt, workflow, *version, input),
            Work::External { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. } => Ok(Assignment {
                tool: "external".to_owned(),
                repeatable: true,
                by: Performer::Outside,
                effect: None,
            }),
        }
    }

    fn run_assignment(
        &self,
        step: usize,
        attempt: u32,
        workflow: &str,
        version: Option<u32>,
        input: &Value,
    ) -> Result<Assignment, StepError> {
        let depth = self.state.depth() + 1;
        if depth > RUN_DEPTH_MAX {
            let message = format!(
                "runs start runs more than {RUN_DEPTH_MAX} deep: does a workflow call itself?"
            );
            return Err(StepError::new("too_deep", message));
        }
        let path = self.path(step);
        let purpose = format!("run:{path}:{attempt}");
        let run_id = RunId::new(derive_uuid(self.now(), self.moment.entropy, &purpose));
        Ok(Assignment {
            tool: workflow.to_owned(),
            repeatable: true,
            by: Performer::Run {
                run_id: run_id.clone(),
            },
            effect: Some(Effect::StartRun {
                step: path,
                attempt,
                run_id,
                workflow: workflow.to_owned(),
                version,
                input: input.clone(),
                depth,
            }),
        })
    }

    /// The step whose attempt with this number is running; everything else is a late result.
    fn running(&self, step: &StepPath, attempt: u32) -> Result<usize, Rejection> {
        let position = self.position(step)?;
        let running = self.state.steps[position]
            .running_attempt()
            .is_some_and(|running| running.number == attempt);
        if running && self.state.end.is_none() {
            Ok(position)
        } else {
            Err(Rejection::LateResult {
                step: step.clone(),
                attempt,
            })
        }
    }

    pub(super) fn attempt_succeeded(
        &mut self,
        step: &StepPath,
        attempt: u32,
        output: Value,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        // Also while the run is being cancelled: the effect took place, and the log says so.
        if matches!(self.plan_step(position).work, Work::Poll { .. }) {
            self.answered(position, attempt, output);
        } else {
            self.complete(position, output);
        }
        Ok(())
    }

    pub(super) fn attempt_failed(
        &mut self,
        step: &StepPath,
        attempt: u32,
        error: StepError,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        self.retry_or_fail(position, attempt, error);
        Ok(())
    }

    fn retry_or_fail(&mut self, step: usize, attempt: u32, error: StepError) {
        if self.state.cancelling.is_some() {
            return self.cancel_step(step);
        }
        if self.is_stopping() && !self.is_undo(step) {
            if self.must_be_known(step) {
                return self.outcome_unknown(step, attempt, error.message);
            }
            return self.fail(step, error);
        }
        let plan = self.plan;
        let work = &plan.steps[self.shape(step)].work;
        if matches!(work, Work::Poll { .. }) {
            return self.poll_failed(step, attempt, error);
        }
        let Some(policy) = work.retry() else {
            return self.fail(step, error);
        };
        let tries = self.state.steps[step].tries();
        if !retry::may_retry(policy, tries, &error) {
            return self.fail(step, error);
        }
        let error = self.fitting(error);
        if let Err(full) = self.check_room_for(error.value_bytes()) {
            return self.fail(step, full);
        }
        let delay_ms = retry::delay_ms(policy, tries, self.moment.entropy);
        let retry_at = self.now().plus_ms(delay_ms);
        let path = self.path(step);
        self.emit(Event::AttemptFailed {
            step: path,
            attempt,
            error,
            retry_at,
        });
    }

    pub(super) fn attempt_unknown(
        &mut self,
        step: &StepPath,
        attempt: u32,
        message: String,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        self.outcome_unknown(position, attempt, message);
        Ok(())
    }

    pub(super) fn outcome_unknown(&mut self, step: usize, attempt: u32, message: String) {
        if self.state.cancelling.is_some() {
            return self.fail_in_doubt(step, message);
        }
        let path = self.path(step);
        self.emit(Event::OutcomeUnknown {
            step: path,
            attempt,
            message: bounds::sentence(message),
        });
    }

    pub(super) fn attempt_stopped(
        &mut self,
        step: &StepPath,
        attempt: u32,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        let by_run = self.state.steps[position]
            .running_attempt()
            .is_some_and(|running| !running.by.is_tool());
        if self.must_be_known(position) && self.state.cancelling.is_none() {
            let message = "it was told to stop, and did not say how far it had come".to_owned();
            self.outcome_unknown(position, attempt, message);
        } else if self.is_stopping() && !self.is_undo(position) || self.state.cancelling.is_some() {
            self.cancel_step(position);
        } else if by_run {
            let error = StepError::new("cancelled", "the run that did this was cancelled");
            self.retry_or_fail(position, attempt, error);
        } else {
            // Told to stop by nobody we know of: the process is shutting down. Seen as lost when it is back.
            self.lose(position, attempt);
        }
        Ok(())
    }

    /// The run is about to undo what it did, and this step may have done something that can be undone: whether it did
    /// has to be known first, also where doing it twice would be harmless.
    pub(super) fn must_be_known(&self, step: usize) -> bool {
        self.state.compensating.is_some()
            && self.state.steps[step].running_attempt().is_some()
            && self.changes_something(step)
            && self.plan.outline.undone_by(self.shape(step)).is_some()
    }

    /// Does the step's last attempt do something outside, when it succeeds?
    pub(super) fn changes_something(&self, step: usize) -> bool {
        let Some(attempt) = self.state.steps[step].attempts.last() else {
            return false;
        };
        match &self.plan_step(step).work {
            Work::Tool { spec, .. } | Work::Poll { spec, .. } => {
                match spec.effect_of(&attempt.input) {
                    EffectClass::Pure | EffectClass::Read => false,
                    EffectClass::Idempotent | EffectClass::Effect => true,
                }
            }
            Work::Subworkflow { .. } | Work::External { .. } => true,
            Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Loop(_)
            | Work::Wait { .. } => false,
        }
    }

    pub(super) fn attempt_lost(&mut self, step: &StepPath, attempt: u32) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        self.lose(position, attempt);
        Ok(())
    }

    fn lose(&mut self, step: usize, attempt: u32) {
        let running = self.state.steps[step].running_attempt();
        // A run goes on by itself, and whoever is outside is not lost with this process.
        if running.is_some_and(|running| !running.by.is_tool()) {
            return;
        }
        if !running.is_some_and(|running| running.repeatable) || self.must_be_known(step) {
            let message =
                "the server stopped while this was being done, and it cannot be repeated safely"
                    .to_owned();
            return self.outcome_unknown(step, attempt, message);
        }
        if self.state.cancelling.is_some() || (self.is_stopping() && !self.is_undo(step)) {
            return self.cancel_step(step);
        }
        let lost = |outcome: &AttemptOutcome| *outcome == AttemptOutcome::Interrupted;
        let interruptions = self.state.steps[step]
            .attempts
            .iter()
            .filter(|attempt| {
                lost(&attempt.outcome) && attempt.number > self.state.steps[step].forgiven
            })
            .count();
        if interruptions >= INTERRUPTIONS_MAX {
            let message =
                format!("the server stopped {INTERRUPTIONS_MAX} times while this step ran");
            return self.fail(step, StepError::new("interrupted_too_often", message));
        }
        let path = self.path(step);
        self.emit(Event::AttemptInterrupted {
            step: path,
            attempt,
        });
        self.start_attempt_or_queue(step);
    }

    pub(super) fn attempt_progressed(
        &mut self,
        step: &StepPath,
        attempt: u32,
        percent: u8,
        doing: String,
    ) -> Result<(), Rejection> {
        self.running(step, attempt)?;
        self.emit(Event::AttemptProgressed {
            step: step.clone(),
            attempt,
            percent: percent.min(100),
            doing: bounds::sentence(doing),
        });
        Ok(())
    }

    pub(super) fn resolve_outcome(
        &mut self,
        step: &StepPath,
        resolution: Resolution,
        actor: String,
        comment: String,
    ) -> Result<(), Rejection> {
        self.check_open()?;
        check_comment(&comment)?;
        let position = self.position(step)?;
        if self.state.steps[position].status != StepStatus::OutcomeUnknown {
            return Err(Rejection::OutcomeKnown(step.clone()));
        }
        let undoing = self.state.compensating.is_some() && !self.is_undo(position);
        if undoing && resolution == Resolution::Retry {
            return Err(Rejection::BeingUndone);
        }
        self.emit(Event::OutcomeResolved {
            step: step.clone(),
            resolution,
            actor: actor.clone(),
            comment: comment.clone(),
        });
        match resolution {
            Resolution::Happened => {
                self.complete(
                    position,
                    json!({ "confirmed_by": actor, "comment": comment }),
                );
            }
            Resolution::DidNot => {
                let message = format!("{actor} says that it did not happen");
                let error = StepError::new("did_not_happen", message);
                if self.is_undo(position) {
                    self.leave_undone(position, error);
                } else {
                    self.fail(position, error);
                }
            }
            Resolution::Retry => self.start_attempt_or_queue(position),
        }
        Ok(())
    }

    pub(super) fn time_out_attempt(&mut self, step: usize, attempt: u32, repeatable: bool) {
        let path = self.path(step);
        self.effect(Effect::Stop {
            step: path,
            attempt,
        });
        // What it was given, which is what its author wrote; it may be noticed later.
        let running = self.state.steps[step].running_attempt();
        let given_ms = running.map_or(0, |running| {
            let until = running.deadline.unwrap_or(self.now());
            until.ms_since(running.started_at)
        });
        if repeatable {
            self.retry_or_fail(
                step,
                attempt,
                StepError::new("timeout", format!("no answer within {given_ms} ms")),
            );
        } else {
            self.outcome_unknown(
                step,
                attempt,
                format!("no answer within {given_ms} ms, and it cannot be repeated safely"),
            );
        }
    }
}
