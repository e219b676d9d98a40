//! Server functions answer every error with status 500. This gives each the status that belongs to it, so that
//! malformed input is a 4xx here too.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::limits::PROBLEM_BYTES_MAX;
use crate::rpc::error::PageError;

pub fn is_call(request: &Request) -> bool {
    request.uri().path().starts_with("/rpc/")
}

/// The answer to a call of a server function.
pub async fn correct(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<PageError>(&bytes)
        && let Ok(status) = StatusCode::from_u16(error.status)
    {
        parts.status = status;
    }
    Response::from_parts(parts, Body::from(bytes))
}
