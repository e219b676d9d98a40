//! The versions of a workflow: what each says of itself, two of them side by side, and the runs that a draft is tried on.

#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use crate::engine::compare::Comparison;
use crate::engine::rehearse::Taken;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionsView {
    pub slug: String,
    pub name: String,
    /// Newest first; at most some hundreds.
    pub versions: Vec<VersionCard>,
    /// The two that are set side by side; none of a workflow with a single version.
    pub pair: Option<VersionPair>,
    /// Not one that comes with the product, nor one that has been deleted.
    pub can_change: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionCard {
    pub number: u32,
    /// Why it was made; may be empty.
    pub note: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub is_current: bool,
    /// Runs of it that have not ended.
    pub open_runs: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionPair {
    pub old: u32,
    pub new: u32,
    pub comparison: Comparison,
}

/// What a draft is tried on before it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRunsView {
    /// The version that the draft would replace.
    pub current: Workflow,
    /// The last ones, newest first.
    pub runs: Vec<Taken>,
    /// Runs among the last ones whose logs are too large to be sent.
    pub left_out: u32,
    /// The versions that have runs under way.
    pub open: Vec<OpenRuns>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRuns {
    pub version: u32,
    pub runs: u32,
}

/// `old` and `new` are numbers of versions; when absent, the current one and the one before it.
#[server(prefix = "/rpc", endpoint = "versions", output = Told)]
pub async fn versions(
    slug: String,
    old: Option<u32>,
    new: Option<u32>,
) -> Result<VersionsView, PageError> {
    super::respond(server::versions(&super::service()?, &slug, old, new).await)
}

#[server(prefix = "/rpc", endpoint = "past_runs", output = Told)]
pub async fn past_runs(slug: String) -> Result<PastRunsView, PageError> {
    server::past_runs(&super::service()?, &slug).await
}

/// Makes a new version with the document of an old one.
#[server(prefix = "/rpc", endpoint = "restore_version", output = Told)]
pub async fn restore_version(slug: String, number: u32) -> Result<(), PageError> {
    server::restore(&super::service()?, &slug, number).await
}
