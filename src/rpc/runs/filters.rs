//! Filters with names, as plain forms change them: each leads back to the list, and its address says what came of it.

use super::SavedFilter;
use crate::driver::service::{Service, ServiceError};
use crate::engine::listing::Asked;
use crate::rpc::LOCAL_ACTOR;
use crate::rpc::error::PageError;

pub(super) async fn saved(service: &Service) -> Result<Vec<SavedFilter>, PageError> {
    let filters = service.saved_filters().await?.into_iter();
    let saved = filters.map(|row| SavedFilter {
        name: row.name,
        query: row.query,
    });
    Ok(saved.collect())
}

pub(super) async fn save(service: &Service, name: &str, query: &str) {
    let asked = Asked::of_query(query);
    let saved = service.save_filter(name, &asked, LOCAL_ACTOR).await;
    lead_back(query, told("saved", saved.map(|_| ())));
}

pub(super) async fn change(service: &Service, name: &str, act: &str, to: &str, query: &str) {
    let told = match act {
        "remove" => told("removed", service.remove_filter(name).await),
        "rename" => told(
            "renamed",
            service.rename_filter(name, to, LOCAL_ACTOR).await,
        ),
        _ => "failed",
    };
    lead_back(query, told);
}

/// The word by which the page says it.
fn told(done: &'static str, outcome: Result<(), ServiceError>) -> &'static str {
    match outcome {
        Ok(()) => done,
        Err(ServiceError::InvalidFilter(errors)) => {
            match errors.iter().any(|error| error.field == "name") {
                true => "name",
                false => "filter",
            }
        }
        Err(ServiceError::TooManyFilters) => "full",
        Err(ServiceError::FilterNameTaken(_)) => "taken",
        Err(ServiceError::NotFound(_)) => "gone",
        Err(error) => {
            tracing::error!(%error, "a filter could not be changed");
            "failed"
        }
    }
}

/// Written anew, so that nobody is led anywhere else.
fn lead_back(query: &str, told: &str) {
    let query = Asked::of_query(query).query();
    let and = if query.is_empty() { "" } else { "&" };
    leptos_axum::redirect(&format!("/runs?{query}{and}told={told}"));
}
