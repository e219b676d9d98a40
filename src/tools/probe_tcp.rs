//! `probe.tcp`: does somebody accept connections there? The connection is made and closed; nothing is said.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpStream;

use super::outbound::Outbound;
use super::probe::{self, Finding, Kind, Require, TARGETS_MAX, survey};
use super::{invalid_input, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::failure::StepError;
use crate::engine::tool::{EffectClass, ToolSpec};

const KIND: Kind = Kind {
    key: "target",
    targets: "ports",
    fault: "accept no connection",
    code: "endpoint_down",
    unanswered: || json!({}),
};

pub struct ProbeTcp {
    spec: ToolSpec,
    outbound: Arc<Outbound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    targets: Vec<String>,
    #[serde(default = "probe::default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default)]
    require: Require,
}

impl ProbeTcp {
    pub fn new(outbound: Arc<Outbound>) -> Self {
        let spec = ToolSpec {
            name: "probe.tcp".to_owned(),
            description: "Tries to connect to TCP ports, several at a time, and says which accept connections."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["targets"],
                "properties": {
                    "targets": {
                        "title": "Ports",
                        "description": "Where to connect, each as host:port; an IPv6 address stands in brackets.",
                        "type": "array", "minItems": 1, "maxItems": TARGETS_MAX,
                        "items": {
                            "type": "string", "maxLength": 300,
                            "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):[0-9]{1,5}$",
                        },
                    },
                    "timeout_ms": probe::timeout_schema(),
                    "require": probe::require_schema(),
                },
                "examples": [
                    { "targets": ["127.0.0.1:5432", "[::1]:22", "mail.example.com:25"], "timeout_ms": 1000 },
                ],
            }),
            output_schema: probe::output_schema("target", "Port", json!({})),
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
impl Tool for ProbeTcp {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let input = match parse_input::<Input>(&call.input).and_then(check) {
            Ok(input) => input,
            Err(error) => return ToolOutcome::Failed(error),
        };
        let connect = |target: String| connect(Arc::clone(&self.outbound), target);
        survey(
            &call,
            KIND,
            input.targets,
            input.timeout_ms,
            input.require,
            connect,
        )
        .await
    }
}

fn check(input: Input) -> Result<Input, StepError> {
    if input.targets.is_empty() {
        return Err(invalid_input("Name at least one host:port in `targets`."));
    }
    for target in &input.targets {
        if host_and_port(target).is_none() {
            return Err(invalid_input(format!(
                "`{target}` is not host:port. Write it like db.example.com:5432 or [::1]:22."
            )));
        }
    }
    Ok(input)
}

fn host_and_port(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => Some((address, port)),
        None if host.is_empty() || host.contains(':') => None,
        None => Some((host, port)),
    }
}

async fn connect(outbound: Arc<Outbound>, target: String) -> Finding {
    let Some((host, port)) = host_and_port(&target) else {
        return Finding::unwell(json!({}), "not host:port");
    };
    let addresses = match outbound.resolve(host, port).await {
        Ok(addresses) => addresses,
        Err(refusal) => {
            return Finding::unwell(json!({}), refusal.to_string().trim_end_matches('.'));
        }
    };
    match TcpStream::connect(addresses.as_slice()).await {
        Ok(_) => Finding::well(json!({})),
        Err(error) => Finding::unwell(json!({}), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::outbound::Policy;
    use crate::tools::testing::{assert_fits, dead_address, fail, succeed};

    fn tool() -> ProbeTcp {
        ProbeTcp::new(Arc::new(Outbound::new(Policy::default())))
    }

    #[tokio::test]
    async fn an_open_port_is_well_and_a_dead_one_fails_the_step() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().to_string();
        let output = succeed(&tool(), json!({ "targets": [open] })).await;
        assert_eq!(output["results"][0]["ok"], json!(true));
        let dead = dead_address().to_string();
        let error = fail(&tool(), json!({ "targets": [open, dead] })).await;
        assert_eq!(error.code, "endpoint_down");
        assert!(
            error
                .message
                .starts_with("1 of 2 ports accept no connection"),
            "{}",
            error.message
        );
        assert!(error.message.contains(&dead) && !error.message.contains(&open));
        assert_fits(&tool().spec.output_schema, &error.data.unwrap());
    }

    #[tokio::test]
    async fn a_target_without_a_port_is_refused_before_anything_is_tried() {
        for target in [
            "localhost",
            "localhost:0",
            "localhost:99999",
            "::1:22",
            ":80",
        ] {
            let error = fail(&tool(), json!({ "targets": [target] })).await;
            assert_eq!(error.code, "invalid_input", "{target}");
        }
    }

    #[tokio::test]
    async fn a_metadata_address_is_not_connected_to() {
        for target in [
            "169.254.169.254:80",
            "[::ffff:a9fe:a9fe]:80",
            "2852039166:80",
        ] {
            let error = fail(&tool(), json!({ "targets": [target] })).await;
            assert!(error.message.contains("metadata"), "{}", error.message);
        }
    }
}
