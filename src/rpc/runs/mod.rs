//! The list of runs on its page, the filters that have a name, and what is done with several runs at once.

#[cfg(feature = "ssr")]
mod server;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::codec::Told;
use super::error::PageError;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunsView {
    /// Newest first.
    pub items: Vec<RunSummary>,
    /// What asks for the page of newer ones; none when there are none.
    pub newer: Option<String>,
    /// What asks for the page of older ones; none when there are none.
    pub older: Option<String>,
    /// How many are newer than the first of these; none when they are too many to count.
    pub before: Option<u32>,
    pub all: Count,
    pub now: Timestamp,
}

/// How many there are, as far as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub runs: u32,
    /// There are more.
    pub and_more: bool,
}

/// What the list can be narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// Slug and name of workflows, by name.
    pub workflows: Vec<(String, String)>,
    pub tags: Vec<String>,
}

/// `query`: that of the page's address.
#[server(prefix = "/rpc", endpoint = "runs", output = Told)]
pub async fn runs(query: String) -> Result<RunsView, PageError> {
    super::respond(server::runs(&super::service()?, &query).await)
}

#[server(prefix = "/rpc", endpoint = "run_choices", output = Told)]
pub async fn run_choices() -> Result<Choices, PageError> {
    server::choices(&super::service()?).await
}
