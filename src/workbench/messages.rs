//! What a page asks the worker, and what it is answered. Read by nobody else, so the variants are told apart in the way
//! that needs the least code to read.

use serde::{Deserialize, Serialize};

use super::stage::{Move, Scene};
use crate::engine::compare::Comparison;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::layout::Picture;
use crate::engine::rehearse::{Outcome, Taken};
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// From here on these are the tools there are.
    Tools { catalogue: Catalogue },
    /// What is wrong with this draft, and where its steps are drawn.
    Check {
        /// Comes back with the answer, so that an old one is not taken for a new one.
        revision: u32,
        workflow: Box<Workflow>,
    },
    /// One move in a rehearsal. `goes_on`: afterwards nothing is waited for but answers that nobody has chosen.
    Rehearse { made: Move, goes_on: bool },
    /// Whether the test cases of this draft hold.
    Cases {
        revision: u32,
        workflow: Box<Workflow>,
    },
    /// What is different in the newer one.
    Compare {
        revision: u32,
        old: Box<Workflow>,
        new: Box<Workflow>,
    },
    /// What the draft would have made of runs that have taken place.
    Impact {
        revision: u32,
        before: Box<Workflow>,
        draft: Box<Workflow>,
        runs: Vec<Taken>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The worker knows what it was told.
    Ready,
    Checked(Box<Checked>),
    Scene(Box<Scene>),
    Cases {
        revision: u32,
        verdicts: Vec<Verdict>,
    },
    Compared {
        revision: u32,
        comparison: Box<Comparison>,
    },
    /// No outcomes of a draft that does not compile.
    Impact {
        revision: u32,
        outcomes: Option<Vec<Outcome>>,
    },
    NotUnderstood {
        message: String,
    },
    /// Said by the script around it: it could not be loaded, or has broken down.
    Failed,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub revision: u32,
    /// In the author's order; empty when the draft can be published.
    pub findings: Vec<Diagnostic>,
    /// What keeps nobody from publishing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Diagnostic>,
    pub picture: Picture,
}

impl Checked {
    /// Leaves the picture as it is.
    pub fn forget_what_is_wrong(&mut self) {
        self.findings.clear();
        self.warnings.clear();
    }
}

/// What came of a test case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub name: String,
    /// What is not as it expects, in sentences; none when it holds.
    pub wrong: Vec<String>,
}
