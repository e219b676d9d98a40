//! Attempts of tool calls: start, result, retry, time-out, loss, and the outcome nobody knows.

use serde_json::{Value, json};

use super::{Deciding, check_comment};
use crate::engine::bounds;
use crate::engine::command::{Effect, Rejection};
use crate::engine::event::{Event, Resolution};
use crate::engine::failure::StepError;
use crate::engine::ids::StepId;
use crate::engine::limits::INTERRUPTIONS_MAX;
use crate::engine::plan::Work;
use crate::engine::retry;
use crate::engine::state::{AttemptOutcome, StepStatus};

impl Deciding<'_> {
    pub(super) fn start_attempt_or_queue(&mut self, step: usize) {
        if self.state.in_flight() < self.plan.max_in_flight as usize {
            self.start_attempt(step);
        } else if self.state.steps[step].status != StepStatus::Queued {
            let id = self.id_of(step);
            self.emit(Event::StepQueued { step: id });
        }
    }

    /// Starts queued steps while there is room. True if one of them ended at once and the others have to be
    /// looked at again.
    pub(super) fn start_queued(&mut self) -> bool {
        if self.state.end.is_some() || self.state.cancelling.is_some() {
            return false;
        }
        let queued: Vec<usize> = (0..self.state.steps.len())
            .filter(|&step| self.state.steps[step].status == StepStatus::Queued)
            .collect();
        for step in queued {
            if self.state.in_flight() >= self.plan.max_in_flight as usize
                || self.state.end.is_some()
            {
                break;
            }
            self.start_attempt(step);
        }
        !self.reconsider.is_empty()
    }

    fn start_attempt(&mut self, step: usize) {
        let plan = self.plan;
        let Work::Tool {
            spec,
            with,
            timeout_ms,
            ..
        } = &plan.steps[step].work
        else {
            return;
        };
        let prepared = self
            .resolve(with)
            .and_then(|input| self.check_approved(step, &input).map(|()| input));
        let input = match prepared {
            Ok(input) => input,
            Err(error) => return self.fail(step, error),
        };
        let id = self.id_of(step);
        let attempt = u32::try_from(self.state.steps[step].attempts.len() + 1).unwrap_or(u32::MAX);
        let deadline = self.now().plus_ms(*timeout_ms);
        self.emit(Event::AttemptStarted {
            step: id.clone(),
            attempt,
            tool: spec.name.clone(),
            input: input.clone(),
            deadline,
            repeatable: spec.effect_of(&input).repeatable(),
        });
        self.effect(Effect::CallTool {
            step: id,
            attempt,
            tool: spec.name.clone(),
            input,
            deadline,
        });
    }

    /// The step whose attempt with this number is running; everything else is a late result.
    fn running(&self, step: &StepId, attempt: u32) -> Result<usize, Rejection> {
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
        step: &StepId,
        attempt: u32,
        output: Value,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        // Also while the run is being cancelled: the effect took place, and the log says so.
        self.complete(position, output);
        Ok(())
    }

    pub(super) fn attempt_failed(
        &mut self,
        step: &StepId,
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
        let plan = self.plan;
        let Work::Tool { retry: policy, .. } = &plan.steps[step].work else {
            return;
        };
        let tries = self.state.steps[step].tries();
        if !retry::may_retry(policy, tries, &error) {
            return self.fail(step, error);
        }
        let error = error.within_bounds();
        let delay_ms = retry::delay_ms(policy, tries, self.moment.entropy);
        let retry_at = self.now().plus_ms(delay_ms);
        let id = self.id_of(step);
        self.emit(Event::AttemptFailed {
            step: id,
            attempt,
            error,
            retry_at,
        });
    }

    pub(super) fn attempt_unknown(
        &mut self,
        step: &StepId,
        attempt: u32,
        message: String,
    ) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        self.outcome_unknown(position, attempt, message);
        Ok(())
    }

    fn outcome_unknown(&mut self, step: usize, attempt: u32, message: String) {
        if self.state.cancelling.is_some() {
            return self.fail_in_doubt(step, message);
        }
        let id = self.id_of(step);
        self.emit(Event::OutcomeUnknown {
            step: id,
            attempt,
            message: bounds::sentence(message),
        });
    }

    pub(super) fn attempt_stopped(&mut self, step: &StepId, attempt: u32) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        if self.state.cancelling.is_some() {
            self.cancel_step(position);
        } else {
            // Told to stop by nobody we know of: the process is shutting down. Seen as lost when it is back.
            self.lose(position, attempt);
        }
        Ok(())
    }

    pub(super) fn attempt_lost(&mut self, step: &StepId, attempt: u32) -> Result<(), Rejection> {
        let position = self.running(step, attempt)?;
        self.lose(position, attempt);
        Ok(())
    }

    fn lose(&mut self, step: usize, attempt: u32) {
        let repeatable = self.state.steps[step]
            .running_attempt()
            .is_some_and(|running| running.repeatable);
        if !repeatable {
            let message =
                "the server stopped while this was being done, and it cannot be repeated safely"
                    .to_owned();
            return self.outcome_unknown(step, attempt, message);
        }
        if self.state.cancelling.is_some() {
            return self.cancel_step(step);
        }
        let lost = |outcome: &AttemptOutcome| *outcome == AttemptOutcome::Interrupted;
        let interruptions = self.state.steps[step]
            .attempts
            .iter()
            .filter(|attempt| lost(&attempt.outcome))
            .count();
        if interruptions >= INTERRUPTIONS_MAX {
            let message =
                format!("the server stopped {INTERRUPTIONS_MAX} times while this step ran");
            return self.fail(step, StepError::new("interrupted_too_often", message));
        }
        let id = self.id_of(step);
        self.emit(Event::AttemptInterrupted { step: id, attempt });
        self.start_attempt_or_queue(step);
    }

    pub(super) fn attempt_progressed(
        &mut self,
        step: &StepId,
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
        step: &StepId,
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
                self.fail(position, StepError::new("did_not_happen", message));
            }
            Resolution::Retry => self.start_attempt_or_queue(position),
        }
        Ok(())
    }

    /// Everything that is due at this moment. What is not due is left alone, so a stale timer is inert.
    pub(super) fn wake(&mut self) {
        if self.check_open().is_err() {
            return;
        }
        if let Some(cancelling) = &self.state.cancelling {
            if cancelling.deadline <= self.now() {
                self.abandon_running();
            }
            return;
        }
        if self
            .state
            .deadline
            .is_some_and(|deadline| deadline <= self.now())
        {
            return self.run_timed_out();
        }
        for step in 0..self.state.steps.len() {
            if self.state.end.is_some() {
                return;
            }
            self.wake_step(step);
        }
    }

    fn wake_step(&mut self, step: usize) {
        let now = self.now();
        let run = &self.state.steps[step];
        match run.status {
            StepStatus::InProgress => {
                let overdue = run
                    .running_attempt()
                    .filter(|attempt| attempt.deadline <= now);
                if let Some((number, repeatable)) =
                    overdue.map(|attempt| (attempt.number, attempt.repeatable))
                {
                    self.time_out_attempt(step, number, repeatable);
                }
            }
            StepStatus::Retrying => {
                if run
                    .attempts
                    .last()
                    .and_then(|attempt| attempt.retry_at)
                    .is_some_and(|due| due <= now)
                {
                    self.start_attempt_or_queue(step);
                }
            }
            StepStatus::WaitingForApproval => {
                if run
                    .gate
                    .as_ref()
                    .and_then(|gate| gate.deadline)
                    .is_some_and(|deadline| deadline <= now)
                {
                    self.expire_gate(step);
                }
            }
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::OutcomeUnknown
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => {}
        }
    }

    fn time_out_attempt(&mut self, step: usize, attempt: u32, repeatable: bool) {
        let id = self.id_of(step);
        self.effect(Effect::StopTool { step: id, attempt });
        let started = self.state.steps[step]
            .running_attempt()
            .map_or(self.now(), |running| running.started_at);
        let took_ms = self.now().ms_since(started);
        if repeatable {
            self.retry_or_fail(
                step,
                attempt,
                StepError::new("timeout", format!("no answer within {took_ms} ms")),
            );
        } else {
            self.outcome_unknown(
                step,
                attempt,
                format!("no answer within {took_ms} ms, and it cannot be repeated safely"),
            );
        }
    }
}
