//! The list of runs on its page, the filters that have a name, and what is done with several runs at once.

#[cfg(feature = "ssr")]
mod bulk;
#[cfg(feature = "ssr")]
mod filters;
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
    /// What asks for the page of newer ones, nothing for the first page; none when there are none.
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

/// A filter that somebody has given a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFilter {
    pub name: String,
    /// Of the address of the list, without a `?`.
    pub query: String,
}

/// By name.
#[server(prefix = "/rpc", endpoint = "saved_filters", output = Told)]
pub async fn saved_filters() -> Result<Vec<SavedFilter>, PageError> {
    filters::saved(&super::service()?).await
}

/// Keeps what the list of that query shows under a name. A plain form, scripted or not: it leads back to the list, whose
/// address says what came of it (`told`).
#[server(prefix = "/rpc", endpoint = "save_filter", output = Told)]
pub async fn save_filter(name: String, query: String) -> Result<(), PageError> {
    filters::save(&super::service()?, &name, &query).await;
    Ok(())
}

/// `act`: `rename` or `remove`. `to`: its other name. A plain form, like `save_filter`.
#[server(prefix = "/rpc", endpoint = "change_filter", output = Told)]
pub async fn change_filter(
    name: String,
    act: String,
    to: String,
    query: String,
) -> Result<(), PageError> {
    filters::change(&super::service()?, &name, &act, &to, &query).await;
    Ok(())
}

/// What is done with several runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkAct {
    Cancel,
    Retry,
}

/// What would be done with several runs, or what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkView {
    pub act: BulkAct,
    /// It has been done.
    pub is_done: bool,
    /// In the order in which they were chosen.
    pub items: Vec<BulkItem>,
    /// Runs that were chosen and are there no more.
    pub gone: u32,
    /// How many it would be done with.
    pub ready: u32,
    /// Those, each with the number of its last event, as `act_on_runs` takes them.
    pub runs: String,
    /// Of the address of the list that they were chosen from.
    pub back: String,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkItem {
    pub run: RunSummary,
    /// What would be done with it and why not, or what came of it: a sentence.
    pub says: String,
    /// Nothing would be done with it, or was.
    pub is_refused: bool,
}

/// `query`: that of the page's address: `act`, a `run` for each, `back`, and afterwards what `came` of each.
#[server(prefix = "/rpc", endpoint = "bulk", output = Told)]
pub async fn bulk(query: String) -> Result<BulkView, PageError> {
    super::respond(bulk::view(&super::service()?, &query).await)
}

/// `act`: `cancel` or `retry`. `runs`: ids, each with a colon and the number of the last event that was known of it. A plain
/// form: it leads to the page that says what came of each. Done twice it does no harm: what has ended is not cancelled,
/// and what has gone on since it was shown is not retried.
#[server(prefix = "/rpc", endpoint = "act_on_runs", output = Told)]
pub async fn act_on_runs(
    act: String,
    runs: String,
    comment: String,
    back: String,
) -> Result<(), PageError> {
    let act = super::read_word(&act, "act", "cancel or retry")?;
    bulk::act(&super::service()?, act, &runs, &comment, &back).await
}
