//! What is wrong with a workflow, said so that its author can mend it: a code, a sentence, the place and the fix; where
//! the fix is mechanical, also as a patch that a click, a program or an agent can apply.

use serde::{Deserialize, Serialize};

use super::ids::StepId;
use super::limits::MESSAGE_CHARS_MAX;
use super::patch::PatchOperation;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable, snake_case.
    pub code: String,
    pub message: String,
    /// The step it is about; beside an edge, the map or loop in whose body the edge is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// The edge it is about: its position in `edges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<usize>,
    /// The field of that step, edge or workflow, such as `with.url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The step or edge as a JSON Pointer into the workflow: `/steps/2/body/edges/0`. Says which one is meant also
    /// where ids do not; empty where it is about the workflow itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// A change that mends it, where there is one that nobody has to think about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

/// A change that makes one problem go away. It is offered and never applied unasked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// What the click will do, in a few words: "Call it `check_2`".
    pub label: String,
    pub patch: Vec<PatchOperation>,
}

impl Repair {
    pub fn new(label: impl Into<String>, patch: Vec<PatchOperation>) -> Self {
        Self {
            label: readable(label.into()),
            patch,
        }
    }

    pub fn one(label: impl Into<String>, operation: PatchOperation) -> Self {
        Self::new(label, vec![operation])
    }
}

impl Diagnostic {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: readable(message.into()),
            step: None,
            edge: None,
            field: None,
            at: String::new(),
            fix: None,
            repair: None,
        }
    }

    pub fn step(mut self, step: &StepId) -> Self {
        self.step = Some(step.clone());
        self
    }

    pub fn edge(mut self, edge: usize) -> Self {
        self.edge = Some(edge);
        self
    }

    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.at = pointer.into();
        self
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(readable(fix.into()));
        self
    }

    pub fn repair(mut self, repair: Option<Repair>) -> Self {
        self.repair = repair;
        self
    }
}

/// Names come from the document, and a document may hold anything: what a reader would not see, or what would turn
/// round the text around it, is written out, and what nobody would read to its end is cut.
fn readable(text: String) -> String {
    let plain = |c: char| !c.is_control() && !is_invisible(c);
    if text.len() <= MESSAGE_CHARS_MAX && text.chars().all(plain) {
        return text;
    }
    let written = text.chars().flat_map(|c| {
        let plain = plain(c).then_some(c);
        let escaped = plain.is_none().then(|| c.escape_unicode());
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    let mut shown: String = written.take(MESSAGE_CHARS_MAX).collect();
    if shown.chars().count() == MESSAGE_CHARS_MAX {
        shown.push_str(" … (cut).");
    }
    shown
}

/// Spaces of no width, joiners, marks that change the direction, and characters that only tag others.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.fix {
            Some(fix) => write!(f, " {fix}"),
            None => Ok(()),
        }
    }
}
