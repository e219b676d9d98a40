//! What a `tool_call` step does to the world: one file a tool, each with its schemas and its effect class.
//! Tools know nothing of a run beyond the call they are handed, and keep nothing between two calls.

mod http_request;
mod outbound;
mod probe;
mod probe_dns;
mod probe_host;
mod probe_http;
mod probe_tcp;
mod report;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod twice;
mod util;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

use crate::driver::tool::{Artifact, ArtifactSink, Tool, ToolOutcome, Toolbox};
use crate::engine::failure::StepError;
use crate::engine::ids::ArtifactId;
use crate::engine::tool::Catalogue;
pub use outbound::MARK_HEADER;
use outbound::{Outbound, Policy};

/// Every tool that comes with the server. `mark` is what their HTTP requests carry as `MARK_HEADER`.
pub fn toolbox(artifacts: Arc<dyn ArtifactSink>, mark: &str) -> Toolbox {
    let outbound = Arc::new(Outbound::new(Policy { mark: mark.into() }));
    let tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(http_request::HttpRequest::new(Arc::clone(&outbound))),
        Arc::new(probe_dns::ProbeDns::new()),
        Arc::new(probe_host::ProbeHost::new()),
        Arc::new(probe_http::ProbeHttp::new(Arc::clone(&outbound))),
        Arc::new(probe_tcp::ProbeTcp::new(outbound)),
        Arc::new(report::ReportWrite::new(artifacts)),
        Arc::new(util::Noop::new()),
        Arc::new(util::Sleep::new()),
    ];
    Toolbox::new(tools)
}

/// What the tools of `toolbox` say about themselves, for whoever only compiles.
pub fn catalogue() -> Catalogue {
    toolbox(Arc::new(NoShelf), "").catalogue()
}

/// Where nothing is called, nothing is kept.
struct NoShelf;

#[async_trait]
impl ArtifactSink for NoShelf {
    async fn keep(&self, _: Artifact) -> Result<ArtifactId, String> {
        Err("nothing is kept here".to_owned())
    }
}

/// Reads a call's input into what the tool works with.
fn parse_input<T: DeserializeOwned>(input: &Value) -> Result<T, StepError> {
    T::deserialize(input)
        .map_err(|error| invalid_input(format!("The input does not fit: {error}.")))
}

fn invalid_input(message: impl Into<String>) -> StepError {
    StepError::new("invalid_input", message)
}

/// The answer to a cancel (or to the end of the attempt's time) by a tool that has changed nothing.
fn cancelled() -> ToolOutcome {
    ToolOutcome::Failed(StepError::new(
        "cancelled",
        "Stopped before it was finished.",
    ))
}

fn elapsed_ms(since: tokio::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::testing::{Shelf, assert_fits, run};
    use super::*;
    use crate::engine::rehearse::example::example_of;
    use crate::engine::tool::EffectClass;
    use serde_json::json;

    #[test]
    fn every_tool_describes_itself_and_its_examples_fit_its_schema() {
        let catalogue = toolbox(Arc::new(Shelf::default()), "test").catalogue();
        for spec in catalogue.iter() {
            assert!(spec.description.ends_with('.'), "{}", spec.name);
            assert!(spec.default_timeout_ms > 0, "{}", spec.name);
            assert_eq!(
                spec.input_schema["additionalProperties"],
                json!(false),
                "{}",
                spec.name
            );
            let examples = spec.input_schema["examples"].as_array().expect("examples");
            assert!(!examples.is_empty(), "{}", spec.name);
            for example in examples {
                assert_fits(&spec.input_schema, example);
            }
            for (name, field) in spec.input_schema["properties"]
                .as_object()
                .expect("properties")
            {
                assert!(
                    field["title"].is_string(),
                    "{}.{name} has no title",
                    spec.name
                );
                assert!(
                    field["description"].is_string(),
                    "{}.{name} says nothing",
                    spec.name
                );
                if let Some(default) = field.get("default") {
                    assert_fits(field, default);
                }
            }
            assert!(
                jsonschema::validator_for(&spec.output_schema).is_ok(),
                "{}",
                spec.name
            );
            // What a rehearsal gives for its output.
            assert_fits(&spec.output_schema, &example_of(&spec.output_schema));
        }
    }

    #[test]
    fn the_catalogue_names_every_tool() {
        let catalogue = toolbox(Arc::new(Shelf::default()), "test").catalogue();
        let names: Vec<&str> = catalogue.names().collect();
        assert_eq!(
            names,
            [
                "http.request",
                "probe.dns",
                "probe.host",
                "probe.http",
                "probe.tcp",
                "report.write",
                "util.noop",
                "util.sleep"
            ]
        );
    }

    #[test]
    fn the_method_decides_what_a_request_does_to_the_world() {
        let catalogue = toolbox(Arc::new(Shelf::default()), "test").catalogue();
        let spec = catalogue.get("http.request").expect("http.request");
        for (input, class) in [
            (json!({}), EffectClass::Read),
            (json!({"method": "HEAD"}), EffectClass::Read),
            (json!({"method": "PUT"}), EffectClass::Idempotent),
            (json!({"method": "POST"}), EffectClass::Effect),
            (json!({"method": "PATCH"}), EffectClass::Effect),
        ] {
            assert_eq!(spec.effect_of(&input), class, "{input}");
        }
    }

    #[tokio::test]
    async fn an_input_that_does_not_fit_is_refused_by_every_tool() {
        let toolbox = toolbox(Arc::new(Shelf::default()), "test");
        for name in toolbox.catalogue().names() {
            let tool = toolbox.get(name).expect("listed");
            match run(tool.as_ref(), json!({"no such field": 1})).await {
                ToolOutcome::Failed(error) => assert_eq!(error.code, "invalid_input", "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
