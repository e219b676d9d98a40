//! Workflows as they come in: JSON or YAML, by content type. Unknown fields are refused, with their place.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::problem::Problem;
use crate::engine::reading;
use crate::engine::workflow::Workflow;

/// From this size on a document is read and validated beside the requests that come meanwhile: they would wait as long,
/// for all of them share as many threads as there are processors.
const APART_BYTES: usize = 16 * 1_024;

/// As many at once as there are processors; more would only take turns.
static APART: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    Arc::new(Semaphore::new(
        available_parallelism().map_or(1, NonZero::get),
    ))
});

/// Does what a document of so many bytes needs to be done.
pub(super) async fn apart<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < APART_BYTES {
        return work();
    }
    let turn = Arc::clone(&APART).acquire_owned().await;
    let request = tracing::Span::current();
    let work = move || {
        // Kept by the work itself, which goes on when whoever asked has gone away. It is never closed.
        let _turn = turn;
        request.in_scope(work)
    };
    let done = tokio::task::spawn_blocking(work).await;
    match done.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and this request with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

pub(super) async fn read(headers: &HeaderMap, body: Bytes) -> Result<Workflow, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_owned();
    apart(body.len(), move || read_as(&media_type, &body)).await
}

fn read_as(media_type: &str, body: &[u8]) -> Result<Workflow, Problem> {
    let refused = |error: String| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable_workflow",
            format!("The workflow cannot be read: {error}"),
        )
    };
    match media_type {
        "application/json" => reading::from_json(body).map_err(refused),
        "application/yaml" | "application/x-yaml" | "text/yaml" => {
            reading::check_size(body).map_err(refused)?;
            let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
            serde_saphyr::from_str(text).map_err(|error| refused(error.to_string()))
        }
        _ => {
            let detail = "Send the workflow as `application/json` or `application/yaml`.";
            Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                detail,
            ))
        }
    }
}
