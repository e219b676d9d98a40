//! Workflows as they come in: JSON or YAML, by content type. Unknown fields are refused, with their place.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::engine::reading;
use crate::engine::workflow::Workflow;

pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Workflow, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
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
