//! Requests that announce more than is read. They are refused, but their bodies are taken from the wire first: a client
//! that is still sending when the connection closes sees a broken connection and never reads why.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use futures::StreamExt;

use super::limits::{
    CAPSULE_BODY_BYTES_MAX, CAPSULE_DISCARD_BYTES_MAX, DISCARD_BYTES_MAX, DISCARD_MAX,
    REQUEST_BODY_BYTES_MAX,
};
use super::problem;

/// Where a browser puts a capsule in.
const FORM: &str = "/capsules";
/// Where files may be put in, which are larger than other requests.
const FOR_FILES: [&str; 2] = [FORM, "/api/v1/capsules"];

/// Whether it may bring a file, and so take longer, too.
pub fn brings_file(request: &Request) -> bool {
    request.method() == Method::POST && FOR_FILES.contains(&request.uri().path())
}

pub fn is_announced_by(request: &Request) -> bool {
    let max = match brings_file(request) {
        true => CAPSULE_BODY_BYTES_MAX,
        false => REQUEST_BODY_BYTES_MAX,
    };
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    announced.is_some_and(|bytes| bytes > max)
}

pub async fn refuse(request: Request) -> Response {
    let is_form = request.uri().path() == FORM;
    let most = match brings_file(&request) {
        true => CAPSULE_DISCARD_BYTES_MAX,
        false => DISCARD_BYTES_MAX,
    };
    discard(request.into_body(), most).await;
    match is_form {
        // Somebody looks at the answer: the page says it.
        true => Redirect::to("/capsules?too-large").into_response(),
        false => problem::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response(),
    }
}

async fn discard(body: Body, most: usize) {
    let mut chunks = body.into_data_stream();
    let mut left = most;
    let all = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    // Whoever is slower than that, or sends more, has to do without the answer.
    let _ = tokio::time::timeout(DISCARD_MAX, all).await;
}
