//! What somebody outside reports of an external step. How far it is may be said as often as the caller likes: the log
//! keeps a few reports a second, and of those the last, as of a tool (`perform.rs`).

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

use super::{Driver, SubmitError};
use crate::engine::command::{Command, Report};
use crate::engine::ids::{RunId, StepPath};

/// Progress reports of one step are at least this far apart in its log.
const REPORT_EVERY_MS: u64 = 250;

type Key = (RunId, StepPath);

/// Steps of which a report was stored a moment ago, each with the latest that was not.
#[derive(Default)]
pub(super) struct Reports {
    held: BTreeMap<Key, Option<Report>>,
}

impl Reports {
    /// Keeps the report for later, if there has just been one; else gives it back.
    fn hold(&mut self, key: &Key, report: Report) -> Option<Report> {
        match self.held.get_mut(key) {
            Some(held) => {
                *held = Some(report);
                None
            }
            None => {
                self.held.insert(key.clone(), None);
                Some(report)
            }
        }
    }

    /// What has been held since the last time. With nothing held the step is struck off.
    fn next(&mut self, key: &Key) -> Option<Report> {
        let next = self.held.get_mut(key).and_then(Option::take);
        if next.is_none() {
            self.held.remove(key);
        }
        next
    }
}

impl Driver {
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody outside tells how far an external step is, or how it ended. A report of progress may be answered before
    /// it is stored, and may be left out for a later one; what was said last before the end is stored before it.
    pub async fn report(
        self: &Arc<Self>,
        run_id: &RunId,
        step: &StepPath,
        report: Report,
    ) -> Result<(), SubmitError> {
        let key = (run_id.clone(), step.clone());
        match report {
            Report::Progressed { .. } => self.progressed(key, report).await,
            Report::Succeeded { .. } | Report::Failed { .. } => {
                let held = self.reports().held.remove(&key).flatten();
                if let Some(last) = held {
                    // If it is refused, so is the end.
                    let _ = self.submit_report(&key, last).await;
                }
                self.submit_report(&key, report).await
            }
        }
    }

    async fn progressed(self: &Arc<Self>, key: Key, report: Report) -> Result<(), SubmitError> {
        let Some(report) = self.reports().hold(&key, report) else {
            return Ok(());
        };
        let (reply, answer) = oneshot::channel();
        let driver = Arc::clone(self);
        // In a task of its own: the caller may go away at any moment, and the step must not stay held then.
        tokio::spawn(async move { driver.pass_on_reports(&key, report, reply).await });
        answer.await.map_err(|_| SubmitError::Stopping)?
    }

    /// Stores the report, answers whoever made it, and goes on with what is held meanwhile.
    async fn pass_on_reports(
        self: &Arc<Self>,
        key: &Key,
        report: Report,
        reply: oneshot::Sender<Result<(), SubmitError>>,
    ) {
        let mut stored = self.submit_report(key, report).await;
        if stored.is_err() {
            // Before the answer: who tries again at once is heard.
            self.reports().held.remove(key);
        }
        // A caller who has gone away does not change what happened.
        let _ = reply.send(stored.clone());
        while stored.is_ok() {
            tokio::time::sleep(Duration::from_millis(REPORT_EVERY_MS)).await;
            let next = self.reports().next(key);
            let Some(report) = next else { return };
            stored = self.submit_report(key, report).await;
            if stored.is_err() {
                self.reports().held.remove(key);
            }
        }
    }

    async fn submit_report(
        self: &Arc<Self>,
        (run_id, step): &Key,
        report: Report,
    ) -> Result<(), SubmitError> {
        let step = step.clone();
        self.submit(run_id, Command::Report { step, report }).await
    }
}
