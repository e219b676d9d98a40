//! A run in one line, for lists and panels: derived from its state, stored as a projection, sent when it changes.

use serde::{Deserialize, Serialize};

use super::event::EndReason;
use super::ids::{ArtifactId, CapsuleId, RunId, StepPath, VersionId, WorkflowId};
use super::progress;
use super::state::{RunState, RunStatus};
use super::time::Timestamp;

/// What a run is a run of. Fixed when it is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    pub run_id: RunId,
    pub workflow_id: WorkflowId,
    pub version_id: VersionId,
    pub workflow_slug: String,
    pub workflow_name: String,
    /// The version's number, from 1.
    pub version: u32,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    #[serde(flatten)]
    pub header: RunHeader,
    /// Of the last event in it.
    pub seq: u32,
    pub status: RunStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// 0 to 100.
    pub percent: u8,
    pub steps_total: u32,
    /// Steps that have ended, however.
    pub steps_done: u32,
    pub steps_failed: u32,
    /// Steps that wait for a person.
    pub waiting_for_people: u32,
    /// The name of the step that matters most now: one that waits for a person, else one that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    pub started_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// A file that a run left behind, without its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactCard {
    pub id: ArtifactId,
    pub step_id: StepPath,
    pub name: String,
    pub media_type: String,
    pub bytes: u32,
    pub created_at: Timestamp,
}

/// A run that came in a file of its own and was found whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapsuleCard {
    pub id: CapsuleId,
    /// As it stood when it was exported.
    pub run: RunSummary,
    pub exported_at: Timestamp,
    pub exported_by: String,
    /// Of the key that the file is signed with, such as `SHA256:…`.
    pub signed_with: String,
    /// That key is the one of this server.
    pub is_own_key: bool,
    /// Of the file.
    pub bytes: u32,
    pub opened_at: Timestamp,
    pub opened_by: String,
}

impl RunSummary {
    pub fn of(header: &RunHeader, state: &RunState) -> Self {
        let counts = state.counts();
        Self {
            header: header.clone(),
            seq: state.seq,
            status: state.status(),
            reason: state
                .end
                .as_ref()
                .and_then(|end| end.reason)
                .map(EndReason::as_str)
                .map(str::to_owned),
            message: state.end.as_ref().and_then(|end| end.message.clone()),
            percent: progress::percent(state),
            steps_total: counts.total,
            steps_done: counts.done,
            steps_failed: counts.failed,
            waiting_for_people: u32::try_from(state.waiting_for_people().count())
                .unwrap_or(u32::MAX),
            current: state.current().map(|step| state.name(step).to_owned()),
            started_by: state.started_by.clone(),
            started_at: state.started_at,
            finished_at: state.finished_at,
        }
    }
}
