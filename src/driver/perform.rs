//! Calls tools, after the decision to call them is on disk. Whatever comes back is a command like any other.

use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Driver;
use super::tool::{Progress, Tool, ToolCall, ToolOutcome};
use crate::engine::command::Command;
use crate::engine::failure::StepError;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::input::with_defaults;
use crate::engine::limits::CANCEL_GRACE_MS;
use crate::engine::logs::LogAddress;

/// The first progress report of an attempt that is stored.
const PROGRESS_AFTER_MS: u64 = 200;
/// Progress reports of one attempt are at least this far apart.
const PROGRESS_EVERY_MS: u64 = 1_000;

/// One attempt to be made.
pub(super) struct Assignment {
    pub run_id: RunId,
    pub step: StepPath,
    pub attempt: u32,
    pub was_interrupted: bool,
    pub tool: String,
    pub input: serde_json::Value,
    pub cancel: CancellationToken,
}

type Report = Option<(u8, String)>;

impl Driver {
    /// Starts the attempt in the background; its result is submitted when there is one.
    pub(super) fn perform(self: &Arc<Self>, assignment: Assignment) {
        let driver = Arc::clone(self);
        let making = (
            assignment.run_id.clone(),
            assignment.step.clone(),
            assignment.attempt,
        );
        self.making().insert(making.clone());
        self.calls.spawn(async move {
            let result = driver.attempt(&assignment).await;
            driver.submit_quietly(&assignment.run_id, result).await;
            // After the result is on its way: whoever takes the run up in between finds it in the inbox.
            driver.making().remove(&making);
        });
    }

    async fn attempt(self: &Arc<Self>, assignment: &Assignment) -> Command {
        let Assignment { step, attempt, .. } = assignment;
        let (step, attempt) = (step.clone(), *attempt);
        let Some(tool) = self.toolbox.get(&assignment.tool).cloned() else {
            let error = StepError::new(
                "unknown_tool",
                format!("this server has no tool `{}`", assignment.tool),
            );
            return Command::AttemptFailed {
                step,
                attempt,
                error,
            };
        };
        let slot = tokio::select! {
            biased;
            () = assignment.cancel.cancelled() => None,
            slot = self.slots.acquire() => slot.ok(),
        };
        let Some(_slot) = slot else {
            return Command::AttemptStopped { step, attempt };
        };
        let input = with_defaults(Some(&tool.spec().input_schema), assignment.input.clone());
        if let Err(error) = self.schemas.check(&assignment.tool, &input) {
            return Command::AttemptFailed {
                step,
                attempt,
                error,
            };
        }
        // Another process may be acting by now; then this one must not, and nothing that it says is stored.
        let may_act = tokio::select! {
            biased;
            // First: what has been told to stop does not begin any more.
            () = assignment.cancel.cancelled() => false,
            may_act = self.store.may_act() => may_act,
        };
        if !may_act {
            return Command::AttemptStopped { step, attempt };
        }
        let repeatable = tool.spec().effect_of(&input).repeatable();
        let outcome = self.call(tool, assignment, input, repeatable).await;
        match outcome {
            Some(ToolOutcome::Succeeded(output)) => Command::AttemptSucceeded {
                step,
                attempt,
                output,
            },
            Some(ToolOutcome::Failed(error)) => Command::AttemptFailed {
                step,
                attempt,
                error,
            },
            Some(ToolOutcome::Unknown(message)) => Command::AttemptUnknown {
                step,
                attempt,
                message,
            },
            None if repeatable => Command::AttemptStopped { step, attempt },
            None => {
                let message = "it was told to stop and did not answer in time".to_owned();
                Command::AttemptUnknown {
                    step,
                    attempt,
                    message,
                }
            }
        }
    }

    /// Runs the tool and passes its progress on. `None`: it was told to stop and did not within the grace time.
    async fn call(
        self: &Arc<Self>,
        tool: Arc<dyn Tool>,
        assignment: &Assignment,
        input: serde_json::Value,
        repeatable: bool,
    ) -> Option<ToolOutcome> {
        // Kept here too: reports are read to the last one after the tool has dropped its end.
        let (report, mut reports) = watch::channel::<Report>(None);
        let report = Arc::new(report);
        let reporter = Arc::clone(&report);
        let (log, writing) = self.log_of(LogAddress {
            run_id: assignment.run_id.clone(),
            step: assignment.step.clone(),
            attempt: assignment.attempt,
        });
        let call = ToolCall {
            run_id: assignment.run_id.clone(),
            step_id: assignment.step.clone(),
            attempt: assignment.attempt,
            was_interrupted: assignment.was_interrupted,
            input,
            idempotency_key: format!("{}/{}", assignment.run_id, assignment.step),
            cancel: assignment.cancel.clone(),
            progress: Progress::new(move |percent, doing| {
                reporter.send_replace(Some((percent, doing.to_owned())));
            }),
            log,
        };
        let work = AssertUnwindSafe(tool.call(call)).catch_unwind();
        let abandoned = async {
            assignment.cancel.cancelled().await;
            tokio::time::sleep(Duration::from_millis(CANCEL_GRACE_MS)).await;
        };
        tokio::pin!(work, abandoned);
        // Not at once: most calls are over before anybody could read what they are doing, and a turn of its own for that
        // would hold up the result.
        let first = Instant::now() + Duration::from_millis(PROGRESS_AFTER_MS);
        let mut beat = tokio::time::interval_at(first, Duration::from_millis(PROGRESS_EVERY_MS));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                finished = &mut work => {
                    self.pass_on(assignment, &mut reports).await;
                    // What cannot be done again is on disk before anything else is: its lines follow at once, and
                    // whoever reads is told of no end before they are there.
                    if repeatable {
                        self.flush_log(&writing).await;
                    }
                    return Some(finished.unwrap_or_else(|_| panicked(repeatable)));
                }
                () = &mut abandoned => {
                    self.flush_log(&writing).await;
                    return None;
                }
                _ = beat.tick() => self.pass_on(assignment, &mut reports).await,
            }
        }
    }

    /// Submits the latest report, if there is one that has not been.
    async fn pass_on(
        self: &Arc<Self>,
        assignment: &Assignment,
        reports: &mut watch::Receiver<Report>,
    ) {
        if !reports.has_changed().unwrap_or(false) {
            return;
        }
        let report = reports.borrow_and_update().clone();
        if let Some((percent, doing)) = report {
            let command = Command::AttemptProgressed {
                step: assignment.step.clone(),
                attempt: assignment.attempt,
                percent,
                doing,
            };
            self.submit_quietly(&assignment.run_id, command).await;
        }
    }
}

fn panicked(repeatable: bool) -> ToolOutcome {
    let message = "the tool broke down; its maker has to mend it";
    if repeatable {
        ToolOutcome::Failed(StepError::new("tool_panicked", message))
    } else {
        ToolOutcome::Unknown(message.to_owned())
    }
}
