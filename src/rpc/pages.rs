//! What each page shows.

use leptos::prelude::*;

use super::error::PageError;
use super::views::*;

#[server(prefix = "/rpc", endpoint = "home")]
pub async fn home() -> Result<HomeView, PageError> {
    Err(PageError::not_found("page"))
}

#[server(prefix = "/rpc", endpoint = "workflows")]
pub async fn workflows() -> Result<Vec<WorkflowCard>, PageError> {
    Err(PageError::not_found("page"))
}

#[server(prefix = "/rpc", endpoint = "workflow")]
pub async fn workflow(slug: String) -> Result<WorkflowView, PageError> {
    let _ = slug;
    Err(PageError::not_found("workflow"))
}

/// `status`: empty for all, else a run state.
#[server(prefix = "/rpc", endpoint = "runs")]
pub async fn runs(status: String, cursor: Option<String>) -> Result<RunsView, PageError> {
    let _ = (status, cursor);
    Err(PageError::not_found("page"))
}

#[server(prefix = "/rpc", endpoint = "run")]
pub async fn run(run_id: String) -> Result<RunView, PageError> {
    let _ = run_id;
    Err(PageError::not_found("run"))
}

/// The run that the task-list panel shows: one that waits for a person, else the newest that runs.
#[server(prefix = "/rpc", endpoint = "active_run")]
pub async fn active_run() -> Result<Option<RunView>, PageError> {
    Ok(None)
}

#[server(prefix = "/rpc", endpoint = "approvals")]
pub async fn approvals() -> Result<ApprovalsView, PageError> {
    Err(PageError::not_found("page"))
}

#[server(prefix = "/rpc", endpoint = "artifact")]
pub async fn artifact(run_id: String, artifact_id: String) -> Result<ArtifactView, PageError> {
    let _ = (run_id, artifact_id);
    Err(PageError::not_found("file"))
}
