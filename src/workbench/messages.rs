//! What a page asks the worker, and what it is answered.

use serde::{Deserialize, Serialize};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::layout::Picture;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// From here on these are the tools there are.
    Tools { catalogue: Catalogue },
    /// What is wrong with this draft, and where its steps are drawn.
    Check {
        /// Comes back with the answer, so that an old one is not taken for a new one.
        revision: u32,
        workflow: Box<Workflow>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The worker knows what it was told.
    Ready,
    Checked(Box<Checked>),
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
    pub picture: Picture,
}
