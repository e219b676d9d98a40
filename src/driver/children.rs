//! Runs that are steps of other runs. The parent decides to start one, and keeps its id in its log before it exists;
//! the child tells the parent when it has ended. Whichever of the two dies in between, the parent asks again when it is
//! taken up, and finds the child as it is.

use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::launch::{Launch, LaunchError};
use super::run_task::STORE_RETRY_MS;
use super::{Driver, SubmitError, families};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Origin, Performer};
use crate::engine::failure::StepError;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::state::{End, RunState};
use crate::store::StoreError;

/// A run to be started for a step.
pub(super) struct Child {
    pub parent: RunId,
    pub step: StepPath,
    pub attempt: u32,
    pub run_id: RunId,
    pub workflow: String,
    pub version: Option<u32>,
    pub input: serde_json::Value,
    pub depth: u32,
    /// The uppermost run above it.
    pub root: RunId,
    /// Triggered when the step is to stop.
    pub cancel: CancellationToken,
}

/// What has become of a run that was to be started.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Became {
    /// It is there, and tells its parent when it ends.
    Running,
    /// It has ended, and its parent has been told.
    Ended,
    /// There will be none, and its parent has been told why.
    NotMade,
}

impl Driver {
    /// Sees to it that the child exists, and that its parent hears of its end.
    pub(super) fn begin_child(self: &Arc<Self>, child: Child) {
        // Before it can ask for a room that its parent holds.
        self.rooms().link(&child.run_id, &child.parent, &child.step);
        let driver = Arc::clone(self);
        self.calls.spawn(async move {
            let mut counted = false;
            let became = driver.try_until_known(&child, &mut counted).await;
            if counted {
                let is_there = matches!(became, Ok(Became::Running | Became::Ended));
                driver.families().settle(&child.root, is_there);
            }
            match became {
                // Told to stop while it was being started.
                Ok(Became::Running) if child.cancel.is_cancelled() => {
                    driver.cancel_child(&child.run_id, &child.parent).await;
                }
                Ok(Became::Running) => {}
                Ok(Became::Ended | Became::NotMade) => driver.rooms().unlink(&child.run_id),
                Err(error) => {
                    driver.rooms().unlink(&child.run_id);
                    driver.child_refused(&child, &error).await;
                }
            }
        });
    }

    /// Tries while trying again may help. `counted`: whether the run counts in its family.
    async fn try_until_known(
        self: &Arc<Self>,
        child: &Child,
        counted: &mut bool,
    ) -> Result<Became, LaunchError> {
        loop {
            match self.try_child(child, counted).await {
                Err(LaunchError::Submit(SubmitError::Store(error))) if error.may_pass() => {}
                // Whoever takes the parent up next asks again.
                Err(LaunchError::Submit(SubmitError::Stopping)) if self.calls.is_closed() => {
                    return Ok(Became::NotMade);
                }
                // Its owner has ended without having stored it, or may have stored it.
                Err(LaunchError::Submit(SubmitError::InDoubt | SubmitError::Stopping)) => {}
                known => return known,
            }
            tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
        }
    }

    async fn try_child(
        self: &Arc<Self>,
        child: &Child,
        counted: &mut bool,
    ) -> Result<Became, LaunchError> {
        if let Some(known) = self.store.run_summary(&child.run_id).await? {
            if !known.status.is_terminal() {
                return Ok(Became::Running);
            }
            self.report_end(&child.run_id).await?;
            return Ok(Became::Ended);
        }
        if child.cancel.is_cancelled() {
            let command = Command::AttemptStopped {
                step: child.step.clone(),
                attempt: child.attempt,
            };
            self.submit_quietly(&child.parent, command).await;
            return Ok(Became::NotMade);
        }
        let version = self
            .store
            .find_version(&child.workflow, child.version)
            .await?;
        let Some(version) = version else {
            let which = match child.version {
                Some(number) => format!("version {number} of `{}`", child.workflow),
                None => format!("workflow `{}`", child.workflow),
            };
            let error = StepError::new("unknown_workflow", format!("there is no {which}"));
            self.fail_step_of(child, error).await;
            return Ok(Became::NotMade);
        };
        if !*counted {
            *counted = self.joins_family(&child.root).await?;
        }
        if !*counted {
            let max = self.families().descendants_max;
            let message = format!(
                "run {} and the runs below it have started {max} runs, which is the bound: does a workflow start itself? Otherwise split the work over several runs",
                child.root
            );
            self.fail_step_of(child, StepError::new("too_many_runs", message))
                .await;
            return Ok(Became::NotMade);
        }
        let launch = Launch {
            version,
            input: child.input.clone(),
            actor: format!("run {}", child.parent),
            key: Some(families::start_key(&child.root, &child.run_id)),
            origin: Some(Origin::Parent {
                run_id: child.parent.clone(),
                step: child.step.clone(),
                depth: child.depth,
                root: (child.root != child.parent).then(|| child.root.clone()),
            }),
            kept: Default::default(),
            run_id: Some(child.run_id.clone()),
        };
        match self.launch_as(launch, Some(child.run_id.to_string())).await {
            Ok(_) => Ok(Became::Running),
            // It had been started, and only the answer was lost.
            Err(LaunchError::Submit(SubmitError::Rejected(Rejection::AlreadyStarted))) => {
                Ok(Became::Running)
            }
            Err(error) => Err(error),
        }
    }

    async fn child_refused(self: &Arc<Self>, child: &Child, error: &LaunchError) {
        let error = match error {
            LaunchError::InvalidInput(problems) => {
                let sentences: Vec<String> = problems
                    .iter()
                    .map(|problem| format!("{}: {}", problem.field, problem.message))
                    .collect();
                let message = format!(
                    "the input does not fit `{}`: {}",
                    child.workflow,
                    sentences.join("; ")
                );
                StepError::new("invalid_input", message)
            }
            LaunchError::KeyReused | LaunchError::Submit(_) => StepError::new(
                "not_started",
                format!("the run could not be started: {error}"),
            ),
        };
        self.fail_step_of(child, error).await;
    }

    async fn fail_step_of(self: &Arc<Self>, child: &Child, error: StepError) {
        let command = Command::AttemptFailed {
            step: child.step.clone(),
            attempt: child.attempt,
            error,
        };
        self.submit_quietly(&child.parent, command).await;
    }

    /// The step that started the run is to stop.
    pub(super) async fn cancel_child(self: &Arc<Self>, child: &RunId, parent: &RunId) {
        let command = Command::Cancel {
            actor: format!("run {parent}"),
            comment: "The run that started this one has been stopped.".to_owned(),
        };
        self.submit_quietly(child, command).await;
    }

    /// A run that is a step may have outlived the step: the process may have died after it had stopped the one and
    /// before it had told the other.
    pub(super) fn stop_if_unwanted(self: &Arc<Self>, run_id: &RunId, origin: &Origin) {
        let Origin::Parent {
            run_id: parent,
            step,
            ..
        } = origin
        else {
            return;
        };
        let (driver, run_id) = (Arc::clone(self), run_id.clone());
        let (parent, step) = (parent.clone(), step.clone());
        tokio::spawn(async move {
            let wanted = loop {
                match driver.wants(&parent, &step, &run_id).await {
                    Ok(wanted) => break wanted,
                    Err(error) if error.may_pass() => {
                        tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
                    }
                    // Who cannot be asked cannot say that it is not wanted.
                    Err(_) => break true,
                }
            };
            if !wanted {
                driver.cancel_child(&run_id, &parent).await;
            }
        });
    }

    async fn wants(
        &self,
        parent: &RunId,
        step: &StepPath,
        run_id: &RunId,
    ) -> Result<bool, StoreError> {
        let Some(stored) = self.store.load(parent).await? else {
            return Ok(true);
        };
        let outline = self.outline(&stored.header.version_id).await?;
        let state = RunState::replay(outline, &stored.events);
        let by = Performer::Run {
            run_id: run_id.clone(),
        };
        let running = state.step(step).and_then(|step| step.running_attempt());
        let stopping = state.cancelling.is_some() || state.compensating.is_some();
        Ok(running.is_some_and(|attempt| attempt.by == by) && !stopping)
    }

    /// Tells the parent of an ended run, from what is stored.
    async fn report_end(self: &Arc<Self>, run_id: &RunId) -> Result<(), StoreError> {
        let Some(stored) = self.store.load(run_id).await? else {
            return Ok(());
        };
        let outline = self.outline(&stored.header.version_id).await?;
        let state = RunState::replay(outline, &stored.events);
        if let (Some(end), Some(origin)) = (state.end, &state.origin) {
            self.tell_parent(run_id, origin, end).await;
        }
        Ok(())
    }

    /// The run has ended: the step that it is hears of it. Told twice, it listens once.
    pub(super) async fn tell_parent(self: &Arc<Self>, run_id: &RunId, origin: &Origin, end: End) {
        let Origin::Parent {
            run_id: parent,
            step,
            ..
        } = origin
        else {
            return;
        };
        let command = Command::RunEnded {
            step: step.clone(),
            run_id: run_id.clone(),
            end,
        };
        self.submit_quietly(parent, command).await;
    }
}

/// Whether somebody has to be told of the end of a run that goes back to this.
pub(super) fn has_parent(origin: Option<&Origin>) -> bool {
    match origin {
        Some(Origin::Parent { .. }) => true,
        Some(Origin::Again { .. } | Origin::Fork { .. } | Origin::Trigger { .. }) | None => false,
    }
}
