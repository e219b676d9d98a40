//! What the builder asks about a workflow that a step runs: which versions it has, and what they are given.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec::Told;
use super::error::PageError;

/// A workflow as its callers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalleeView {
    /// The number of its current version.
    pub latest: u32,
    /// JSON Schema of the input of the version that was asked for.
    pub inputs: Option<Value>,
}

/// `version`: the current one when absent.
#[server(prefix = "/rpc", endpoint = "callee", output = Told)]
pub async fn callee(slug: String, version: Option<u32>) -> Result<CalleeView, PageError> {
    let service = super::service()?;
    let (row, current) = service.workflow(&slug).await?;
    let definition = match version.filter(|version| *version != row.version) {
        Some(version) => service.version_of_workflow(&slug, version).await?.1,
        None => current,
    };
    Ok(CalleeView {
        latest: row.version,
        inputs: definition.inputs,
    })
}
