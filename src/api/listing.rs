//! The list of runs, narrowed: the fields of its query are those of the page that shows it.

use axum::extract::{RawQuery, State};

use super::problem::Problem;
use super::{Json, Page, page_items};
use crate::driver::service::{Service, ServiceError, cursor};
use crate::engine::limits::LISTING_QUERY_BYTES_MAX;
use crate::engine::listing::{Asked, pairs};
use crate::engine::summary::RunSummary;

/// What a query asks for, with the number of items on a page.
struct Query {
    asked: Asked,
    limit: u32,
}

/// Newest first.
pub(super) async fn list(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<RunSummary>>, Problem> {
    let Query { asked, limit } = read(&query.unwrap_or_default())?;
    let search = service.run_search(&asked).await;
    let search = search.map_err(as_named_here)?;
    let page = service.runs_page(&search, limit).await?;
    let last = page.items.last().filter(|_| page.has_older);
    let next = last.map(|last| cursor(last).to_string());
    let items = page.items;
    Ok(Json(Page { items, next }))
}

fn read(query: &str) -> Result<Query, Problem> {
    if query.len() > LISTING_QUERY_BYTES_MAX {
        let detail = format!("The query is longer than {LISTING_QUERY_BYTES_MAX} bytes.");
        return Err(Problem::bad_request(detail));
    }
    let (mut asked, mut limit) = (Asked::default(), None);
    for (name, text) in pairs(query) {
        match name.as_str() {
            "limit" => {
                let number = text.parse::<u32>().map_err(|_| {
                    Problem::bad_request(format!("`limit` is `{text}`; it takes a number."))
                })?;
                limit = Some(number);
            }
            "cursor" => asked.older = text,
            // Which page it is, a program says by `cursor`.
            "older" | "newer" => return Err(unknown(&name)),
            _ => {
                if !asked.take(&name, text) {
                    return Err(unknown(&name));
                }
            }
        }
    }
    let limit = page_items(limit)?;
    Ok(Query { asked, limit })
}

/// A place in the list is a `cursor` here.
fn as_named_here(error: ServiceError) -> ServiceError {
    let ServiceError::InvalidFilter(mut errors) = error else {
        return error;
    };
    for error in &mut errors {
        if error.field == "older" {
            "cursor".clone_into(&mut error.field);
        }
    }
    ServiceError::InvalidFilter(errors)
}

fn unknown(name: &str) -> Problem {
    Problem::bad_request(format!(
        "There is no field `{name}`; there are status, workflow, version, tag, started_by, q, from, until, cursor and limit."
    ))
}
