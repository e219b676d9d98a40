//! What can be asked of Signalbox from outside: the one service that the API and the pages call. It knows workflows
//! and runs by their names, checks inputs, and passes commands to the driver.

mod authoring;
mod capsules;
mod card;
mod drafts;
mod exchange;
mod listing;
mod logs;
mod messages;
mod runs;
mod triggers;
mod versions;
mod workflows;

pub use authoring::AuthoringError;
pub use capsules::{CAPSULE_BYTES_MAX, CapsuleError, Exported};
pub use card::RunCard;
pub use drafts::{Beginning, Begun, Published};
pub use exchange::{ImportOutcome, ImportProblem, Imported, Incoming, Pins};
pub use listing::{COUNTED_RUNS_MAX, Counted, RunsPage, cursor};
pub use logs::StepLog;
pub use messages::{Message, MessageError, Received};
pub use runs::NewRun;
pub use triggers::{NewTrigger, TriggerChange};
pub use versions::{Edit, Saved};

use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use super::launch::LaunchError;
use super::retention::{Retention, keep_sweeping};
use super::triggers::Triggers;
use super::{Committed, Driver, RunNews, SubmitError};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::Recorded;
use crate::engine::fork::ForkError;
use crate::engine::ids::{RunId, StepPath, VersionId};
use crate::engine::input::{FieldError, on_server};
use crate::engine::large::lean;
use crate::engine::plan::Outline;
use crate::engine::sources::{Source, sources};
use crate::engine::state::RunState;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::tasks::TaskList;
use crate::engine::time::Timestamp;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;
use crate::store::{Database, Store, StoreError};

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
    #[error("the filter cannot be read")]
    InvalidFilter(Vec<FieldError>),
    #[error("there are as many saved filters as there may be")]
    TooManyFilters,
    #[error("there is a filter of the name `{0}` already")]
    FilterNameTaken(String),
    #[error("the workflow has problems")]
    InvalidWorkflow(Vec<Diagnostic>),
    #[error("nothing was imported, for there are problems")]
    NotImported(Vec<ImportProblem>),
    #[error(transparent)]
    Authoring(#[from] AuthoringError),
    #[error(transparent)]
    NotForked(#[from] ForkError),
    #[error(transparent)]
    Capsule(#[from] CapsuleError),
    #[error("this Idempotency-Key was used for another start")]
    KeyReused,
    #[error("lines are missing before these: {received} have arrived")]
    LogAhead { received: u32 },
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

    /// Where this server is, such as `http://127.0.0.1:3000`.
    pub fn address(&self) -> &str {
        self.driver.address()
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

    pub async fn outline(&self, version_id: &VersionId) -> Result<Arc<Outline>, ServiceError> {
        Ok(self.driver.outline(version_id).await?)
    }

    /// Where what goes into the step comes from, as that version of its workflow says it.
    pub async fn sources(
        &self,
        version_id: &VersionId,
        step: &StepPath,
    ) -> Result<Vec<Source>, ServiceError> {
        let plan = self.driver.plan(version_id).await?;
        let step = plan.outline.shape_of(step);
        Ok(sources(&plan, step.ok_or(ServiceError::NotFound("step"))?))
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

    /// The run's own steps around the one that matters now.
    pub async fn task_list(&self, summary: &RunSummary) -> Result<Arc<TaskList>, ServiceError> {
        let list = self.driver.task_list(summary).await?;
        list.ok_or(ServiceError::NotFound("run"))
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
