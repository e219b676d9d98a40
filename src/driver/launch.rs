//! Starting runs: for people, for programs, and for steps of other runs.

use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::oneshot;

use super::run_task::{self, Envelope, Origin as Loading};
use super::{Driver, SubmitError};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::Origin;
use crate::engine::ids::{RunId, StepPath, content_hash};
use crate::engine::input::{FieldError, with_defaults};
use crate::engine::summary::RunHeader;
use crate::store::{StartKey, StoreError, VersionCard};

/// A start, as asked for.
pub struct Launch {
    pub version: VersionCard,
    pub input: serde_json::Value,
    pub actor: String,
    /// `Idempotency-Key`: the same key again gives the same run.
    pub key: Option<String>,
    pub origin: Option<Origin>,
    /// Outputs of steps that are not to be done again.
    pub kept: BTreeMap<StepPath, serde_json::Value>,
    /// Under which id; a new one when absent.
    pub run_id: Option<RunId>,
}

#[derive(Clone, Debug, PartialEq, Error)]
pub enum LaunchError {
    #[error("the input does not fit the workflow")]
    InvalidInput(Vec<FieldError>),
    #[error("this Idempotency-Key was used for another start")]
    KeyReused,
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<StoreError> for LaunchError {
    fn from(error: StoreError) -> Self {
        LaunchError::Submit(error.into())
    }
}

impl Driver {
    /// Starts a run. When it answers, the run is on disk. With a key that was used before for the same request, it
    /// answers the run of then.
    pub async fn launch(self: &Arc<Self>, launch: Launch) -> Result<RunId, LaunchError> {
        self.launch_as(launch, None).await
    }

    /// `fingerprint`: what makes two starts with one key the same request; the workflow, input and actor when absent.
    pub(super) async fn launch_as(
        self: &Arc<Self>,
        launch: Launch,
        fingerprint: Option<String>,
    ) -> Result<RunId, LaunchError> {
        let Launch { version, actor, .. } = launch;
        let ready = self
            .plans
            .version(&*self.store, &version.version_id)
            .await?;
        let (input, problems) = match &ready.inputs {
            Some(schema) => {
                let input = schema.with_defaults(launch.input);
                let problems = schema.problems(&input);
                (input, problems)
            }
            None => (with_defaults(None, launch.input), Vec::new()),
        };
        if !problems.is_empty() {
            return Err(LaunchError::InvalidInput(problems));
        }
        let start_key = launch.key.map(|key| StartKey {
            key,
            fingerprint: fingerprint.unwrap_or_else(|| {
                let workflow = &version.workflow_id;
                content_hash(&json!({ "workflow": workflow, "input": input, "actor": actor }))
            }),
        });
        let run_id = launch
            .run_id
            .unwrap_or_else(|| RunId::new(self.clock.new_id()));
        let header = RunHeader {
            run_id: run_id.clone(),
            workflow_id: version.workflow_id,
            version_id: version.version_id,
            workflow_slug: version.slug,
            workflow_name: version.name,
            version: version.number,
            created_at: self.clock.now(),
        };
        let command = Command::Start {
            input,
            actor,
            origin: launch.origin,
            kept: launch.kept,
        };
        match self.start(header, command, start_key).await {
            Ok(()) => Ok(run_id),
            Err(SubmitError::Store(StoreError::StartedBefore {
                run_id,
                same_request: true,
            })) => Ok(run_id),
            Err(SubmitError::Store(StoreError::StartedBefore { .. })) => {
                Err(LaunchError::KeyReused)
            }
            Err(SubmitError::Rejected(Rejection::InputTooLarge(why))) => {
                Err(LaunchError::InvalidInput(vec![FieldError {
                    field: String::new(),
                    message: format!("the input {why}"),
                }]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Starts a new run. When it answers `Ok` the run is on disk.
    pub(super) async fn start(
        self: &Arc<Self>,
        header: RunHeader,
        command: Command,
        start_key: Option<StartKey>,
    ) -> Result<(), SubmitError> {
        let plan = self.plan(&header.version_id).await?;
        let run_id = header.run_id.clone();
        let loading = Loading::New {
            header,
            plan,
            start_key,
        };
        // A start that is made again, after a doubt, finds the owner of the first one still asking the log.
        let owner = self
            .runs()
            .entry(run_id.clone())
            .or_insert_with(|| run_task::spawn(self, run_id, loading))
            .clone();
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope {
            command,
            reply: Some(reply),
        };
        owner
            .send(envelope)
            .await
            .map_err(|_| SubmitError::Stopping)?;
        answer.await.map_err(|_| SubmitError::Stopping)?
    }
}
