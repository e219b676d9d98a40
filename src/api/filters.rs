//! Filters of the list of runs that have a name.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path};
use crate::driver::service::{Service, ServiceError};
use crate::engine::input::FieldError;
use crate::engine::limits::LISTING_QUERY_BYTES_MAX;
use crate::engine::listing::{Asked, pairs};
use crate::engine::time::Timestamp;
use crate::store::FilterRow;

#[derive(Serialize)]
pub(super) struct FilterItem {
    name: String,
    /// As `GET /api/v1/runs` takes it.
    query: String,
    changed_at: Timestamp,
    changed_by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterBody {
    /// As `GET /api/v1/runs` takes it, but for the page. What there is when absent.
    query: Option<String>,
    /// Another name.
    name: Option<String>,
}

/// By name. They are few, so all of them.
pub(super) async fn list(
    State(service): State<Service>,
) -> Result<Json<Page<FilterItem>>, Problem> {
    let filters = service.saved_filters().await?.into_iter();
    Ok(Json(Page {
        items: filters.map(FilterItem::from).collect(),
        next: None,
    }))
}

pub(super) async fn get(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Result<Json<FilterItem>, Problem> {
    Ok(Json(of_name(&service, &name).await?.into()))
}

/// Keeps a query under the name, or gives the filter another name. A query that is kept twice is as if it had been kept once.
pub(super) async fn save(
    State(service): State<Service>,
    Path(name): Path<String>,
    Json(body): Json<FilterBody>,
) -> Result<Response, Problem> {
    if body.query.is_some() == body.name.is_some() {
        let detail = "Send either `query`, what the filter is to find, or `name`, its new name.";
        return Err(Problem::bad_request(detail));
    }
    let mut is_new = false;
    if let Some(query) = &body.query {
        let asked = read(query)?;
        (_, is_new) = service.save_filter(&name, &asked, LOCAL_ACTOR).await?;
    }
    let mut name = name.trim().to_owned();
    if let Some(to) = body.name.filter(|to| *to != name) {
        service.rename_filter(&name, &to, LOCAL_ACTOR).await?;
        to.trim().clone_into(&mut name);
    }
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let item = FilterItem::from(of_name(&service, &name).await?);
    Ok((status, Json(item)).into_response())
}

pub(super) async fn remove(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    service.remove_filter(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn of_name(service: &Service, name: &str) -> Result<FilterRow, ServiceError> {
    let mut filters = service.saved_filters().await?.into_iter();
    let found = filters.find(|filter| filter.name == name);
    found.ok_or(ServiceError::NotFound("filter"))
}

/// Everything in it has to be a field of the list.
fn read(query: &str) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    let refuse = |message: String| {
        let field = "query".to_owned();
        ServiceError::InvalidFilter(vec![FieldError { field, message }])
    };
    if query.len() > LISTING_QUERY_BYTES_MAX {
        let message = format!("has at most {LISTING_QUERY_BYTES_MAX} bytes");
        return Err(refuse(message).into());
    }
    for (name, text) in pairs(query) {
        let is_page = matches!(name.as_str(), "older" | "newer");
        if is_page || !asked.take(&name, text) {
            return Err(refuse(format!(
                "has a field `{name}`, which the list of runs has not"
            ))
            .into());
        }
    }
    Ok(asked)
}

impl From<FilterRow> for FilterItem {
    fn from(row: FilterRow) -> Self {
        Self {
            name: row.name,
            query: row.query,
            changed_at: row.changed_at,
            changed_by: row.changed_by,
        }
    }
}
