//! Attempts that are made elsewhere: by another run, or by somebody outside who reports.

use super::Deciding;
use crate::engine::bounds;
use crate::engine::command::{Rejection, Report};
use crate::engine::event::{EndReason, EndState, Performer};
use crate::engine::failure::{self, StepError};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::state::{Attempt, End};

impl Deciding<'_> {
    /// The run that the step started has ended, and so the step.
    pub(super) fn run_ended(
        &mut self,
        path: &StepPath,
        run_id: &RunId,
        end: End,
    ) -> Result<(), Rejection> {
        let by = Performer::Run {
            run_id: run_id.clone(),
        };
        let attempt = self
            .attempt_by(path, &by)
            .map(|attempt| attempt.number)
            .ok_or_else(|| Rejection::LateResult {
                step: path.clone(),
                attempt: 0,
            })?;
        match end.state {
            EndState::Completed => self.attempt_succeeded(path, attempt, end.output),
            EndState::Cancelled => self.attempt_stopped(path, attempt),
            EndState::Failed => {
                let code = end.reason.unwrap_or(EndReason::Error).as_str();
                let message = end.message.unwrap_or_else(|| "the run failed".to_owned());
                self.attempt_failed(path, attempt, StepError::new(code, message))
            }
        }
    }

    pub(super) fn reported(&mut self, path: &StepPath, report: Report) -> Result<(), Rejection> {
        self.check_open()?;
        self.position(path)?;
        let attempt = self
            .attempt_by(path, &Performer::Outside)
            .map(|attempt| attempt.number)
            .ok_or_else(|| Rejection::NotExternal(path.clone()))?;
        match report {
            Report::Succeeded { output } => {
                bounds::check(&output).map_err(Rejection::InputTooLarge)?;
                self.attempt_succeeded(path, attempt, output)
            }
            Report::Failed { error } => {
                failure::check_outside_code(&error.code).map_err(|why| {
                    let code = bounds::sentence(error.code.clone());
                    Rejection::InvalidErrorCode { code, why }
                })?;
                self.attempt_failed(path, attempt, error)
            }
            Report::Progressed { percent, doing } => {
                self.attempt_progressed(path, attempt, percent, doing)
            }
        }
    }

    fn attempt_by(&self, path: &StepPath, by: &Performer) -> Option<&Attempt> {
        let running = self.state.step(path)?.running_attempt()?;
        (running.by == *by && self.state.end.is_none()).then_some(running)
    }
}
