//! `/hooks/{id}`: the messages of foreign programs. Nothing happens without a signature (Standard Webhooks).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::Problem;
use super::{Json, Path};
use crate::driver::service::{Message, MessageError, Service};
use crate::driver::triggers::Signed;
use crate::engine::ids::TriggerId;

/// 202 with the run that it started; 200 with the run of then when the message had come in before.
pub(super) async fn receive(
    State(service): State<Service>,
    Path(id): Path<TriggerId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let message = Message {
        signed: Signed {
            id: text(&headers, "webhook-id"),
            timestamp: text(&headers, "webhook-timestamp"),
            signatures: text(&headers, "webhook-signature"),
            body: &body,
        },
        is_json: is_json(&headers),
    };
    let received = service.receive(&id, &message).await?;
    let status = if received.again {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let location = [(
        header::LOCATION,
        format!("/api/v1/runs/{}", received.run_id),
    )];
    Ok((status, location, Json(json!({ "run_id": received.run_id }))).into_response())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = text(headers, header::CONTENT_TYPE.as_str());
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Self {
        let (status, code) = match error {
            MessageError::Service(error) => return error.into(),
            MessageError::NotAccepted(_) => (StatusCode::UNAUTHORIZED, "not_accepted"),
            MessageError::NotSentAsJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            MessageError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            MessageError::NotJson(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            MessageError::IdReused => (StatusCode::CONFLICT, "message_id_reused"),
        };
        Problem::new(
            status,
            code,
            super::problem::capitalised(&format!("{error}.")),
        )
    }
}
