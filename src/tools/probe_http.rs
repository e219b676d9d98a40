//! `probe.http`: do these addresses answer? Only the status is looked at; the body is not read.

use async_trait::async_trait;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::outbound::{Outbound, failure_of};
use super::probe::{self, Finding, Kind, Require, TARGETS_MAX, survey};
use super::status::{self, StatusRange};
use super::{invalid_input, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::failure::StepError;
use crate::engine::tool::{EffectClass, ToolSpec};

const KIND: Kind = Kind {
    key: "url",
    targets: "endpoints",
    fault: "did not answer as expected",
    code: "endpoint_down",
    unanswered: || json!({ "status": null }),
};

pub struct ProbeHttp {
    spec: ToolSpec,
    outbound: Arc<Outbound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    urls: Vec<String>,
    #[serde(default = "probe::default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default = "no_error_status")]
    expect_status: Vec<StatusRange>,
    #[serde(default)]
    require: Require,
}

/// A redirect is an answer too: the server behind the address is well.
fn no_error_status() -> Vec<StatusRange> {
    vec![StatusRange::new(200, 399)]
}

impl ProbeHttp {
    pub fn new(outbound: Arc<Outbound>) -> Self {
        let spec = ToolSpec {
            name: "probe.http".to_owned(),
            description: "Asks web addresses whether they answer, several at a time, and says which are up and \
                          how long they took."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["urls"],
                "properties": {
                    "urls": {
                        "title": "Endpoints",
                        "description": "The http or https addresses to ask.",
                        "type": "array", "minItems": 1, "maxItems": TARGETS_MAX,
                        "items": {
                            "type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
                            "maxLength": 8192,
                        },
                    },
                    "timeout_ms": probe::timeout_schema(),
                    "expect_status": status::schema("200-399", "An address that answers another status is down."),
                    "require": probe::require_schema(),
                },
                "examples": [
                    { "urls": ["http://127.0.0.1:3000/api/v1/health"] },
                    {
                        "urls": ["https://example.com", "http://127.0.0.1:8080/ready"],
                        "timeout_ms": 2000, "expect_status": [200], "require": "any",
                    },
                ],
            }),
            output_schema: probe::output_schema(
                "url",
                "Endpoint",
                json!({ "status": {
                    "title": "Status",
                    "description": "null when there was no answer.",
                    "type": ["integer", "null"],
                } }),
            ),
            effect: EffectClass::Read,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 60_000,
            max_parallel: None,
        };
        Self { spec, outbound }
    }
}

#[async_trait]
impl Tool for ProbeHttp {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let input = match parse_input::<Input>(&call.input).and_then(|input| self.check(input)) {
            Ok(input) => input,
            Err(error) => return ToolOutcome::Failed(error),
        };
        let accepted: Arc<[StatusRange]> = input.expect_status.into();
        let visit = |text: String| visit(Arc::clone(&self.outbound), text, Arc::clone(&accepted));
        survey(
            &call,
            KIND,
            input.urls,
            input.timeout_ms,
            input.require,
            visit,
        )
        .await
    }
}

impl ProbeHttp {
    /// An address that is none is the author's mistake, and no finding about the world.
    fn check(&self, input: Input) -> Result<Input, StepError> {
        if input.urls.is_empty() {
            return Err(invalid_input("Name at least one endpoint in `urls`."));
        }
        for text in &input.urls {
            self.outbound
                .url(text)
                .map_err(|refusal| refusal.into_error())?;
        }
        Ok(input)
    }
}

async fn visit(outbound: Arc<Outbound>, text: String, accepted: Arc<[StatusRange]>) -> Finding {
    match status_of(&outbound, &text).await {
        Ok(status) if status::is_accepted(&accepted, status) => {
            Finding::well(json!({ "status": status }))
        }
        Ok(status) => Finding::unwell(
            json!({ "status": status }),
            format!(
                "answered {status}, expected was {}",
                status::in_words(&accepted)
            ),
        ),
        Err(error) => Finding::unwell((KIND.unanswered)(), error.message.trim_end_matches('.')),
    }
}

async fn status_of(outbound: &Outbound, text: &str) -> Result<u16, StepError> {
    let url: Url = outbound.url(text).map_err(|refusal| refusal.into_error())?;
    outbound
        .admit(&url)
        .map_err(|refusal| refusal.into_error())?;
    let client = outbound.client(&Arc::new(AtomicBool::new(false)))?;
    let answer = client
        .get(url.clone())
        .send()
        .await
        .map_err(|error| failure_of(&error, &url))?;
    Ok(answer.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::tool::Progress;
    use crate::tools::outbound::Policy;
    use crate::tools::testing::{assert_fits, call, dead_address, fail, serve, serve_raw, succeed};
    use axum::{Router, http::StatusCode, routing::get};
    use std::sync::Mutex;

    fn tool() -> ProbeHttp {
        ProbeHttp::new(Arc::new(Outbound::new(Policy::default())))
    }

    async fn well() -> String {
        let routes = Router::new()
            .route("/", get(|| async { "well" }))
            .route("/ill", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
        format!("http://{}", serve(routes).await)
    }

    #[tokio::test]
    async fn endpoints_that_answer_are_up_and_keep_their_order() {
        let base = well().await;
        let urls = [format!("{base}/"), format!("{base}/?again")];
        let output = succeed(&tool(), json!({ "urls": urls })).await;
        assert_eq!((&output["up"], &output["total"]), (&json!(2), &json!(2)));
        assert_eq!(output["results"][1]["url"], json!(urls[1]));
        assert_eq!(output["results"][0]["status"], json!(200));
    }

    #[tokio::test]
    async fn a_dead_and_an_ill_endpoint_fail_the_step_and_are_named() {
        let (base, dead) = (well().await, dead_address());
        let urls = [
            format!("{base}/"),
            format!("http://{dead}/"),
            format!("{base}/ill"),
        ];
        let error = fail(&tool(), json!({ "urls": urls })).await;
        assert_eq!(error.code, "endpoint_down");
        assert!(
            error.message.starts_with("2 of 3 endpoints"),
            "{}",
            error.message
        );
        assert!(error.message.contains(&urls[1]) && error.message.contains("answered 503"));
        let data = error.data.unwrap();
        assert_fits(&tool().spec.output_schema, &data);
        assert_eq!(data["results"][1]["status"], json!(null));
        assert!(
            data["results"][1]["error"]
                .as_str()
                .unwrap()
                .contains("refused")
        );
    }

    #[tokio::test]
    async fn what_is_required_decides_over_success() {
        let urls = [well().await, format!("http://{}/", dead_address())];
        let output = succeed(&tool(), json!({ "urls": urls, "require": "any" })).await;
        assert_eq!((&output["up"], &output["down"]), (&json!(1), &json!(1)));
        let output = succeed(&tool(), json!({ "urls": [urls[1]], "require": "none" })).await;
        assert_eq!(output["down"], json!(1));
        fail(&tool(), json!({ "urls": [urls[1]], "require": "any" })).await;
        let ill = format!("{}/ill", urls[0]);
        succeed(
            &tool(),
            json!({ "urls": [ill], "expect_status": ["500-599"] }),
        )
        .await;
    }

    #[tokio::test]
    async fn a_silent_endpoint_is_down_after_its_time() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let silent = serve_raw(move |_| {
            let _ = held.recv();
        });
        let input = json!({ "urls": [format!("http://{silent}/")], "timeout_ms": 50 });
        let error = fail(&tool(), input).await;
        assert!(
            error.message.contains("no answer within 50 ms"),
            "{}",
            error.message
        );
        assert_fits(&tool().spec.output_schema, &error.data.unwrap());
        drop(release);
    }

    #[tokio::test]
    async fn a_metadata_address_is_never_asked() {
        let error = fail(
            &tool(),
            json!({ "urls": ["http://169.254.169.254/latest/"] }),
        )
        .await;
        assert!(error.message.contains("metadata"), "{}", error.message);
    }

    #[tokio::test]
    async fn progress_counts_the_endpoints() {
        let base = well().await;
        let mut call = call(json!({ "urls": [base, base] }));
        let reports = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&reports);
        call.progress = Progress::new(move |percent, doing| {
            log.lock().unwrap().push((percent, doing.to_owned()));
        });
        tool().call(call).await;
        let expected = [
            (50, "1 of 2 endpoints".to_owned()),
            (100, "2 of 2 endpoints".to_owned()),
        ];
        assert_eq!(*reports.lock().unwrap(), expected);
    }
}
