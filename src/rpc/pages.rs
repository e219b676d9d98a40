//! What each page shows.

use leptos::prelude::*;

use super::codec::Told;
use super::error::PageError;
use super::views::{
    ActiveRunView, ApprovalsView, ArtifactCard, ArtifactView, HomeView, LogView, PairView, RunView,
};
use crate::engine::layout::Picture;
use crate::engine::sources::Source;

#[server(prefix = "/rpc", endpoint = "home", output = Told)]
pub async fn home() -> Result<HomeView, PageError> {
    super::respond(super::assemble::home(&super::service()?).await)
}

#[server(prefix = "/rpc", endpoint = "run", output = Told)]
pub async fn run(run_id: String) -> Result<RunView, PageError> {
    super::respond(super::assemble::run(&super::service()?, &run_id.as_str().into()).await)
}

/// Where the picture of a run's workflow has its steps; none of one with too many.
#[server(prefix = "/rpc", endpoint = "run_picture", output = Told)]
pub async fn run_picture(run_id: String) -> Result<Option<Picture>, PageError> {
    super::respond(super::assemble::run_picture(&super::service()?, &run_id.as_str().into()).await)
}

/// A run and another one of its workflow. `with`: which; empty for the one that it goes back to, else the one before it.
#[server(prefix = "/rpc", endpoint = "run_pair", output = Told)]
pub async fn run_pair(run_id: String, with: String) -> Result<PairView, PageError> {
    let (run_id, with) = (run_id.as_str().into(), with.as_str().into());
    super::respond(super::assemble::run_pair(&super::service()?, &run_id, &with).await)
}

/// The files that a run has left so far.
#[server(prefix = "/rpc", endpoint = "run_files", output = Told)]
pub async fn run_files(run_id: String) -> Result<Vec<ArtifactCard>, PageError> {
    super::respond(super::assemble::run_files(&super::service()?, &run_id.as_str().into()).await)
}

/// Where what goes into a step comes from.
#[server(prefix = "/rpc", endpoint = "step_sources", output = Told)]
pub async fn step_sources(run_id: String, step: String) -> Result<Vec<Source>, PageError> {
    let (run_id, step) = (run_id.as_str().into(), step.as_str().into());
    super::respond(super::assemble::step_sources(&super::service()?, &run_id, &step).await)
}

/// The last lines of a log behind `after` that had arrived by `until`, in microseconds; only those that say what is to be
/// found, unless that is nothing.
#[server(prefix = "/rpc", endpoint = "step_log", output = Told)]
pub async fn step_log(
    run_id: String,
    step: String,
    attempt: u32,
    after: u32,
    find: String,
    until: i64,
) -> Result<LogView, PageError> {
    let look = super::logs::look(&run_id, &step, attempt, after, find, until);
    super::respond(super::logs::view(&super::service()?, look).await)
}

/// The run that the task-list panel shows: one that waits for a person, else the newest that runs.
#[server(prefix = "/rpc", endpoint = "active_run", output = Told)]
pub async fn active_run() -> Result<Option<ActiveRunView>, PageError> {
    super::respond(super::assemble::active_run(&super::service()?).await)
}

/// How many questions wait for a person, over all runs.
#[server(prefix = "/rpc", endpoint = "waiting_count", output = Told)]
pub async fn waiting_count() -> Result<u32, PageError> {
    super::respond(super::assemble::waiting_count(&super::service()?).await)
}

#[server(prefix = "/rpc", endpoint = "approvals", output = Told)]
pub async fn approvals() -> Result<ApprovalsView, PageError> {
    super::respond(super::assemble::approvals(&super::service()?).await)
}

#[server(prefix = "/rpc", endpoint = "artifact", output = Told)]
pub async fn artifact(run_id: String, artifact_id: String) -> Result<ArtifactView, PageError> {
    let (run_id, artifact_id) = (run_id.as_str().into(), artifact_id.as_str().into());
    super::respond(super::assemble::artifact(&super::service()?, &run_id, &artifact_id).await)
}
