//! `probe.dns`: do these names resolve, and to what? Asked the way every program on this machine asks.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;

use super::probe::{self, Finding, Kind, Require, TARGETS_MAX, survey};
use super::{invalid_input, parse_input};
use crate::driver::tool::{Tool, ToolCall, ToolOutcome};
use crate::engine::tool::{EffectClass, ToolSpec};

const KIND: Kind = Kind {
    key: "name",
    targets: "names",
    fault: "did not resolve",
    code: "name_not_resolved",
    unanswered: || json!({ "addresses": [] }),
};

pub struct ProbeDns {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    names: Vec<String>,
    #[serde(default = "probe::default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default)]
    require: Require,
}

impl ProbeDns {
    pub fn new() -> Self {
        let spec = ToolSpec {
            name: "probe.dns".to_owned(),
            description: "Resolves host names to their addresses (A and AAAA) through this machine's resolver."
                .to_owned(),
            input_schema: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["names"],
                "properties": {
                    "names": {
                        "title": "Names",
                        "description": "The host names to resolve, without scheme and port.",
                        "type": "array", "minItems": 1, "maxItems": TARGETS_MAX,
                        "items": { "type": "string", "maxLength": 255, "pattern": r"^[^\s:/@]+$" },
                    },
                    "timeout_ms": probe::timeout_schema(),
                    "require": probe::require_schema(),
                },
                "examples": [{ "names": ["localhost", "example.com"], "require": "any" }],
            }),
            output_schema: probe::output_schema(
                "name",
                "Name",
                json!({ "addresses": {
                    "title": "Addresses", "type": "array", "items": { "type": "string" },
                } }),
            ),
            effect: EffectClass::Read,
            effect_by: None,
            fails_outside: None,
            default_timeout_ms: 60_000,
            max_parallel: None,
        };
        Self { spec }
    }
}

#[async_trait]
impl Tool for ProbeDns {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let input = match parse_input::<Input>(&call.input) {
            Ok(input) if input.names.is_empty() => {
                return ToolOutcome::Failed(invalid_input("Name at least one host in `names`."));
            }
            Ok(input) => input,
            Err(error) => return ToolOutcome::Failed(error),
        };
        survey(
            &call,
            KIND,
            input.names,
            input.timeout_ms,
            input.require,
            lookup,
        )
        .await
    }
}

async fn lookup(name: String) -> Finding {
    let found = match tokio::net::lookup_host((name.as_str(), 0)).await {
        Ok(found) => found,
        Err(error) => return Finding::unwell((KIND.unanswered)(), error.to_string()),
    };
    let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    // The resolver rotates its answers; sorted ones can be compared from run to run.
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Finding::unwell((KIND.unanswered)(), "the name has no address");
    }
    Finding::well(json!({ "addresses": addresses }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{assert_fits, fail, succeed};

    #[tokio::test]
    async fn a_known_name_resolves_to_its_addresses() {
        let output = succeed(&ProbeDns::new(), json!({ "names": ["localhost"] })).await;
        let addresses = output["results"][0]["addresses"].as_array().unwrap();
        assert!(addresses.contains(&json!("127.0.0.1")) || addresses.contains(&json!("::1")));
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_fails_the_step_and_is_named() {
        // A label of more than 63 characters is refused by the resolver itself, without a network.
        let name = format!("{}.invalid", "a".repeat(64));
        let error = fail(&ProbeDns::new(), json!({ "names": ["localhost", name] })).await;
        assert_eq!(error.code, "name_not_resolved");
        assert!(
            error
                .message
                .starts_with("1 of 2 names did not resolve: aaaa")
        );
        assert_fits(&ProbeDns::new().spec.output_schema, &error.data.unwrap());
    }
}
