//! What steps have written: read, searched, watched, and added to from outside.

use super::{Service, ServiceError};
use crate::driver::{LogNews, OutsideLines, SubmitError};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::logs::{LogAddress, LogCount, LogLine};
use crate::engine::state::{Attempt, RunState};
use crate::store::{Appended, Found, LogSearch};

/// The log of an attempt, as far as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLog {
    pub address: LogAddress,
    pub count: LogCount,
    /// More lines may come: the attempt is still being made, or has not begun, or its last lines are on their way.
    pub is_open: bool,
    /// It is open for its last lines alone. Whoever watches the log hears when they are there, and asks again.
    pub is_ending: bool,
}

impl Service {
    /// The log of this attempt of the step, or of the last one that there was.
    pub async fn step_log(
        &self,
        run_id: &RunId,
        step: &StepPath,
        attempt: Option<u32>,
    ) -> Result<StepLog, ServiceError> {
        let state = self.driver.read(run_id).await?;
        let state = state.ok_or(ServiceError::NotFound("run"))?;
        let made = made(&state, step, attempt)?;
        let address = LogAddress {
            run_id: run_id.clone(),
            step: step.clone(),
            // Of a step that has not begun nothing has been written.
            attempt: attempt.or(made.map(|made| made.number)).unwrap_or(1),
        };
        let may_begin = || {
            let step = state.step(step);
            step.is_some_and(|step| !step.status.is_terminal())
        };
        let goes_on = made.map_or_else(may_begin, |made| made.finished_at.is_none());
        let is_made = goes_on && state.end.is_none();
        // Before the lines are counted: those of a log that does not grow any more are all there.
        let is_ending = !is_made && self.driver.log_may_grow(&address);
        let count = self.store.log_count(&address).await?;
        if attempt.is_some() && made.is_none() && count.is_none() {
            return Err(ServiceError::NotFound("attempt"));
        }
        Ok(StepLog {
            address,
            count: count.unwrap_or_default(),
            is_open: is_made || is_ending,
            is_ending,
        })
    }

    /// How far a log is that there is, or none yet.
    pub async fn log_count(&self, log: &LogAddress) -> Result<LogCount, ServiceError> {
        Ok(self.store.log_count(log).await?.unwrap_or_default())
    }

    pub async fn log_lines(
        &self,
        log: &LogAddress,
        after: u32,
        limit: u32,
    ) -> Result<Vec<LogLine>, ServiceError> {
        Ok(self.store.log_lines(log, after, limit).await?)
    }

    pub async fn search_log(
        &self,
        log: &LogAddress,
        search: &LogSearch,
        limit: u32,
    ) -> Result<Found, ServiceError> {
        Ok(self.store.search_log(log, search, limit).await?)
    }

    /// Returns when the last lines of an attempt that is over are there, or could not be stored for a while.
    pub async fn last_lines(&self, log: &LogAddress) {
        self.driver.last_lines(log).await;
    }

    pub fn watch_log(&self, log: &LogAddress) -> LogNews {
        self.driver.watch_log(log)
    }

    /// Somebody outside writes about the step that they do. Answers the attempt, and how far its log is.
    pub async fn write_log(&self, told: OutsideLines) -> Result<(u32, LogCount), ServiceError> {
        match self.driver.write_log(told).await {
            Ok((attempt, Appended::Stored(count))) => Ok((attempt, count)),
            Ok((_, Appended::Ahead(count))) => Err(ServiceError::LogAhead {
                received: count.received(),
            }),
            Ok((_, Appended::NoSuchRun)) | Err(SubmitError::NoSuchRun) => {
                Err(ServiceError::NotFound("run"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// This attempt of the step, or its last one; none where it is not listed.
fn made<'a>(
    state: &'a RunState,
    path: &StepPath,
    number: Option<u32>,
) -> Result<Option<&'a Attempt>, ServiceError> {
    let step = state.step(path).ok_or(ServiceError::NotFound("step"))?;
    let mut attempts = step.attempts.iter().rev();
    Ok(attempts.find(|made| number.is_none_or(|number| made.number == number)))
}
