//! `/api/v1`: what programs talk to. Thin: reads the request, calls the service, shapes the answer.

mod acts;
mod capsules;
mod document;
mod drafts;
mod events;
mod exchange;
mod filters;
mod gates;
mod hooks;
mod listing;
mod live;
mod logs;
pub mod problem;
mod runs;
mod triggers;
mod versions;
mod workflows;

use axum::Router;
use axum::extract::{FromRef, FromRequest, FromRequestParts};
use axum::routing::{get, post};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::driver::service::Service;
pub use capsules::upload_routes;
pub use exchange::WORKFLOW_SCHEMA;
pub use live::Digest;
use problem::Problem;

/// Who commands are recorded for until people can sign in.
pub const LOCAL_ACTOR: &str = "local";
/// Items on one page of a list unless `limit` says otherwise.
const PAGE_ITEMS: u32 = 50;
/// Items on one page at the most.
const PAGE_ITEMS_MAX: u32 = 200;

/// What the handlers reach.
#[derive(Clone)]
pub struct ApiState {
    pub service: Service,
    pub digest: Digest,
    /// Cancelled when the server stops: streams end then.
    pub stopping: CancellationToken,
}

impl FromRef<ApiState> for Service {
    fn from_ref(state: &ApiState) -> Self {
        state.service.clone()
    }
}

/// The routes, below `/api/v1`.
pub fn routes<S>(state: ApiState) -> Router<S> {
    Router::new()
        .route("/workflows", get(workflows::list).post(workflows::create))
        .route("/workflows/validate", post(workflows::validate))
        .route("/workflows/import", post(exchange::import))
        .route("/schemas/workflow.json", get(exchange::schema))
        .route(
            "/workflows/{slug}",
            get(workflows::get).delete(workflows::delete),
        )
        .route("/workflows/{slug}/undelete", post(workflows::undelete))
        .route("/workflows/{slug}/duplicate", post(workflows::duplicate))
        .route(
            "/workflows/{slug}/template",
            post(workflows::save_as_template).delete(workflows::withdraw_template),
        )
        .route("/workflows/{slug}/export", get(exchange::export))
        .route(
            "/workflows/{slug}/versions",
            get(versions::list).post(versions::add),
        )
        .route("/workflows/{slug}/versions/{number}", get(versions::get))
        .route(
            "/workflows/{slug}/versions/{number}/restore",
            post(versions::restore),
        )
        .route("/drafts", get(drafts::list).post(drafts::begin))
        .route(
            "/drafts/{id}",
            get(drafts::get).put(drafts::save).delete(drafts::delete),
        )
        .route("/drafts/{id}/publish", post(drafts::publish))
        .route(
            "/workflows/{slug}/triggers",
            get(triggers::list).post(triggers::create),
        )
        .route(
            "/triggers/{id}",
            get(triggers::get)
                .patch(triggers::change)
                .delete(triggers::delete),
        )
        .route("/triggers/{id}/fire", post(triggers::fire))
        .route("/triggers/{id}/rotate", post(triggers::rotate))
        .route("/tools", get(workflows::tools))
        .route("/runs", get(listing::list).post(runs::start))
        .route("/filters", get(filters::list))
        .route(
            "/filters/{name}",
            get(filters::get).put(filters::save).delete(filters::remove),
        )
        .route("/runs/{id}", get(runs::get))
        .route("/runs/{id}/steps", get(runs::steps))
        .route("/runs/{id}/cancel", post(acts::cancel))
        .route("/runs/{id}/pause", post(acts::pause))
        .route("/runs/{id}/resume", post(acts::resume))
        .route("/runs/{id}/retry", post(acts::retry))
        .route("/runs/{id}/again", post(acts::again))
        .route("/runs/{id}/fork", post(acts::fork))
        .route("/runs/{id}/steps/{step}/skip", post(acts::skip))
        .route("/runs/{id}/steps/{step}/result", post(acts::result))
        .route("/runs/{id}/steps/{step}/progress", post(acts::progress))
        .route(
            "/runs/{id}/steps/{step}/logs",
            get(logs::read).post(logs::write),
        )
        .route("/runs/{id}/steps/{step}/logs.txt", get(logs::text))
        .route(
            "/runs/{id}/steps/{step}/outcome",
            post(acts::resolve_outcome),
        )
        .route("/runs/{id}/events", get(events::events))
        .route("/runs/{id}/events/{seq}/value", get(events::value))
        .route("/runs/{id}/capsule", get(capsules::export))
        .route("/runs/{id}/artifacts", get(runs::artifacts))
        .route("/runs/{id}/artifacts/{artifact}", get(runs::artifact))
        .route("/capsules", get(capsules::list))
        .route("/capsules/key", get(capsules::key))
        .route(
            "/capsules/{id}",
            get(capsules::get).delete(capsules::forget),
        )
        .route("/capsules/{id}/file", get(capsules::original))
        .route("/capsules/{id}/definition", get(capsules::definition))
        .route("/capsules/{id}/events", get(capsules::events))
        .route("/capsules/{id}/events/{seq}/value", get(capsules::value))
        .route("/capsules/{id}/files/{file}", get(capsules::file))
        .route("/gates", get(gates::list))
        .route("/gates/{id}/decision", post(gates::decide))
        .route("/live", get(live::connect))
        .with_state(state)
}

/// Where foreign programs send their messages, below `/hooks`. They pass the same guards as everybody: a page of another
/// site does not, for it is no program that would send a webhook. What lets a message in is its signature alone.
pub fn hook_routes<S>(service: Service) -> Router<S> {
    Router::new()
        .route("/{id}", post(hooks::receive))
        .with_state(service)
}

/// One page of a list. `next` is the `cursor` of the next one.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// JSON bodies whose errors are problems.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
struct Json<T>(T);

impl<T: Serialize> axum::response::IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
struct Query<T>(T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
struct Path<T>(T);

/// The page size that was asked for, within bounds.
fn page_items(limit: Option<u32>) -> Result<u32, Problem> {
    page_items_of(limit, PAGE_ITEMS, PAGE_ITEMS_MAX)
}

fn page_items_of(limit: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match limit {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(other) => Err(Problem::bad_request(format!(
            "`limit` is {other}; it must lie between 1 and {max}."
        ))),
    }
}
