//! What can be asked of Signalbox from outside: the one service that the API and the pages call. It knows workflows
//! and runs by their names, checks inputs, and passes commands to the driver.

use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::broadcast;

use super::schemas::check_input;
use super::{Committed, Driver, SubmitError};
use crate::engine::command::{Command, Rejection};
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::{Decision, Recorded, Resolution};
use crate::engine::ids::{GateId, RunId, StepId, VersionId, WorkflowId, content_hash};
use crate::engine::input::{FieldError, on_server, with_defaults};
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::{Workflow, slug_of};
use crate::store::{Database, NewVersion, WorkflowRow};
use crate::store::{StartKey, Store, StoreError};

/// Cheap to clone.
#[derive(Clone)]
pub struct Service {
    driver: Arc<Driver>,
    store: Arc<Database>,
    /// Where this server is, as its own workflows may name it.
    address: Arc<str>,
}

/// A start, as asked for.
pub struct NewRun {
    /// Slug or id.
    pub workflow: String,
    pub input: serde_json::Value,
    pub actor: String,
    /// `Idempotency-Key`: the same key again gives the same run.
    pub key: Option<String>,
}

/// A whole run, ready to be folded.
pub struct RunRecord {
    pub header: RunHeader,
    pub outline: Arc<Outline>,
    pub events: Vec<Recorded>,
}

impl RunRecord {
    pub fn state(&self) -> RunState {
        RunState::replay(Arc::clone(&self.outline), &self.events)
    }

    pub fn summary(&self) -> RunSummary {
        RunSummary::of(&self.header, &self.state())
    }
}

#[derive(Clone, Debug, PartialEq, Error)]
pub enum ServiceError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("the input does not fit the workflow")]
    InvalidInput(Vec<FieldError>),
    #[error("the workflow has problems")]
    InvalidWorkflow(Vec<Diagnostic>),
    #[error("this Idempotency-Key was used for another start")]
    KeyReused,
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        ServiceError::Submit(SubmitError::Store(error))
    }
}

impl Service {
    /// `address` is where this server is, such as `http://127.0.0.1:3000`.
    pub fn new(driver: Arc<Driver>, store: Arc<Database>, address: &str) -> Self {
        Self {
            driver,
            store,
            address: address.into(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.driver.clock().now()
    }

    /// Lists and files, which need no decision.
    pub fn store(&self) -> &Database {
        &self.store
    }

    pub fn catalogue(&self) -> Catalogue {
        self.driver.catalogue()
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.driver.subscribe()
    }

    // ---- workflows

    pub async fn workflow(
        &self,
        slug_or_id: &str,
    ) -> Result<(WorkflowRow, Workflow), ServiceError> {
        let row = self
            .store
            .workflow(slug_or_id)
            .await?
            .ok_or(ServiceError::NotFound("workflow"))?;
        let definition = self
            .store
            .definition(&row.version_id)
            .await?
            .ok_or(ServiceError::NotFound("version"))?;
        Ok((row, definition))
    }

    /// Everything that is wrong with the document; nothing when it can be saved and run.
    pub fn problems(&self, workflow: &Workflow) -> Vec<Diagnostic> {
        compile(workflow, &self.catalogue())
            .err()
            .unwrap_or_default()
    }

    fn compiled(&self, workflow: &Workflow) -> Result<Arc<Outline>, ServiceError> {
        compile(workflow, &self.catalogue())
            .map(|plan| plan.outline)
            .map_err(ServiceError::InvalidWorkflow)
    }

    pub async fn create_workflow(
        &self,
        definition: Workflow,
        actor: &str,
    ) -> Result<WorkflowRow, ServiceError> {
        let outline = self.compiled(&definition)?;
        let slug = slug_of(&definition);
        let new = self.version(
            WorkflowId::new(self.driver.clock().new_id()),
            definition,
            outline,
            false,
            actor,
        );
        self.store.save_version(&new).await?;
        self.store
            .workflow(&slug)
            .await?
            .ok_or(ServiceError::NotFound("workflow"))
    }

    /// Puts a template in place: new, or as its next version when it has changed since.
    pub async fn seed_template(&self, definition: Workflow) -> Result<(), ServiceError> {
        let outline = self.compiled(&definition)?;
        let existing = self.store.workflow(&slug_of(&definition)).await?;
        let id = match &existing {
            Some(row) if !row.is_template => return Ok(()),
            Some(row) => row.id.clone(),
            None => WorkflowId::new(self.driver.clock().new_id()),
        };
        let new = self.version(id, definition, outline, true, "signalbox");
        if let Some(row) = existing
            && self.store.version_hash(&row.version_id).await?.as_ref() == Some(&new.hash)
        {
            return Ok(());
        }
        self.store.save_version(&new).await?;
        Ok(())
    }

    fn version(
        &self,
        workflow_id: WorkflowId,
        definition: Workflow,
        outline: Arc<Outline>,
        is_template: bool,
        actor: &str,
    ) -> NewVersion {
        let document = serde_json::to_value(&definition).unwrap_or_default();
        NewVersion {
            workflow_id,
            version_id: VersionId::new(self.driver.clock().new_id()),
            slug: slug_of(&definition),
            is_template,
            hash: content_hash(&document),
            definition,
            outline,
            created_by: actor.to_owned(),
            created_at: self.now(),
        }
    }

    pub async fn outline(&self, version_id: &VersionId) -> Result<Arc<Outline>, ServiceError> {
        Ok(self.driver.outline(version_id).await?)
    }

    /// The schema of the workflow's input, with this server's address where a default names it.
    pub fn inputs(&self, definition: &Workflow) -> Option<serde_json::Value> {
        let schema = definition.inputs.as_ref()?;
        Some(on_server(schema, &self.address))
    }

    // ---- runs

    /// Starts a run. When it answers, the run is on disk. With a key that was used before for the same request,
    /// it answers the run of then.
    pub async fn start(&self, new: NewRun) -> Result<RunId, ServiceError> {
        let (row, definition) = self.workflow(&new.workflow).await?;
        let schema = self.inputs(&definition);
        let input = with_defaults(schema.as_ref(), new.input);
        let problems = match &schema {
            Some(schema) => check_input(schema, &input),
            None => Vec::new(),
        };
        if !problems.is_empty() {
            return Err(ServiceError::InvalidInput(problems));
        }
        let request = serde_json::json!({ "workflow": row.id, "input": input, "actor": new.actor });
        let start_key = new.key.map(|key| StartKey {
            key,
            fingerprint: content_hash(&request),
        });
        let run_id = RunId::new(self.driver.clock().new_id());
        let header = RunHeader {
            run_id: run_id.clone(),
            workflow_id: row.id,
            version_id: row.version_id,
            workflow_slug: row.slug,
            workflow_name: row.name,
            version: row.version,
            created_at: self.now(),
        };
        match self.driver.start(header, input, new.actor, start_key).await {
            Ok(()) => Ok(run_id),
            Err(SubmitError::Store(StoreError::StartedBefore {
                run_id,
                same_request: true,
            })) => Ok(run_id),
            Err(SubmitError::Store(StoreError::StartedBefore { .. })) => {
                Err(ServiceError::KeyReused)
            }
            Err(SubmitError::Rejected(Rejection::InputTooLarge(why))) => {
                let message = format!("the input {why}");
                Err(ServiceError::InvalidInput(vec![FieldError {
                    field: String::new(),
                    message,
                }]))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub async fn run(&self, run_id: &RunId) -> Result<RunRecord, ServiceError> {
        let stored = self
            .store
            .load(run_id)
            .await?
            .ok_or(ServiceError::NotFound("run"))?;
        let outline = self.outline(&stored.header.version_id).await?;
        Ok(RunRecord {
            header: stored.header,
            outline,
            events: stored.events,
        })
    }

    pub async fn run_summary(&self, run_id: &RunId) -> Result<RunSummary, ServiceError> {
        self.store
            .run_summary(run_id)
            .await?
            .ok_or(ServiceError::NotFound("run"))
    }

    /// Returns when the run has ended, or after that time.
    pub async fn wait(
        &self,
        run_id: &RunId,
        at_most: Duration,
    ) -> Result<RunSummary, ServiceError> {
        let mut commits = self.subscribe();
        let summary = self.run_summary(run_id).await?;
        if summary.status.is_terminal() {
            return Ok(summary);
        }
        let ended = async {
            loop {
                match commits.recv().await {
                    Ok(turn) if turn.summary.header.run_id != *run_id => {}
                    Ok(turn) if turn.summary.status.is_terminal() => return,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        match self.run_summary(run_id).await {
                            Ok(summary) if !summary.status.is_terminal() => {}
                            Ok(_) | Err(_) => return,
                        }
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        };
        // Running out of time is an answer too: the run as it stands.
        let _ = tokio::time::timeout(at_most, ended).await;
        self.run_summary(run_id).await
    }

    pub async fn cancel(
        &self,
        run_id: &RunId,
        actor: &str,
        comment: String,
    ) -> Result<(), ServiceError> {
        let command = Command::Cancel {
            actor: actor.to_owned(),
            comment,
        };
        self.submit(run_id, command, "run").await
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
        step: &StepId,
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
        self.run_summary(run_id).await?;
        match self.driver.submit(run_id, command).await {
            Ok(()) => Ok(()),
            Err(SubmitError::NoSuchRun) => Err(ServiceError::NotFound(what)),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, ServiceError> {
        Ok(self.store.events(run_id, after, limit).await?)
    }

    // ---- life

    pub async fn recover(&self) -> Result<usize, StoreError> {
        self.driver.recover().await
    }

    pub async fn stop(&self) {
        // What tools of a process that has been replaced still say cannot be stored.
        if !self.store.is_lost() {
            self.driver.stop().await;
        }
        self.store.close().await;
    }
}
