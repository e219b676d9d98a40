//! The trait through which the driver calls the outside world. The driver owns it; each tool of the `tools` room
//! and of the packs implements it, and nothing here knows which tools there are.

use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::engine::{
    failure::StepError,
    ids::{ArtifactId, RunId, StepPath},
    logs::LogStream,
    tool::{Catalogue, ToolSpec},
};

/// One call of one tool, on behalf of one attempt of a step.
pub struct ToolCall {
    pub run_id: RunId,
    pub step_id: StepPath,
    pub attempt: u32,
    /// A crash cut an earlier attempt of the step off: what is to be done may have been done already.
    pub was_interrupted: bool,
    /// Already checked against the tool's input schema, defaults filled in.
    pub input: Value,
    /// The same for every attempt of the step: a receiver that honours it makes a repeated call harmless.
    pub idempotency_key: String,
    /// Triggered when the run is cancelled or the attempt has timed out: stop soon, then answer.
    pub cancel: CancellationToken,
    pub progress: Progress,
    pub log: Log,
}

/// How a call ended.
#[derive(Debug)]
pub enum ToolOutcome {
    Succeeded(Value),
    Failed(StepError),
    /// The request may or may not have had its effect: the answer was lost. Says what was lost.
    Unknown(String),
}

#[async_trait]
pub trait Tool: Send + Sync {
    fn spec(&self) -> &ToolSpec;

    /// Does the work. A crash before or during the call is seen by the driver as a lost attempt: it is made
    /// again when the spec's effect class allows that, and put to a person otherwise. The future may be dropped
    /// at any await after `cancel` was triggered and the grace time has passed.
    async fn call(&self, call: ToolCall) -> ToolOutcome;
}

/// Where a tool reports how far it is. Reports are coalesced before they reach the log.
#[derive(Clone)]
pub struct Progress(Arc<Report>);

type Report = dyn Fn(u8, &str) + Send + Sync;

impl Progress {
    pub fn new(report: impl Fn(u8, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// For callers who do not look.
    pub fn ignored() -> Self {
        Self::new(|_, _| ())
    }

    /// `percent` of the work is done (0 to 100); `doing` says in a few words what is being done now.
    pub fn report(&self, percent: u8, doing: &str) {
        (self.0)(percent.min(100), doing);
    }
}

/// Where a tool writes what it does, for people. Never a secret: no header, no body, no query of an address.
#[derive(Clone)]
pub struct Log(Arc<Write>);

type Write = dyn Fn(LogStream, &str) + Send + Sync;

impl Log {
    pub fn new(write: impl Fn(LogStream, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// For callers who do not read.
    pub fn ignored() -> Self {
        Self::new(|_, _| ())
    }

    /// One line or several. Never waits: what cannot be stored in time is left out, and the log says so.
    pub fn write(&self, stream: LogStream, text: &str) {
        (self.0)(stream, text);
    }

    /// What the tool says of its own doing.
    pub fn note(&self, text: &str) {
        self.write(LogStream::Note, text);
    }
}

/// A file that a step leaves behind for people.
#[derive(Clone, Debug)]
pub struct Artifact {
    pub run_id: RunId,
    pub step_id: StepPath,
    pub name: String,
    pub media_type: String,
    pub content: Vec<u8>,
}

/// Where tools keep artifacts.
#[async_trait]
pub trait ArtifactSink: Send + Sync {
    /// Keeps the file and answers its id. Keeping another file of the same run, step and name replaces it and
    /// answers the same id, so that a repeated attempt leaves one file. The error is a sentence for people.
    async fn keep(&self, artifact: Artifact) -> Result<ArtifactId, String>;
}

/// The tools this process can call.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<String, Arc<dyn Tool>>,
    /// Calls at once over all runs, by tool, where the operator bounds them.
    limits: BTreeMap<String, u32>,
}

impl Toolbox {
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        Self {
            tools: tools
                .into_iter()
                .map(|tool| (tool.spec().name.clone(), tool))
                .collect(),
            limits: BTreeMap::new(),
        }
    }

    /// With bounds on how many calls of a tool may be made at once over all runs. The error is the name of a tool that
    /// is not there.
    pub fn limited(mut self, limits: BTreeMap<String, u32>) -> Result<Self, String> {
        if let Some(unknown) = limits.keys().find(|name| !self.tools.contains_key(*name)) {
            return Err(unknown.clone());
        }
        self.limits = limits;
        Ok(self)
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    pub fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.tools.values().map(|tool| {
            let spec = tool.spec().clone();
            let max_parallel = self.limits.get(&spec.name).copied().or(spec.max_parallel);
            ToolSpec {
                max_parallel,
                ..spec
            }
        }))
    }
}
