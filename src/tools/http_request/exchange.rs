//! One request on its way: what is sent, over which hops, and whether a failure is certain or an answer was lost.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

use super::{Input, ReadAs, response};
use crate::engine::failure::StepError;
use crate::engine::tool::EffectClass;
use crate::tools::invalid_input;
use crate::tools::outbound::{Outbound, Refusal, connection, failure_of, shown};
use crate::tools::status::StatusRange;

/// Hops after the first request. An honest server needs one or two.
const REDIRECTS_MAX: u32 = 5;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Headers that frame the message belong to the client: an author's value could only contradict it.
const FRAMING_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Why there is no output.
pub enum Stop {
    /// The receiver answered, or nothing was asked of it: what happened is certain.
    Answered(StepError),
    /// No answer. Whether the request had its effect depends on whether it had left.
    Lost(StepError),
}

impl Stop {
    pub fn error(&self) -> &StepError {
        match self {
            Stop::Answered(error) | Stop::Lost(error) => error,
        }
    }
}

/// A request that can be sent.
pub struct Request {
    pub method: Method,
    pub url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    pub effect: EffectClass,
    pub expect_status: Vec<StatusRange>,
    pub read_as: ReadAs,
    follow_redirects: bool,
    pub timeout_ms: Option<u64>,
}

impl Request {
    pub fn new(
        input: Input,
        effect: EffectClass,
        idempotency_key: &str,
        outbound: &Outbound,
    ) -> Result<Self, StepError> {
        let url = outbound
            .url(&input.url)
            .map_err(|refusal| refusal.into_error())?;
        let mut headers = headers_of(&input.headers)?;
        let reads = matches!(effect, EffectClass::Pure | EffectClass::Read);
        if !reads && !headers.contains_key(&IDEMPOTENCY_KEY) {
            let key = HeaderValue::from_str(idempotency_key).map_err(|_| {
                invalid_input("The step's idempotency key cannot be sent in a header.")
            })?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        let (body, media_type) = match input.body {
            None => (None, None),
            Some(Value::String(text)) => {
                (Some(text.into_bytes()), Some("text/plain; charset=utf-8"))
            }
            Some(value) => (
                Some(value.to_string().into_bytes()),
                Some("application/json"),
            ),
        };
        if let (Some(media_type), false) = (media_type, headers.contains_key(CONTENT_TYPE)) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        Ok(Self {
            method: input.method.method(),
            url,
            headers,
            body,
            effect,
            expect_status: input.expect_status,
            read_as: input.read_as,
            follow_redirects: input.follow_redirects,
            timeout_ms: input.timeout_ms,
        })
    }
}

fn headers_of(written: &BTreeMap<String, String>) -> Result<HeaderMap, StepError> {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| invalid_input(format!("`{name}` is not a header name.")))?;
        if FRAMING_HEADERS.contains(&header.as_str()) {
            return Err(invalid_input(format!(
                "The header `{name}` is set by the client; remove it."
            )));
        }
        // The value is not repeated: it may be a credential.
        let value = HeaderValue::from_str(value).map_err(|_| {
            invalid_input(format!(
                "The value of `{name}` has characters that a header cannot carry."
            ))
        })?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// Sends the request and follows it to its answer. `may_have_arrived` tells, also when this future is dropped,
/// whether the request can have had its effect.
pub async fn run(
    outbound: &Outbound,
    mut request: Request,
    may_have_arrived: &Arc<AtomicBool>,
    started: Instant,
) -> Result<Value, Stop> {
    for _ in 0..=REDIRECTS_MAX {
        let answer = send_over_any(outbound, &request, may_have_arrived).await?;
        if !(request.follow_redirects && answer.status().is_redirection()) {
            return response::read(answer, &request, started).await;
        }
        let Some(target) = target_of(&answer, &request.url) else {
            return response::read(answer, &request, started).await;
        };
        check_hop(outbound, &request.url, &target, answer.status().as_u16())?;
        request = request.redirected(target, answer.status().as_u16(), may_have_arrived);
    }
    Err(Stop::Answered(StepError::new(
        "too_many_redirects",
        format!(
            "More than {REDIRECTS_MAX} redirects, the last to {}.",
            shown(&request.url)
        ),
    )))
}

async fn send(outbound: &Outbound, client: Client, request: &Request) -> Result<Response, Stop> {
    outbound
        .admit(&request.url)
        .map_err(|refusal| Stop::Answered(refusal.into_error()))?;
    let mut headers = request.headers.clone();
    outbound.mark(&mut headers);
    let mut builder = client
        .request(request.method.clone(), request.url.clone())
        .headers(headers);
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    builder
        .send()
        .await
        .map_err(|error| Stop::Lost(failure_of(&error, &request.url)))
}

/// As `send`. A connection that had been kept may just have been closed by the receiver: what may be sent twice is sent
/// again, over a new one.
async fn send_over_any(
    outbound: &Outbound,
    request: &Request,
    may_have_arrived: &Arc<AtomicBool>,
) -> Result<Response, Stop> {
    if !request.effect.repeatable() {
        let client = outbound.client(may_have_arrived).map_err(Stop::Answered)?;
        return send(outbound, client, request).await;
    }
    let kept = outbound.shared_client().map_err(Stop::Answered)?;
    match send(outbound, kept, request).await {
        Err(Stop::Lost(error)) if error.code == connection::LOST => {
            let fresh = outbound.client(may_have_arrived).map_err(Stop::Answered)?;
            let sent = send(outbound, fresh, request).await;
            // If that fails too, the first failure says what the matter is.
            sent.map_err(|_| Stop::Lost(error))
        }
        sent => sent,
    }
}

fn target_of(answer: &Response, from: &Url) -> Option<Url> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

/// A redirect may lead anywhere, and would take the author's headers along. So only hops on the same origin are
/// followed, and the step from http to https on the same host.
fn check_hop(outbound: &Outbound, from: &Url, to: &Url, status: u16) -> Result<(), Stop> {
    let refused = |code: &str, why: &str| {
        let message = format!(
            "{} answered {status} and redirects to {}. {why}",
            shown(from),
            shown(to)
        );
        Err(Stop::Answered(StepError::new(code, message)))
    };
    if let Err(refusal) = outbound.url(to.as_str()).and_then(|to| outbound.admit(&to)) {
        let code = match refusal {
            Refusal::Blocked { .. } => "address_blocked",
            Refusal::Malformed { .. } | Refusal::Unresolved { .. } => "redirect_refused",
        };
        return refused(code, "That is no address which workflows may call.");
    }
    let upgraded = from.host_str() == to.host_str()
        && (from.scheme(), from.port_or_known_default()) == ("http", Some(80))
        && (to.scheme(), to.port_or_known_default()) == ("https", Some(443));
    if from.origin() == to.origin() || upgraded {
        return Ok(());
    }
    refused(
        "redirect_refused",
        "That is another server; if it is meant, make it the address.",
    )
}

impl Request {
    fn redirected(self, url: Url, status: u16, may_have_arrived: &AtomicBool) -> Self {
        let becomes_get = match status {
            301 | 302 => self.method == Method::POST,
            303 => !matches!(self.method, Method::GET | Method::HEAD),
            _ => false,
        };
        if !becomes_get {
            // Handed on unchanged: this receiver did nothing, so only the next hop can have an effect.
            may_have_arrived.store(false, Ordering::SeqCst);
            return Self { url, ..self };
        }
        let mut headers = self.headers;
        headers.remove(CONTENT_TYPE);
        headers.remove(IDEMPOTENCY_KEY);
        Self {
            url,
            headers,
            method: Method::GET,
            body: None,
            ..self
        }
    }
}
