//! What can be wrong with a file that is said to be a capsule.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::engine::state::RunStatus;

/// The sentences are for people, without a stop at their end.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
pub enum Flaw {
    #[error("this is no capsule, or its first line has been changed")]
    NotACapsule,
    #[error("the file is larger than a capsule may be ({max_bytes} bytes)")]
    TooLarge { max_bytes: usize },
    #[error("it is a capsule of a form that this release does not know; open it with a newer one")]
    OtherFormat,
    #[error("the end of the file is missing: it has no seal")]
    NoSeal,
    #[error("its seal, the last line, has been changed: the signature does not fit")]
    SealChanged,
    #[error("line {line} has been changed since it was signed: {part}")]
    Changed { line: usize, part: Part },
    #[error("{lines} line(s) that were signed are missing after line {after}")]
    Missing { after: usize, lines: usize },
    #[error("{lines} line(s) that were not signed stand after line {after}")]
    Added { after: usize, lines: usize },
    #[error("line {line} is as it was signed, but cannot be read: {why}")]
    Unreadable { line: usize, why: String },
    #[error("the log has a gap before event {event}")]
    Gap { event: u32 },
    #[error("it does not hold all that makes up a run")]
    Incomplete,
    #[error("its log is that of no run this engine could have made")]
    NoRun,
    #[error("what it says of the run is not what its log leads to")]
    OtherStory,
    #[error("it says that the run is {}, but its log leads to {}", .says.as_str(), .leads_to.as_str())]
    OtherOutcome {
        says: RunStatus,
        leads_to: RunStatus,
    },
}

impl Flaw {
    /// Somebody or something has changed the file after it was signed; a fresh copy may be whole.
    pub fn was_changed(&self) -> bool {
        match self {
            Flaw::NotACapsule
            | Flaw::NoSeal
            | Flaw::SealChanged
            | Flaw::Changed { .. }
            | Flaw::Missing { .. }
            | Flaw::Added { .. } => true,
            Flaw::TooLarge { .. }
            | Flaw::OtherFormat
            | Flaw::Unreadable { .. }
            | Flaw::Gap { .. }
            | Flaw::Incomplete
            | Flaw::NoRun
            | Flaw::OtherStory
            | Flaw::OtherOutcome { .. } => false,
        }
    }
}

/// What stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    #[error("what the run was")]
    Head,
    #[error("the definition of the workflow")]
    Definition,
    #[error("the outline of the workflow")]
    Outline,
    #[error("event {0} of the log")]
    Event(usize),
    #[error("file {0} of those that the run left")]
    File(usize),
}

impl Part {
    /// Of the line with this number, from 1, in a capsule with so many events.
    pub(super) fn at(line: usize, events: usize) -> Self {
        match line {
            0 | 1 => Part::Head,
            2 => Part::Definition,
            3 => Part::Outline,
            later if later - 3 <= events => Part::Event(later - 3),
            last => Part::File(last - 3 - events),
        }
    }
}
