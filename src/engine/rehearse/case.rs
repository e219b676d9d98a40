//! A test case as it is saved with its workflow: what the world does (`given`), and what has to come of it (`expect`).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::answer::{Answers, there, wrong};
use crate::engine::event::EndReason;
use crate::engine::ids::StepPath;
use crate::engine::state::{RunStatus, StepStatus};
use crate::engine::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub given: Given,
    #[serde(default)]
    pub expect: Expect,
}

/// How the world behaves. Whatever is not said here is the same each time: tools answer at once with an example of what
/// they give, and nobody answers a gate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// What the run starts with, before the defaults of the workflow's inputs; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// When it starts; a Monday morning when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Where the pauses between tries come from.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u32,
    /// By a step's path, or by its id. The answers under an id are used up in the order in which the step is asked, over
    /// all iterations; the last one that fits is then repeated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepPath, Answers>,
    /// What is done to the run as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What must hold in the end. What is absent does not matter, except that the run must come to an end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// So long after its start the run is looked at, instead of when nothing more happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// `waiting` and the like are for a run that is to be left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    pub output: Option<Value>,
    /// By path, or by id: then each time that the step came to be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepPath, StepStatus>,
    /// How many attempts there were, by path, or by id over all iterations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<StepPath, u32>,
}

/// Something that is done to the run, so long after its start.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "WrittenAct")]
pub struct Act {
    pub deed: Deed,
    /// Nobody for a crash.
    pub by: String,
    pub comment: String,
    pub after_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    Cancel,
    Pause,
    Resume,
    /// A failed run goes on from what failed.
    Retry,
    Skip(StepPath),
    /// The server is killed and started again.
    Crash,
}

impl Deed {
    pub fn as_str(&self) -> &'static str {
        match self {
            Deed::Cancel => "cancel",
            Deed::Pause => "pause",
            Deed::Resume => "resume",
            Deed::Retry => "retry",
            Deed::Skip(_) => "skip",
            Deed::Crash => "crash",
        }
    }

    pub fn step(&self) -> Option<&StepPath> {
        match self {
            Deed::Skip(step) => Some(step),
            Deed::Cancel | Deed::Pause | Deed::Resume | Deed::Retry | Deed::Crash => None,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeedName {
    Cancel,
    Pause,
    Resume,
    Retry,
    Skip,
    Crash,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAct {
    #[serde(rename = "do")]
    deed: DeedName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<StepPath>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(default, skip_serializing_if = "super::is_zero")]
    after_ms: u64,
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenAct::deserialize(deserializer)?;
        written
            .act()
            .map_err(|expected| wrong("this act", expected))
    }
}

impl WrittenAct {
    /// The error says what was expected instead.
    fn act(self) -> Result<Act, &'static str> {
        let deed = match (self.deed, self.step) {
            (DeedName::Skip, Some(step)) => Deed::Skip(step),
            (DeedName::Skip, None) => return Err("a `step` to skip"),
            (
                DeedName::Cancel
                | DeedName::Pause
                | DeedName::Resume
                | DeedName::Retry
                | DeedName::Crash,
                Some(_),
            ) => return Err("a `step` only beside `do: skip`"),
            (DeedName::Cancel, None) => Deed::Cancel,
            (DeedName::Pause, None) => Deed::Pause,
            (DeedName::Resume, None) => Deed::Resume,
            (DeedName::Retry, None) => Deed::Retry,
            (DeedName::Crash, None) => Deed::Crash,
        };
        let is_crash = deed == Deed::Crash;
        if is_crash && !(self.by.is_empty() && self.comment.is_empty()) {
            return Err("a `crash` that nobody does, without `by` and `comment`");
        }
        if !is_crash && self.by.trim().is_empty() {
            return Err("`by`, as in `{ do: pause, by: ann }`");
        }
        Ok(Act {
            deed,
            by: self.by,
            comment: self.comment,
            after_ms: self.after_ms,
        })
    }
}

impl From<Act> for WrittenAct {
    fn from(act: Act) -> Self {
        let (deed, step) = match act.deed {
            Deed::Cancel => (DeedName::Cancel, None),
            Deed::Pause => (DeedName::Pause, None),
            Deed::Resume => (DeedName::Resume, None),
            Deed::Retry => (DeedName::Retry, None),
            Deed::Skip(step) => (DeedName::Skip, Some(step)),
            Deed::Crash => (DeedName::Crash, None),
        };
        Self {
            deed,
            step,
            by: act.by,
            comment: act.comment,
            after_ms: act.after_ms,
        }
    }
}
