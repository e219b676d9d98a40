//! What can be asked of Signalbox from outside: the one service that the API and the pages call. It knows workflows
//! and runs by their names, checks inputs, and passes commands to the driver.

mod card;
mod messages;
mod runs;
mod triggers;

pub use card::RunCard;
pub use messages::{Message, MessageError, Received};
pub use runs::NewRun;
pub use triggers::{NewTrigger, TriggerChange};

use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use super::launch::LaunchError;
use super::retention::{Retention, keep_sweeping};
use super::triggers::Triggers;
use super::{Committed, Driver, RunNews, SubmitError};
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::Recorded;
use crate::engine::fork::ForkError;
use crate::engine::ids::{RunId, VersionId, WorkflowId, content_hash};
use crate::engine::input::{FieldError, on_server};
use crate::engine::large::lean;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::{Step, StepKind, Workflow, slug_of};
use crate::store::{Database, NewVersion, WorkflowRow};
use crate::store::{Store, StoreError};

/// Cheap to clone.
#[derive(Clone)]
pub struct Service {
    driver: Arc<Driver>,
    store: Arc<Database>,
    triggers: Arc<Triggers>,
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
    #[error("the trigger cannot be kept like this")]
    InvalidTrigger(Vec<FieldError>),
    #[error("the workflow has problems")]
    InvalidWorkflow(Vec<Diagnostic>),
    #[error(transparent)]
    NotForked(#[from] ForkError),
    #[error("this Idempotency-Key was used for another start")]
    KeyReused,
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<LaunchError> for ServiceError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::InvalidInput(problems) => ServiceError::InvalidInput(problems),
            LaunchError::KeyReused => ServiceError::KeyReused,
            LaunchError::Submit(error) => ServiceError::Submit(error),
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        ServiceError::Submit(SubmitError::Store(error))
    }
}

impl Service {
    pub fn new(driver: Arc<Driver>, store: Arc<Database>) -> Self {
        let triggers = Triggers::new(Arc::clone(&driver), store.clone());
        Self {
            driver,
            store,
            triggers,
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

    pub fn follow(&self, run_id: &RunId) -> RunNews {
        self.driver.follow(run_id)
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
        let id = WorkflowId::new(self.driver.clock().new_id());
        self.save(id, definition, 1, actor).await
    }

    /// Adds the next version to a workflow. Runs that are under way stay with theirs. Saving the same document twice
    /// adds nothing.
    pub async fn add_version(
        &self,
        slug_or_id: &str,
        definition: Workflow,
        actor: &str,
    ) -> Result<WorkflowRow, ServiceError> {
        let (row, _) = self.workflow(slug_or_id).await?;
        let definition = Workflow {
            slug: Some(row.slug.clone()),
            ..definition
        };
        let document = serde_json::to_value(&definition).unwrap_or_default();
        let unchanged = content_hash(&document);
        if self.store.version_hash(&row.version_id).await?.as_ref() == Some(&unchanged) {
            return Ok(row);
        }
        self.save(row.id, definition, row.version + 1, actor).await
    }

    async fn save(
        &self,
        id: WorkflowId,
        mut definition: Workflow,
        number: u32,
        actor: &str,
    ) -> Result<WorkflowRow, ServiceError> {
        self.compiled(&definition)?;
        self.pin_versions(&mut definition, number).await?;
        let outline = self.compiled(&definition)?;
        let slug = slug_of(&definition);
        let new = self.version(id, definition, outline, false, actor);
        self.store.save_version(&new).await?;
        self.store
            .workflow(&slug)
            .await?
            .ok_or(ServiceError::NotFound("workflow"))
    }

    /// Workflows that it runs as steps stay at the version they have now. `number` is the version being saved: it may
    /// call itself.
    async fn pin_versions(
        &self,
        definition: &mut Workflow,
        number: u32,
    ) -> Result<(), ServiceError> {
        let own = slug_of(definition);
        let mut missing = Vec::new();
        for step in subworkflows(&mut definition.steps) {
            let Some(slug) = step.workflow.clone() else {
                continue;
            };
            if slug == own && step.version.is_none_or(|version| version == number) {
                step.version = Some(number);
                continue;
            }
            match self.store.find_version(&slug, step.version).await? {
                Some(found) => step.version = Some(found.number),
                None => missing.push(
                    Diagnostic::new(
                        "unknown_workflow",
                        match step.version {
                            Some(version) => format!("There is no version {version} of `{slug}`."),
                            None => format!("There is no workflow `{slug}`."),
                        },
                    )
                    .step(&step.id)
                    .field("workflow"),
                ),
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::InvalidWorkflow(missing))
        }
    }

    /// Puts a template in place: new, or as its next version when it has changed since.
    pub async fn seed_template(&self, mut definition: Workflow) -> Result<(), ServiceError> {
        let existing = self.store.workflow(&slug_of(&definition)).await?;
        let number = existing.as_ref().map_or(1, |row| row.version + 1);
        self.pin_versions(&mut definition, number).await?;
        let outline = self.compiled(&definition)?;
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
        Some(on_server(schema, self.driver.address()))
    }

    // ---- reading runs

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
        self.wait_until(run_id, Instant::now() + at_most).await
    }

    async fn wait_until(&self, run_id: &RunId, until: Instant) -> Result<RunSummary, ServiceError> {
        // Listen first, read second: what ends in between is heard.
        let mut news = self.driver.follow(run_id);
        let summary = self.run_summary(run_id).await?;
        if summary.status.is_terminal() {
            return Ok(summary);
        }
        let ended = async {
            loop {
                match news.recv().await {
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
        let _ = timeout_at(until, ended).await;
        self.run_summary(run_id).await
    }

    /// As those get them who watch: with stand-ins for large values.
    pub async fn lean_events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, ServiceError> {
        let events = self.events(run_id, after, limit).await?.into_iter();
        Ok(events.map(|event| lean(run_id, event)).collect())
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

    /// Lets go of ended runs, for ever.
    pub fn keep_sweeping(&self, retention: Retention) -> impl Future<Output = ()> + use<> {
        keep_sweeping(
            Arc::clone(&self.store),
            self.driver.clock_shared(),
            retention,
        )
    }

    pub async fn recover(&self) -> Result<usize, StoreError> {
        let taken_up = self.driver.recover().await?;
        self.triggers.start();
        Ok(taken_up)
    }

    pub async fn stop(&self) {
        self.triggers.stop().await;
        // What tools of a process that has been replaced still say cannot be stored.
        if !self.store.is_lost() {
            self.driver.stop().await;
        }
        self.store.close().await;
    }
}

/// The steps that run other workflows, over all bodies.
fn subworkflows(steps: &mut [Step]) -> Vec<&mut Step> {
    let mut found = Vec::new();
    let mut open: Vec<&mut Step> = steps.iter_mut().collect();
    while let Some(step) = open.pop() {
        match step.kind {
            StepKind::Subworkflow => found.push(step),
            StepKind::Map | StepKind::Loop => {
                open.extend(step.body.iter_mut().flat_map(|body| &mut body.steps));
            }
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::External => {}
        }
    }
    found
}
