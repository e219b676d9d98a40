//! How `http.request` describes itself: the schemas behind its form and its compile-time checks.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::response::{RESPONSE_BYTES_MAX, UNEXPECTED_STATUS};
use crate::engine::tool::{EffectByField, EffectClass, FailsOutside, ToolSpec};
use crate::tools::status;

pub fn spec() -> ToolSpec {
    let class_of = |methods: [&str; 5], classes: [EffectClass; 5]| {
        methods
            .into_iter()
            .map(str::to_owned)
            .zip(classes)
            .collect::<BTreeMap<_, _>>()
    };
    use EffectClass::{Effect, Idempotent, Read};
    ToolSpec {
        name: "http.request".to_owned(),
        description: "Sends an HTTP request and gives back status, headers and body. A request that changes \
                      something carries an Idempotency-Key, and is never repeated on its own when its answer \
                      was lost."
            .to_owned(),
        input_schema: input_schema(),
        output_schema: output_schema(),
        effect: Effect,
        effect_by: Some(EffectByField {
            field: "method".to_owned(),
            absent: Read,
            values: class_of(
                ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"],
                [Read, Read, Read, Idempotent, Idempotent],
            ),
        }),
        fails_outside: Some(FailsOutside {
            number: "status".to_owned(),
            ranges: "expect_status".to_owned(),
            absent: super::any_success().into_iter().map(Into::into).collect(),
            incomplete: "truncated".to_owned(),
            code: UNEXPECTED_STATUS.to_owned(),
        }),
        default_timeout_ms: 60_000,
        max_parallel: None,
    }
}

fn input_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["url"],
        "properties": {
            "url": {
                "title": "Address",
                "description": "Where to send the request: an http or https address.",
                "type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "maxLength": 8192,
            },
            "method": {
                "title": "Method",
                "description": "GET, HEAD and OPTIONS only read; PUT and DELETE may be repeated (a DELETE that \
                                is made again after a crash may find nothing); POST and PATCH count as done \
                                once.",
                "type": "string",
                "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                "default": "GET",
            },
            "headers": {
                "title": "Headers",
                "description": "Request headers by name.",
                "type": "object", "maxProperties": 50,
                "additionalProperties": { "type": "string", "maxLength": 8192 },
                "default": {},
            },
            "body": {
                "title": "Body",
                "description": "Text is sent as it is, anything else as JSON, null not at all.",
                "default": null,
            },
            "expect_status": status::schema("200-299", "Any other status fails the step."),
            "as": {
                "title": "Read the answer as",
                "description": "`auto`: JSON where the answer says that it is JSON, text otherwise.",
                "type": "string", "enum": ["auto", "json", "text"], "default": "auto",
            },
            "follow_redirects": {
                "title": "Follow redirects",
                "description": "Follow redirects that stay on the same host and port.",
                "type": "boolean", "default": false,
            },
            "timeout_ms": {
                "title": "Time limit in ms",
                "description": "How long the whole exchange may take. Without it, the step's own limit holds.",
                "type": "integer", "minimum": 1, "maximum": crate::engine::limits::STEP_TIMEOUT_MS_MAX,
            },
        },
        "examples": [
            { "url": "http://127.0.0.1:3000/api/v1/health" },
            {
                "url": "https://example.com/orders", "method": "POST",
                "headers": { "accept": "application/json" },
                "body": { "item": "lamp", "count": 2 }, "expect_status": [201, "200-204"], "as": "json",
                "timeout_ms": 10_000,
            },
        ],
    })
}

fn output_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["status", "headers", "body", "duration_ms", "truncated"],
        "properties": {
            "status": { "title": "Status", "type": "integer", "minimum": 100, "maximum": 999, "examples": [200] },
            "headers": {
                "title": "Headers",
                "description": "Names in lower case; repeated ones joined by a comma. `set-cookie` is left \
                                out, because what is here is kept and shown.",
                "type": "object", "additionalProperties": { "type": "string" },
            },
            "body": {
                "title": "Body",
                "description": format!(
                    "A JSON value or text; null when the answer has no body. At most {RESPONSE_BYTES_MAX} \
                     bytes are read."
                ),
            },
            "duration_ms": { "title": "Duration, ms", "type": "integer", "minimum": 0 },
            "truncated": {
                "title": "Cut",
                "description": "The answer to a request that changed something was longer than that, and \
                                `body` is the beginning of its text. A longer answer to a read fails.",
                "type": "boolean",
            },
        },
    })
}
