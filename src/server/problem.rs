//! Errors as programs read them: `application/problem+json` (RFC 9457) with a `code` to branch on
//! and the `request_id` to quote. Causes are logged where they happen and never sent.

use super::limits::PROBLEM_BYTES_MAX;
use crate::api::problem::{PROBLEM_JSON, Problem};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::response::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use std::any::Any;
use uuid::Uuid;

pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request in its answer and in the log. Always our own: a name chosen by the caller
/// could repeat another request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// What is known when a layer answered with a status and nothing else.
pub fn from_status(status: StatusCode) -> Problem {
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => ("bad_request", "The request is malformed."),
        StatusCode::NOT_FOUND => ("not_found", "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "This address does not answer to this method.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The request body is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "unsupported_media_type",
            "The body has a content type that is not read here.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => (
            "invalid_body",
            "The body is well-formed but does not have the expected shape.",
        ),
        other if other.is_server_error() => ("internal", "The server failed on this request."),
        _ => ("request_refused", "The request was refused."),
    };
    Problem::new(status, code, detail)
}

/// What has to be known of a request when its answer is finished.
pub struct Asked {
    id: RequestId,
    for_program: bool,
}

impl Asked {
    /// Names the request.
    pub fn named(request: &mut Request) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "decides nothing: it only names the request"
        )]
        let id = RequestId(Uuid::now_v7());
        request.extensions_mut().insert(id);
        let for_program = is_api_path(request.uri().path());
        Self { id, for_program }
    }

    /// Sees to it that every problem carries that name, and that programs get a problem where something further in
    /// answered with plain text or nothing.
    pub async fn finish(self, mut response: Response) -> Response {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        if is_problem(&response) {
            response = name_problem(response, self.id).await;
        } else if failed && self.for_program && !is_json(&response) {
            response = name_problem(as_problem(response).await, self.id).await;
        }
        if let Ok(value) = HeaderValue::from_str(&self.id.0.to_string()) {
            response.headers_mut().insert(REQUEST_ID_HEADER, value);
        }
        response
    }
}

pub fn too_slow() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timeout",
        "The server took too long to answer.",
    )
}

/// What a caller learns of a panic: that there was one. The log has the rest under the request id.
pub fn from_panic(payload: Box<dyn Any + Send + 'static>) -> Response {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a payload that is not text");
    tracing::error!(panic = message, "a request handler panicked");
    from_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Answers every address for programs that no route has.
pub async fn no_such_endpoint() -> Problem {
    from_status(StatusCode::NOT_FOUND)
}

/// Whether programs call it: under `/api`, and under `/hooks` where they send their messages.
pub fn is_api_path(path: &str) -> bool {
    ["/api", "/hooks"].iter().any(|root| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn is_problem(response: &Response) -> bool {
    content_type(response).starts_with(PROBLEM_JSON)
}

fn is_json(response: &Response) -> bool {
    content_type(response).starts_with("application/json")
}

fn content_type(response: &Response) -> &str {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Replaces the body and keeps the headers, which the inner layers have set. An extractor's sentence
/// about what is wrong with the input is kept as well; a failure of ours stays silent.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let speaks = status.is_client_error() && content_type(&response).starts_with("text/plain");
    let (parts, body) = response.into_parts();
    let mut problem = from_status(status);
    if speaks {
        match to_bytes(body, PROBLEM_BYTES_MAX).await {
            Ok(text) if !text.is_empty() => {
                problem.detail = String::from_utf8_lossy(&text).into_owned();
            }
            Ok(_) | Err(_) => {}
        }
    }
    with_body(parts, problem)
}

fn with_body(mut parts: Parts, problem: Problem) -> Response {
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    Response::from_parts(parts, problem.into_response().into_body())
}

async fn name_problem(response: Response, id: RequestId) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, PROBLEM_BYTES_MAX).await else {
        tracing::warn!(request_id = %id.0, "an error answer was too long to be passed on");
        let problem = from_status(parts.status);
        return with_body(parts, problem);
    };
    let Ok(mut problem) = serde_json::from_slice::<Map<String, Value>>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    problem.insert("request_id".to_owned(), Value::String(id.0.to_string()));
    let named = serde_json::to_vec(&problem).unwrap_or_else(|_| bytes.to_vec());
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(named))
}
