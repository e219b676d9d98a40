//! `http.request`: one HTTP request and its answer. It knows what was sent and what was lost, so that a request with
//! consequences is never taken for failed when it may have been carried out.

mod exchange;
#[cfg(test)]
mod lost_tests;
mod response;
mod spec;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

use super::outbound::{Outbound, shown};
use super::status::StatusRange;
use super::{elapsed_ms, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::failure::StepError;
use crate::engine::tool::{EffectClass, ToolSpec};
use exchange::{Request, Stop};

pub struct HttpRequest {
    spec: ToolSpec,
    outbound: Arc<Outbound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    url: String,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default = "any_success")]
    expect_status: Vec<StatusRange>,
    #[serde(default, rename = "as")]
    read_as: ReadAs,
    #[serde(default)]
    follow_redirects: bool,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

/// Not found, and gone.
const ABSENT: [u16; 2] = [404, 410];

impl Input {
    /// Where an interrupted DELETE had done its work, the next one finds nothing. That is no failure.
    fn after(mut self, interrupted: bool) -> Self {
        if interrupted && matches!(self.method, Verb::Delete) {
            let absent = ABSENT.map(|status| StatusRange::new(status, status));
            self.expect_status.extend(absent);
        }
        self
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Head => Method::HEAD,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
            Verb::Options => Method::OPTIONS,
        }
    }
}

/// How the body of the answer becomes a value.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReadAs {
    /// JSON where the answer says so and is, text otherwise.
    #[default]
    Auto,
    Json,
    Text,
}

fn any_success() -> Vec<StatusRange> {
    vec![StatusRange::new(200, 299)]
}

impl HttpRequest {
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self {
            spec: spec::spec(),
            outbound,
        }
    }
}

#[async_trait]
impl Tool for HttpRequest {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let effect = self.spec.effect_of(&call.input);
        let request = parse_input::<Input>(&call.input)
            .map(|input| input.after(call.was_interrupted))
            .and_then(|input| Request::new(input, effect, &call.idempotency_key, &self.outbound));
        let request = match request {
            Ok(request) => request,
            Err(error) => return ToolOutcome::Failed(error),
        };
        let at = format!("{} {}", request.method, shown(&request.url));
        call.progress.report(0, &at);
        call.log.note(&at);
        let timeout_ms = request.timeout_ms;
        let may_have_arrived = Arc::new(AtomicBool::new(false));
        let began = Instant::now();
        let stop = tokio::select! {
            biased;
            ended = exchange::run(&self.outbound, request, &may_have_arrived, began) => match ended {
                Ok(output) => {
                    let took = elapsed_ms(began);
                    call.log.note(&format!("answered {} ({took} ms)", output["status"]));
                    return ToolOutcome::Succeeded(output);
                }
                Err(stop) => stop,
            },
            () = call.cancel.cancelled() => Stop::Lost(StepError::new(
                "cancelled",
                format!("{at} was stopped before its answer came."),
            )),
            () = expiry(timeout_ms) => Stop::Lost(StepError::new(
                "timeout",
                format!(
                    "{at} was not answered within {} ms. Allow more by `timeout_ms`, or see why it is slow.",
                    timeout_ms.unwrap_or_default()
                ),
            )),
        };
        let took = elapsed_ms(began);
        // Its message may repeat what the receiver said.
        call.log
            .note(&format!("failed: {} ({took} ms)", stop.error().code));
        outcome(stop, effect, may_have_arrived.load(Ordering::SeqCst), &at)
    }
}

fn outcome(stop: Stop, effect: EffectClass, may_have_arrived: bool, at: &str) -> ToolOutcome {
    match stop {
        Stop::Lost(error) if may_have_arrived && !effect.repeatable() => {
            ToolOutcome::Unknown(format!(
                "{at} was sent, but its answer is lost: it may or may not have had its effect. Ask the receiver \
                 before it is sent again. ({}: {})",
                error.code, error.message
            ))
        }
        Stop::Lost(error) if !may_have_arrived && !effect.repeatable() => {
            let message = format!("Nothing was sent. {}", error.message);
            ToolOutcome::Failed(StepError { message, ..error })
        }
        Stop::Answered(error) | Stop::Lost(error) => ToolOutcome::Failed(error),
    }
}

/// Without a limit of its own the request may take as long as the step: then `cancel` ends it.
async fn expiry(timeout_ms: Option<u64>) {
    match timeout_ms {
        Some(timeout_ms) => tokio::time::sleep(Duration::from_millis(timeout_ms)).await,
        None => std::future::pending().await,
    }
}
