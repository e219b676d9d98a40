//! What became of a turn whose commit was not acknowledged. The log tells, once it can be read; until then nobody gets
//! an answer that might be wrong, and nobody is kept waiting for one.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at};

use super::{Draft, Envelope, RunTask, STORE_RETRY_MS, Touched};
use crate::driver::SubmitError;
use crate::driver::loading::{leave_out_old_progress, refuse_callers};
use crate::engine::state::RunState;
use crate::engine::summary::RunSummary;
use crate::store::{StoreError, StoredRun};

/// How long the log is asked for what became of a turn before those who wait for it are told that nobody knows.
const DOUBT_AFTER_MS: u64 = 3_000;

/// What is left to do after a commit that was not acknowledged.
pub(super) enum Aftermath {
    Concluded,
    Again(Vec<Envelope>),
    Over,
}

impl RunTask {
    /// The store did not say that the draft is stored. The log tells whether it is; until it can be read, nobody
    /// gets an answer that might be wrong, and after a while those who wait are told so.
    pub(super) async fn after_failure(
        &mut self,
        error: StoreError,
        mut batch: Vec<Envelope>,
        draft: Draft,
        behind: &mut Vec<Envelope>,
    ) -> Aftermath {
        if matches!(
            error,
            StoreError::StartedBefore { .. } | StoreError::LeaseLost
        ) {
            refuse_callers(&mut self.inbox, &SubmitError::Store(error.clone()));
            refuse(batch, &error);
            return Aftermath::Over;
        }
        let stored = match self.read_log(&mut batch, behind).await {
            Ok(Some(stored)) => stored,
            Ok(None) => {
                refuse(batch, &error);
                return Aftermath::Over;
            }
            Err(unreadable) => {
                tracing::error!(run.id = %self.run_id, error = %unreadable, "run {} cannot be read any more", self.run_id);
                refuse(batch, &unreadable);
                return Aftermath::Over;
            }
        };
        if stored.events.ends_with(&draft.events) {
            // It was stored after all, and only the answer was lost: the state in memory is right.
            let summary = RunSummary::of(&self.loaded.header, &self.loaded.state);
            self.conclude(batch, draft, Arc::new(summary));
            return Aftermath::Concluded;
        }
        self.loaded.state = RunState::replay(Arc::clone(&self.loaded.plan.outline), &stored.events);
        if error == StoreError::Conflict {
            // Something was stored that this process did not act upon.
            self.give_back_rooms(Touched::All);
            return Aftermath::Again(batch);
        }
        // Callers may try again themselves; what tools have said must not be lost.
        let (callers, tools): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|envelope| envelope.reply.is_some());
        refuse(callers, &error);
        tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
        Aftermath::Again(tools)
    }

    /// What is stored, once it can be read. Nobody is kept waiting for that: whoever is in the batch is told that it is
    /// in doubt, and whoever comes behind that it has not been tried. What tools say is kept.
    async fn read_log(
        &mut self,
        batch: &mut [Envelope],
        behind: &mut Vec<Envelope>,
    ) -> Result<Option<StoredRun>, StoreError> {
        let (driver, run_id) = (Arc::clone(&self.driver), self.run_id.clone());
        let reading = async move {
            loop {
                match driver.store.load(&run_id).await {
                    Err(error) if error.may_pass() => {
                        tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
                    }
                    answer => return answer,
                }
            }
        };
        tokio::pin!(reading);
        let doubt_at = Instant::now() + Duration::from_millis(DOUBT_AFTER_MS);
        let mut beat = interval_at(doubt_at, Duration::from_millis(STORE_RETRY_MS));
        loop {
            tokio::select! {
                biased;
                answer = &mut reading => return answer,
                _ = beat.tick() => {
                    leave_in_doubt(batch);
                    let away = StoreError::Unavailable("the log cannot be read".to_owned());
                    behind.extend(refuse_callers(&mut self.inbox, &SubmitError::Store(away)));
                    leave_out_old_progress(behind);
                }
            }
        }
    }
}

/// Tells those who wait that it is not known what came of what they asked for. They are still callers: what they asked
/// for is not done again for them.
fn leave_in_doubt(batch: &mut [Envelope]) {
    for envelope in batch {
        if let Some(reply) = envelope.reply.take() {
            let _ = reply.send(Err(SubmitError::InDoubt));
            let (nobody, _) = oneshot::channel();
            envelope.reply = Some(nobody);
        }
    }
}

fn refuse(batch: Vec<Envelope>, error: &StoreError) {
    for reply in batch.into_iter().filter_map(|envelope| envelope.reply) {
        let _ = reply.send(Err(SubmitError::Store(error.clone())));
    }
}
