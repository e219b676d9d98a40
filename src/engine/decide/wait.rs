//! What happens by itself when its time has come: waits, questions asked again, retries, deadlines.

use serde_json::{Value, json};

use super::Deciding;
use crate::engine::event::Event;
use crate::engine::failure::StepError;
use crate::engine::limits::{ITERATIONS_MAX, RUN_TIMEOUT_MS_MAX};
use crate::engine::plan::{WaitUntil, Work};
use crate::engine::state::StepStatus;
use crate::engine::time::Timestamp;

/// Failures that asking again cannot mend.
const FINAL_CODES: &[&str] = &["invalid_input", "unknown_tool"];

impl Deciding<'_> {
    /// Everything that is due at this moment. What is not due is left alone, so a stale timer is inert.
    pub(super) fn wake(&mut self) {
        if self.check_open().is_err() {
            return;
        }
        let now = self.now();
        if let Some(cancelling) = &self.state.cancelling {
            if cancelling.deadline <= now {
                self.abandon_running();
            }
            return;
        }
        match &self.state.compensating {
            Some(compensating) if self.state.winding_down() && compensating.deadline <= now => {
                self.give_up_running();
            }
            Some(_) => {}
            None if self.state.deadline.is_some_and(|deadline| deadline <= now) => {
                return self.run_timed_out();
            }
            None => {}
        }
        for step in self.state.due(now) {
            if self.state.end.is_some() {
                return;
            }
            // What came before it in this list may have changed it.
            if self.state.steps[step].due().is_some_and(|due| due <= now) {
                self.wake_step(step);
            }
        }
    }

    fn wake_step(&mut self, step: usize) {
        let run = &self.state.steps[step];
        match run.status {
            StepStatus::InProgress | StepStatus::WaitingForExternal => {
                if let Some(attempt) = run.running_attempt() {
                    let (number, repeatable) = (attempt.number, attempt.repeatable);
                    self.time_out_attempt(step, number, repeatable);
                }
            }
            StepStatus::Retrying => self.start_attempt_or_queue(step),
            StepStatus::WaitingForApproval => self.expire_gate(step),
            StepStatus::WaitingForTimer => self.go_on_after_wait(step),
            StepStatus::Pending
            | StepStatus::Queued
            | StepStatus::OutcomeUnknown
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::Cancelled => {}
        }
    }

    fn go_on_after_wait(&mut self, step: usize) {
        let plan = self.plan;
        match &plan.steps[self.shape(step)].work {
            Work::Wait { .. } => {
                let until = self.state.steps[step].wait_until;
                self.complete(step, json!({ "until": until }));
            }
            Work::Poll { .. } => self.start_attempt_or_queue(step),
            Work::Loop(_) => self.start_iteration(step, self.state.steps[step].frames.len()),
            Work::Tool { .. }
            | Work::Gate(_)
            | Work::Condition { .. }
            | Work::Parallel
            | Work::Join { .. }
            | Work::Transform { .. }
            | Work::Map(_)
            | Work::Subworkflow { .. }
            | Work::External { .. } => {}
        }
    }

    pub(super) fn start_wait(&mut self, step: usize, until: &WaitUntil) {
        let (WaitUntil::For(binding) | WaitUntil::At(binding)) = until;
        let moment = self
            .resolve(step, binding)
            .and_then(|value| self.check_approved(step, &value).map(|()| value))
            .and_then(|value| self.end_of_wait(until, &value));
        match moment {
            Ok(until) if until <= self.now() => self.complete(step, json!({ "until": until })),
            Ok(until) => {
                let path = self.path(step);
                self.emit(Event::WaitStarted { step: path, until });
            }
            Err(error) => self.fail(step, error),
        }
    }

    fn end_of_wait(&self, until: &WaitUntil, value: &Value) -> Result<Timestamp, StepError> {
        match until {
            WaitUntil::For(_) => match value.as_u64() {
                Some(ms) if ms <= RUN_TIMEOUT_MS_MAX => Ok(self.now().plus_ms(ms)),
                Some(_) | None => Err(StepError::new(
                    "not_a_duration",
                    format!(
                        "`for_ms` must be a whole number of milliseconds up to {RUN_TIMEOUT_MS_MAX}; it is {value}"
                    ),
                )),
            },
            WaitUntil::At(_) => serde_json::from_value::<Timestamp>(value.clone())
                .map(|moment| moment.min(Timestamp::MAX))
                .map_err(|_| {
                    let message =
                        format!("`at` must be a time such as 2027-01-31T08:00:00Z; it is {value}");
                    StepError::new("not_a_time", message)
                }),
        }
    }

    /// The tool that is asked again and again has answered.
    pub(super) fn answered(&mut self, step: usize, attempt: u32, output: Value) {
        let plan = self.plan;
        let Work::Poll { until, .. } = &plan.steps[self.shape(step)].work else {
            return;
        };
        if self.is_stopping() {
            return self.cancel_step(step);
        }
        let names = self.names(step).with_own("result", &output);
        match until.holds(&names) {
            Ok(true) => self.complete(step, output),
            Ok(false) => self.ask_again_later(step, attempt, None),
            Err(message) => self.fail(step, StepError::new("expression_failed", message)),
        }
    }

    /// Not being answered is "not yet", unless it cannot become better.
    pub(super) fn poll_failed(&mut self, step: usize, attempt: u32, error: StepError) {
        if FINAL_CODES.contains(&error.code.as_str()) {
            self.fail(step, error);
        } else {
            self.ask_again_later(step, attempt, Some(error));
        }
    }

    fn ask_again_later(&mut self, step: usize, attempt: u32, error: Option<StepError>) {
        let plan = self.plan;
        let Work::Poll {
            until,
            every_ms,
            timeout_ms,
            ..
        } = &plan.steps[self.shape(step)].work
        else {
            return;
        };
        let now = self.now();
        let run = &self.state.steps[step];
        // Whoever has the run retried gives the question its whole time again.
        let began = run.began_again.or(run.started_at).unwrap_or(now);
        let deadline = timeout_ms.map(|ms| began.plus_ms(ms));
        let (source, waited_ms) = (until.source(), now.ms_since(began));
        let why = match &error {
            Some(error) => format!("; the last time: {}", error.message),
            None => String::new(),
        };
        if deadline.is_some_and(|deadline| deadline <= now) {
            let message = format!("`{source}` did not hold within {waited_ms} ms{why}");
            return self.fail(step, StepError::new("timeout", message));
        }
        let asked = attempt - self.state.steps[step].forgiven.min(attempt);
        if asked as usize >= ITERATIONS_MAX {
            let message = format!("`{source}` did not hold in {asked} tries{why}");
            return self.fail(step, StepError::new("asked_too_often", message));
        }
        let error = error.map(|error| self.fitting(error));
        let next = now.plus_ms(*every_ms);
        let path = self.path(step);
        self.emit(Event::PollMissed {
            step: path,
            attempt,
            ask_again_at: deadline.map_or(next, |deadline| next.min(deadline)),
            error,
        });
    }
}
