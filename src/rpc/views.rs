//! What our own pages are made of: the answer of each page's server function.

use serde::{Deserialize, Serialize};

use crate::engine::ansi::Span;
use crate::engine::contrast::Contrast;
use crate::engine::event::{Question, Recorded};
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::input::FieldError;
use crate::engine::logs::{LogCount, LogStream};
use crate::engine::plan::Outline;
use crate::engine::reliability::Ended;
pub use crate::engine::summary::ArtifactCard;
use crate::engine::summary::RunSummary;
use crate::engine::tasks::TaskList;
use crate::engine::time::Timestamp;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HomeView {
    /// Running or waiting, newest first.
    pub active: Vec<RunSummary>,
    pub waiting: Vec<GateCard>,
    pub doubts: Vec<DoubtCard>,
    /// Ended, newest first.
    pub recent: Vec<RunSummary>,
    /// Of the workflows that ran last.
    pub records: Vec<RecordView>,
    pub stats: RunStats,
    pub now: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunStats {
    pub total: u32,
    pub active: u32,
    pub completed: u32,
    pub failed: u32,
    pub cancelled: u32,
}

/// How the last runs of a workflow have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordView {
    pub slug: String,
    pub name: String,
    /// Oldest first.
    pub ended: Vec<Ended>,
}

/// A question that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateCard {
    pub gate_id: GateId,
    pub run_id: RunId,
    pub step_id: StepPath,
    pub workflow_name: String,
    pub question: Question,
    pub plan_hash: String,
    pub opened_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// A step of which a person has to say whether it took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoubtCard {
    pub run_id: RunId,
    pub step_id: StepPath,
    pub step_name: String,
    pub workflow_name: String,
    /// Why it is not known.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A start form that came back: what was typed, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedStart {
    pub typed: BTreeMap<String, String>,
    pub errors: Vec<FieldError>,
    /// What is wrong with the whole.
    pub message: Option<String>,
}

/// A run, complete: the fold of `events` over `outline` is its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub summary: RunSummary,
    pub outline: Outline,
    pub events: Vec<Recorded>,
    pub artifacts: Vec<ArtifactCard>,
    /// The last lines that its steps have written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogTail>,
    pub now: Timestamp,
}

/// Logs that come with the page of a run. Where there are so many, there may be more.
pub const LOGS_MAX: u32 = 500;

/// The log of one attempt, with its last lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogTail {
    pub step: StepPath,
    pub attempt: u32,
    pub count: LogCount,
    pub rows: Vec<LogRow>,
}

/// A line of a log, as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    pub seq: u32,
    pub at: Timestamp,
    pub stream: LogStream,
    pub spans: Vec<Span>,
}

/// What has been looked for in a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogView {
    pub count: LogCount,
    /// Lines that were looked for, also those that are not among the rows.
    pub matches: u32,
    /// The number of the last line that was looked at.
    pub last: u32,
    /// The last ones, in order.
    pub rows: Vec<LogRow>,
}

/// Two runs of one workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairView {
    pub run: RunView,
    /// None while there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Box<Other>>,
    /// Those that it can be compared with, newest first.
    pub choices: Vec<RunSummary>,
}

/// A run beside another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Other {
    pub run: RunView,
    /// It began before the one that it is compared with.
    pub is_older: bool,
    pub contrast: Contrast,
}

/// The run beside all pages. Never its log: that can be large, and is on its own page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActiveRunView {
    pub id: RunId,
    pub workflow_name: String,
    pub list: TaskList,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactView {
    pub card: ArtifactCard,
    pub run: RunSummary,
    /// Rendered Markdown, free of markup that came from the data; none for other media types.
    pub html: Option<String>,
    /// The text itself; none for binary content.
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalsView {
    pub waiting: Vec<GateCard>,
    pub doubts: Vec<DoubtCard>,
    pub now: Timestamp,
}
