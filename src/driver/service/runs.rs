//! What can be done with runs: start, answer, hold, skip, retry, and begin again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use super::{AuthoringError, RunCard, Service, ServiceError};
use crate::driver::launch::Launch;
use crate::driver::{RunNews, SubmitError};
use crate::engine::command::{Command, Report};
use crate::engine::event::{Decision, Origin, Resolution};
use crate::engine::fork;
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::store::{Store, VersionCard};

/// A start, as asked for.
pub struct NewRun {
    /// Slug or id.
    pub workflow: String,
    /// Its number; the current one when absent.
    pub version: Option<u32>,
    pub input: serde_json::Value,
    pub actor: String,
    /// `Idempotency-Key`: the same key again gives the same run.
    pub key: Option<String>,
}

impl Service {
    /// Starts a run. When it answers, the run is on disk; with `wait` it answers when the run has ended, or after that
    /// time. With a key that was used before for the same request, it tells of the run of then.
    pub async fn start(
        &self,
        new: NewRun,
        wait: Option<Duration>,
    ) -> Result<RunCard, ServiceError> {
        let until = wait.map(|wait| Instant::now() + wait);
        let version = self.version_of(&new.workflow, new.version).await?;
        let run_id = RunId::new(self.driver.clock().new_id());
        // Listened to before it is there, so that its log need not be read.
        let news = self.driver.follow(&run_id);
        let launch = Launch {
            version,
            input: new.input,
            actor: new.actor,
            key: new.key,
            origin: None,
            kept: BTreeMap::new(),
            run_id: Some(run_id.clone()),
        };
        let started = self.driver.launch(launch).await?;
        let heard = if started == run_id {
            heard_until(news, until).await
        } else {
            None
        };
        if let Some(card) = heard {
            return Ok(card);
        }
        if let Some(until) = until {
            self.wait_until(&started, until).await?;
        }
        Ok(RunCard::of(&self.run(&started).await?))
    }

    async fn version_of(
        &self,
        workflow: &str,
        number: Option<u32>,
    ) -> Result<VersionCard, ServiceError> {
        let found = self.store.find_version(workflow, number).await?;
        match (found, number) {
            (Some(found), _) if found.deleted => Err(AuthoringError::Deleted(found.slug).into()),
            (Some(found), _) => Ok(found),
            (None, None) => Err(ServiceError::NotFound("workflow")),
            (None, Some(_)) => {
                self.version_exists(workflow).await?;
                Err(ServiceError::NotFound("version"))
            }
        }
    }

    async fn version_exists(&self, workflow: &str) -> Result<(), ServiceError> {
        match self.store.find_version(workflow, None).await? {
            Some(_) => Ok(()),
            None => Err(ServiceError::NotFound("workflow")),
        }
    }

    /// A new run of the same version with the same input.
    pub async fn start_again(&self, run_id: &RunId, actor: &str) -> Result<RunId, ServiceError> {
        let record = self.run(run_id).await?;
        let input = Arc::unwrap_or_clone(record.state().input);
        let origin = Origin::Again {
            run_id: run_id.clone(),
        };
        let header = &record.header;
        let version = self
            .version_of(header.workflow_id.as_str(), Some(header.version))
            .await?;
        let launch = Launch {
            version,
            input,
            actor: actor.to_owned(),
            key: None,
            origin: Some(origin),
            kept: BTreeMap::new(),
            run_id: None,
        };
        Ok(self.driver.launch(launch).await?)
    }

    /// A new run that begins at a step of another one: what had been completed before the step is taken over, gates
    /// are asked anew. Of the same version and with the same input unless another is given.
    pub async fn fork(
        &self,
        run_id: &RunId,
        step: &StepPath,
        version: Option<u32>,
        input: Option<serde_json::Value>,
        actor: &str,
    ) -> Result<RunId, ServiceError> {
        let record = self.run(run_id).await?;
        let state = record.state();
        let kept = fork::kept(&state, step)?;
        let header = &record.header;
        let version = self
            .version_of(
                header.workflow_id.as_str(),
                Some(version.unwrap_or(header.version)),
            )
            .await?;
        let same_input = input.as_ref().is_none_or(|input| *input == *state.input);
        let becomes = self.outline(&version.version_id).await?;
        let kept = fork::fitting(kept, &state.outline, &becomes, same_input);
        let launch = Launch {
            version,
            input: input.unwrap_or_else(|| Arc::unwrap_or_clone(state.input)),
            actor: actor.to_owned(),
            key: None,
            origin: Some(Origin::Fork {
                run_id: run_id.clone(),
                step: step.clone(),
            }),
            kept,
            run_id: None,
        };
        Ok(self.driver.launch(launch).await?)
    }

    pub async fn cancel(
        &self,
        run_id: &RunId,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let actor = actor.to_owned();
        self.submit(run_id, Command::Cancel { actor, comment }, "run")
            .await
    }

    pub async fn pause(
        &self,
        run_id: &RunId,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let actor = actor.to_owned();
        self.submit(run_id, Command::Pause { actor, comment }, "run")
            .await
    }

    pub async fn resume(
        &self,
        run_id: &RunId,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let actor = actor.to_owned();
        self.submit(run_id, Command::Resume { actor, comment }, "run")
            .await
    }

    pub async fn retry(
        &self,
        run_id: &RunId,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let actor = actor.to_owned();
        self.submit(run_id, Command::Retry { actor, comment }, "run")
            .await
    }

    pub async fn skip(
        &self,
        run_id: &RunId,
        step: &StepPath,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let command = Command::Skip {
            step: step.clone(),
            actor: actor.to_owned(),
            comment,
        };
        self.submit(run_id, command, "run").await
    }

    /// Somebody outside tells how far an `external` step is, or how it ended.
    pub async fn report(
        &self,
        run_id: &RunId,
        step: &StepPath,
        report: Report,
    ) -> Result<(), ServiceError> {
        if !self.driver.owns(run_id) {
            self.run_summary(run_id).await?;
        }
        match self.driver.report(run_id, step, report).await {
            Ok(()) => Ok(()),
            Err(SubmitError::NoSuchRun) => Err(ServiceError::NotFound("run")),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn decide(
        &self,
        gate: &GateId,
        decision: Decision,
        actor: &str,
        comment: String,
        plan_hash: Option<String>,
    ) -> Result<RunId, ServiceError> {
        let run_id = self
            .store
            .gate(gate)
            .await?
            .ok_or(ServiceError::NotFound("gate"))?
            .run_id;
        let command = Command::Decide {
            gate: gate.clone(),
            decision,
            actor: actor.to_owned(),
            comment,
            plan_hash,
        };
        self.submit(&run_id, command, "gate").await?;
        Ok(run_id)
    }

    pub async fn resolve_outcome(
        &self,
        run_id: &RunId,
        step: &StepPath,
        resolution: Resolution,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let command = Command::ResolveOutcome {
            step: step.clone(),
            resolution,
            actor: actor.to_owned(),
            comment,
        };
        self.submit(run_id, command, "run").await
    }

    async fn submit(
        &self,
        run_id: &RunId,
        command: Command,
        what: &'static str,
    ) -> Result<(), ServiceError> {
        // Asked first, so that a wrong id costs a look and not an owner.
        if !self.driver.owns(run_id) {
            self.run_summary(run_id).await?;
        }
        match self.driver.submit(run_id, command).await {
            Ok(()) => Ok(()),
            Err(SubmitError::NoSuchRun) => Err(ServiceError::NotFound(what)),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the news tell of a run from its first turn to its end, or until then, or of its first turn. `None` when they
/// do not tell everything.
async fn heard_until(mut news: RunNews, until: Option<Instant>) -> Option<RunCard> {
    let mut card = RunCard::beginning(&*news.try_recv()?);
    let Some(until) = until else {
        return Some(card);
    };
    let to_the_end = async {
        while !card.summary.status.is_terminal() {
            card.follow(&*news.recv().await.ok()?);
        }
        Some(())
    };
    match timeout_at(until, to_the_end).await {
        Ok(None) => None,
        // Running out of time is an answer too: the run as it stands.
        Ok(Some(())) | Err(_) => Some(card),
    }
}
