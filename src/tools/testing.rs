//! What the tests of this room share: a call, real servers on this machine, and a shelf for artifacts.
//! Nothing here is a stand-in for the tools themselves.

use async_trait::async_trait;
use axum::Router;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

use crate::driver::tool::{Artifact, ArtifactSink, Log, Progress, Tool, ToolCall, ToolOutcome};
use crate::engine::ids::{ArtifactId, RunId, StepPath};

pub fn call(input: Value) -> ToolCall {
    ToolCall {
        run_id: RunId::new("run-1"),
        step_id: StepPath::new("step"),
        attempt: 1,
        was_interrupted: false,
        input,
        idempotency_key: "key-of-the-step".to_owned(),
        cancel: CancellationToken::new(),
        progress: Progress::ignored(),
        log: Log::ignored(),
    }
}

/// Calls the tool and holds its answer against the schema that it declares.
pub async fn run(tool: &dyn Tool, input: Value) -> ToolOutcome {
    let outcome = tool.call(call(input)).await;
    if let ToolOutcome::Succeeded(output) = &outcome {
        assert_fits(&tool.spec().output_schema, output);
    }
    outcome
}

pub async fn succeed(tool: &dyn Tool, input: Value) -> Value {
    match run(tool, input).await {
        ToolOutcome::Succeeded(output) => output,
        other => panic!("expected success: {other:?}"),
    }
}

pub async fn fail(tool: &dyn Tool, input: Value) -> crate::engine::failure::StepError {
    match run(tool, input).await {
        ToolOutcome::Failed(error) => error,
        other => panic!("expected a failure: {other:?}"),
    }
}

pub fn assert_fits(schema: &Value, value: &Value) {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let problems: Vec<String> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{value} does not fit: {problems:?}");
}

/// Serves the routes on this machine for the rest of the test.
pub async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// Reads one request, hands the connection over and closes it: for answers that no proper server gives.
pub fn serve_raw(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        answer(&mut stream);
    });
    address
}

/// An address of this machine at which nothing listens: the port is taken for as long as the tests run, so that
/// no other test's server gets it.
pub fn dead_address() -> SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .expect("a free port");
    let address = socket.local_addr().expect("bound");
    std::mem::forget(socket);
    address
}

/// Keeps artifacts as the real sink promises to: one file for each run, step and name.
#[derive(Default)]
pub struct Shelf {
    pub kept: Mutex<BTreeMap<(String, String, String), Artifact>>,
}

#[async_trait]
impl ArtifactSink for Shelf {
    async fn keep(&self, artifact: Artifact) -> Result<ArtifactId, String> {
        let key = (
            artifact.run_id.to_string(),
            artifact.step_id.to_string(),
            artifact.name.clone(),
        );
        let id = ArtifactId::new(format!("{}/{}/{}", key.0, key.1, key.2));
        self.kept
            .lock()
            .expect("not poisoned")
            .insert(key, artifact);
        Ok(id)
    }
}

pub fn shelf() -> Arc<Shelf> {
    Arc::new(Shelf::default())
}
