//! From an answer to the step's output. The body is read piece by piece, and no further than the limit.

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, Response};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

use super::ReadAs;
use super::exchange::{Request, Stop};
use crate::engine::failure::StepError;
use crate::engine::limits::OUTPUT_BYTES_MAX;
use crate::engine::tool::EffectClass;
use crate::tools::elapsed_ms;
use crate::tools::outbound::{failure_of, shown};
use crate::tools::status;

/// The code of the failure that an answer is whose status the step does not expect.
pub const UNEXPECTED_STATUS: &str = "unexpected_status";
/// The body of an answer: half of what a step's output may weigh, because JSON text can be longer than what it
/// quotes. Larger answers are files, not values.
pub const RESPONSE_BYTES_MAX: usize = 512 * 1024;
/// The part of a body that is kept when it was not what the step asked for.
const EXCERPT_BYTES_MAX: usize = 4 * 1024;
/// How long an answer that is a failure already may keep the step waiting for its body.
const EXCERPT_WAIT_MS: u64 = 2_000;
/// All header names and values together; what is beyond is left out.
const HEADERS_BYTES_MAX: usize = 32 * 1024;

pub async fn read(
    mut answer: Response,
    request: &Request,
    started: Instant,
) -> Result<Value, Stop> {
    let head = Head::of(&answer, request);
    let mut body = Body::default();
    if !status::is_accepted(&request.expect_status, head.status) {
        // The status decides already; a body that stalls or breaks off changes nothing.
        let wait = Duration::from_millis(EXCERPT_WAIT_MS);
        let _ = tokio::time::timeout(wait, body.fill(&mut answer, EXCERPT_BYTES_MAX)).await;
        return Err(Stop::Answered(head.unexpected(&body, request, started)));
    }
    let announced = answer.content_length().unwrap_or(0);
    let reads = matches!(request.effect, EffectClass::Pure | EffectClass::Read);
    if request.method != Method::HEAD && reads && announced > RESPONSE_BYTES_MAX as u64 {
        return Err(Stop::Answered(head.too_large(&body, started)));
    }
    if let Err(error) = body.fill(&mut answer, RESPONSE_BYTES_MAX).await {
        return Err(Stop::Lost(failure_of(&error, &request.url)));
    }
    let value = match head.value_of(&body, request.read_as) {
        Ok(value) => value,
        Err(_) if body.truncated && reads => {
            return Err(Stop::Answered(head.too_large(&body, started)));
        }
        Err(why) => return Err(Stop::Answered(head.unreadable(&why, &body, started))),
    };
    let output = head.output(value, body.truncated, started);
    if output.to_string().len() > OUTPUT_BYTES_MAX {
        body.cut(EXCERPT_BYTES_MAX);
    } else if !body.truncated {
        return Ok(output);
    }
    // For a read the body is the point, so a part of it is a failure. For a write the effect is the point: it
    // was had, and calling it failed because of a long answer would have it repeated.
    if reads {
        return Err(Stop::Answered(head.too_large(&body, started)));
    }
    Ok(head.output(Value::String(body.text()), true, started))
}

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Body {
    /// Reads up to the limit. What arrived stays, also when the rest does not come.
    async fn fill(&mut self, answer: &mut Response, bytes_max: usize) -> reqwest::Result<()> {
        while let Some(piece) = answer.chunk().await? {
            let room = bytes_max - self.bytes.len();
            if piece.len() > room {
                self.bytes.extend_from_slice(&piece[..room]);
                self.truncated = true;
                return Ok(());
            }
            self.bytes.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn cut(&mut self, bytes_max: usize) {
        self.truncated |= self.bytes.len() > bytes_max;
        self.bytes.truncate(bytes_max);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        // A cut inside a character leaves a replacement mark that was never sent.
        if self.truncated {
            text.trim_end_matches('\u{fffd}').to_owned()
        } else {
            text.into_owned()
        }
    }
}

/// Everything about an answer but its body.
struct Head {
    status: u16,
    headers: Map<String, Value>,
    says_json: bool,
    location: Option<String>,
    at: String,
}

impl Head {
    fn of(answer: &Response, request: &Request) -> Self {
        let text = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let media_type = text(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        Self {
            status: answer.status().as_u16(),
            headers: headers_of(answer.headers()),
            says_json: media_type == "application/json" || media_type.ends_with("+json"),
            location: text(LOCATION).map(str::to_owned),
            at: format!("{} {}", request.method, shown(&request.url)),
        }
    }

    fn value_of(&self, body: &Body, read_as: ReadAs) -> Result<Value, String> {
        if body.bytes.is_empty() {
            return Ok(Value::Null);
        }
        let text = || Value::String(body.text());
        match read_as {
            ReadAs::Text => Ok(text()),
            ReadAs::Auto if !self.says_json => Ok(text()),
            ReadAs::Auto => Ok(serde_json::from_slice(&body.bytes).unwrap_or_else(|_| text())),
            ReadAs::Json => serde_json::from_slice(&body.bytes).map_err(|error| error.to_string()),
        }
    }

    fn output(&self, body: Value, truncated: bool, started: Instant) -> Value {
        json!({
            "status": self.status,
            "headers": self.headers,
            "body": body,
            "duration_ms": elapsed_ms(started),
            "truncated": truncated,
        })
    }

    /// What is known, in the shape of the output, with no more than an excerpt of the body.
    fn excerpt(&self, body: &Body, started: Instant) -> Value {
        let mut body = Body {
            bytes: body.bytes.clone(),
            truncated: body.truncated,
        };
        body.cut(EXCERPT_BYTES_MAX);
        let read_as = if body.truncated {
            ReadAs::Text
        } else {
            ReadAs::Auto
        };
        let value = self.value_of(&body, read_as).unwrap_or(Value::Null);
        self.output(value, body.truncated, started)
    }

    fn unexpected(&self, body: &Body, request: &Request, started: Instant) -> StepError {
        let hint = match (&self.location, self.status) {
            (Some(_), 300..=399) => {
                " It redirects: set `follow_redirects`, or use the address in its `location` header."
            }
            (_, 401 | 403) => " Are the credentials in `headers` right?",
            (_, 429) => " It asks for fewer requests.",
            _ => "",
        };
        let message = format!(
            "{} answered {}, expected was {}.{hint}",
            self.at,
            self.status,
            status::in_words(&request.expect_status)
        );
        StepError::new(UNEXPECTED_STATUS, message).with_data(self.excerpt(body, started))
    }

    fn too_large(&self, body: &Body, started: Instant) -> StepError {
        let message = format!(
            "{} answered {} with more than {RESPONSE_BYTES_MAX} bytes, which is the limit for one response. Ask \
             for a part of it.",
            self.at, self.status
        );
        let mut data = self.excerpt(body, started);
        data["truncated"] = Value::Bool(true);
        StepError::new("response_too_large", message).with_data(data)
    }

    fn unreadable(&self, why: &str, body: &Body, started: Instant) -> StepError {
        let message = format!(
            "{} answered {} with a body that is not JSON ({why}). Read it with `as: text` if that is expected.",
            self.at, self.status
        );
        StepError::new("invalid_response", message).with_data(self.excerpt(body, started))
    }
}

/// Cookies are credentials, and a step's output is kept and shown: they stay out.
fn headers_of(headers: &HeaderMap) -> Map<String, Value> {
    let mut kept: Map<String, Value> = Map::new();
    let mut bytes = 0;
    for (name, value) in headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
        bytes += name.as_str().len() + value.len();
        if bytes > HEADERS_BYTES_MAX {
            break;
        }
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match kept.get_mut(name.as_str()) {
            Some(Value::String(earlier)) => {
                earlier.push_str(", ");
                earlier.push_str(&value);
            }
            Some(_) | None => {
                kept.insert(name.as_str().to_owned(), Value::String(value));
            }
        }
    }
    kept
}
