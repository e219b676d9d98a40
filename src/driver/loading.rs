//! How a run gets into memory: from its start, or from its log, and then with what the last process left behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

use super::run_task::{Envelope, Origin, STORE_RETRY_MS};
use super::{Driver, SubmitError};
use crate::engine::command::Command;
use crate::engine::ids::RunId;
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use crate::engine::summary::RunHeader;
use crate::store::{StartKey, StoreError};

pub(super) struct Loaded {
    pub header: RunHeader,
    pub plan: Arc<Plan>,
    pub state: RunState,
    /// The last event in the snapshot that the store has of it; 0 when it has none.
    pub written_down: u32,
    pub start_key: Option<StartKey>,
}

/// Loads the run, and what has to be done with it before anything else. While the database does not answer, callers
/// are told so and the run is tried again; what tools have said is kept. `None` when there is no such run or it
/// cannot be read; everyone who waits has been told.
pub(super) async fn load(
    driver: &Arc<Driver>,
    run_id: &RunId,
    origin: Origin,
    inbox: &mut mpsc::Receiver<Envelope>,
) -> Option<(Loaded, Vec<Envelope>)> {
    if let Origin::New {
        header,
        plan,
        start_key,
    } = origin
    {
        let state = RunState::new(Arc::clone(&plan.outline));
        let loaded = Loaded {
            header,
            plan,
            state,
            written_down: 0,
            start_key,
        };
        return Some((loaded, Vec::new()));
    }
    let mut kept = Vec::new();
    loop {
        match driver.resume(run_id).await {
            Ok(Some(loaded)) => {
                let lost = left_behind(driver, run_id, &loaded.state);
                // A result is sent before its attempt is struck off, so it is here by now and counts.
                while let Ok(envelope) = inbox.try_recv() {
                    kept.push(envelope);
                }
                // Timers come last, so that time spent down is not taken for time that a tool took.
                let (timers, mut first): (Vec<_>, Vec<_>) = kept
                    .into_iter()
                    .partition(|envelope| envelope.command == Command::Wake);
                first.extend(lost);
                first.extend(timers);
                return Some((loaded, first));
            }
            Ok(None) => {
                refuse_callers(inbox, &SubmitError::NoSuchRun);
                return None;
            }
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(run.id = %run_id, %error, "run {run_id} cannot be loaded");
                refuse_callers(inbox, &SubmitError::Store(error));
                return None;
            }
            Err(error) => {
                tracing::warn!(run.id = %run_id, %error, "run {run_id} cannot be loaded now");
                kept.extend(refuse_callers(inbox, &SubmitError::Store(error)));
                leave_out_old_progress(&mut kept);
                tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
            }
        }
    }
}

/// Attempts that no process makes any more: the one that did has died.
fn left_behind(driver: &Driver, run_id: &RunId, state: &RunState) -> Vec<Envelope> {
    let running = state.running().filter_map(|step| {
        let attempt = state.steps[step].running_attempt()?;
        // What is done by another run, or outside, goes on without this process.
        attempt
            .by
            .is_tool()
            .then(|| (state.path(step), attempt.number))
    });
    running
        .filter(|(step, attempt)| !driver.makes(run_id, step, *attempt))
        .map(|(step, attempt)| Envelope {
            command: Command::AttemptLost { step, attempt },
            reply: None,
        })
        .collect()
}

/// Tells those who wait for an answer; gives back what must not be lost.
pub(super) fn refuse_callers(
    inbox: &mut mpsc::Receiver<Envelope>,
    error: &SubmitError,
) -> Vec<Envelope> {
    let mut kept = Vec::new();
    while let Ok(envelope) = inbox.try_recv() {
        match envelope.reply {
            Some(reply) => {
                let _ = reply.send(Err(error.clone()));
            }
            None => kept.push(envelope),
        }
    }
    kept
}

/// Of what a tool has said of its progress only the last is kept: an outage may take hours.
pub(super) fn leave_out_old_progress(kept: &mut Vec<Envelope>) {
    let mut told = BTreeSet::new();
    kept.reverse();
    kept.retain(|envelope| {
        if let Command::AttemptProgressed { step, attempt, .. } = &envelope.command {
            return told.insert((step.clone(), *attempt));
        }
        true
    });
    kept.reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(attempt: u32, percent: u8) -> Envelope {
        Envelope {
            command: Command::AttemptProgressed {
                step: "a".into(),
                attempt,
                percent,
                doing: String::new(),
            },
            reply: None,
        }
    }

    #[test]
    fn of_the_progress_of_an_attempt_the_last_is_kept_in_its_place() {
        let wake = || Envelope {
            command: Command::Wake,
            reply: None,
        };
        let mut kept = vec![
            progress(1, 10),
            wake(),
            progress(1, 20),
            progress(2, 5),
            wake(),
            progress(2, 6),
        ];
        leave_out_old_progress(&mut kept);
        let commands: Vec<Command> = kept.into_iter().map(|envelope| envelope.command).collect();
        let (first, last) = (progress(1, 20).command, progress(2, 6).command);
        assert_eq!(commands, [Command::Wake, first, Command::Wake, last]);
    }
}
