//! What the builder needs of the server: a draft to write on, where it is kept, and how it is published.

#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::DraftId;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Where a draft is kept, and which state of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub id: DraftId,
    pub revision: u32,
}

/// What the builder begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuilderView {
    /// The slug of the workflow that is to get another version; none for a new workflow.
    pub slug: Option<String>,
    /// None before anything has been written.
    pub kept: Option<Kept>,
    /// The version that it began as.
    pub based_on: Option<u32>,
    pub document: Workflow,
    pub catalogue: Catalogue,
    /// The workflows that a step may run: slug and name.
    pub workflows: Vec<(String, String)>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publication {
    Published {
        slug: String,
        version: u32,
    },
    /// It does not compile; it stays a draft.
    Refused {
        problems: Vec<Diagnostic>,
    },
    /// Another version has become current since the draft was begun; it stays a draft.
    Overtaken {
        current: u32,
    },
}

/// `slug` of a workflow, or `draft`, or neither for a new one.
#[server(prefix = "/rpc", endpoint = "builder", output = Told)]
pub async fn builder(
    slug: Option<String>,
    draft: Option<String>,
) -> Result<BuilderView, PageError> {
    super::respond(server::builder(&super::service()?, slug, draft).await)
}

/// Keeps what has been written. The first time (`kept` is absent) it begins the draft, of the workflow with this slug or of
/// a new one. 409 when somebody else, or another tab, has written meanwhile, or has published another version than the
/// one that the page began with (`based_on`).
#[server(prefix = "/rpc", endpoint = "keep_draft", input = Json, output = Told)]
pub async fn keep_draft(
    slug: Option<String>,
    based_on: Option<u32>,
    kept: Option<Kept>,
    document: Workflow,
) -> Result<Kept, PageError> {
    server::keep(&super::service()?, slug, based_on, kept, document).await
}

/// `over`: the version that it may replace although the draft was begun with an earlier one.
#[server(prefix = "/rpc", endpoint = "publish_draft", input = Json, output = Told)]
pub async fn publish_draft(
    kept: Kept,
    note: String,
    over: Option<u32>,
) -> Result<Publication, PageError> {
    server::publish(&super::service()?, kept, note, over).await
}

/// Throws the draft away.
#[server(prefix = "/rpc", endpoint = "discard_draft", input = Json, output = Told)]
pub async fn discard_draft(id: DraftId) -> Result<(), PageError> {
    super::service()?.delete_draft(&id).await?;
    Ok(())
}
