//! Requests that announce more than is read. They are refused, but their bodies are taken from the wire first: a client
//! that is still sending when the connection closes sees a broken connection and never reads why.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::limits::{DISCARD_BYTES_MAX, DISCARD_MAX, REQUEST_BODY_BYTES_MAX};
use super::problem;

pub fn is_announced_by(request: &Request) -> bool {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    announced.is_some_and(|bytes| bytes > REQUEST_BODY_BYTES_MAX)
}

pub async fn refuse(request: Request) -> Response {
    discard(request.into_body()).await;
    problem::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response()
}

async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut left = DISCARD_BYTES_MAX;
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
