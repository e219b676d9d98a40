//! How large a workflow may be. Looked at before anything else, so that nothing else takes long.

use super::Compiling;
use crate::engine::bounds;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::expression::is_parsed;
use crate::engine::limits::{DEFINITION_BYTES_MAX, EDGES_MAX, EXPRESSION_TOKENS_MAX, STEPS_MAX};
use crate::engine::names;
use crate::engine::reads::{self, Language};
use crate::engine::workflow::{Step, Workflow};

/// More steps or edges, those in bodies included, than anything looks at.
pub fn has_too_many_parts(workflow: &Workflow) -> bool {
    let (mut steps, mut edges) = (workflow.steps.len(), workflow.edges.len());
    let mut open: Vec<&Step> = workflow.steps.iter().collect();
    while let Some(step) = open.pop() {
        if let Some(body) = &step.body {
            steps += body.steps.len();
            edges += body.edges.len();
            open.extend(&body.steps);
        }
    }
    steps > STEPS_MAX || edges > EDGES_MAX
}

/// What is said of a workflow whose text is longer than it may be.
pub fn too_long() -> Diagnostic {
    too_large(format!(
        "The workflow is larger than {DEFINITION_BYTES_MAX} bytes of JSON."
    ))
}

fn too_large(message: String) -> Diagnostic {
    Diagnostic::new("too_large", message).fix("Split it into several workflows.")
}

impl Compiling<'_> {
    /// Answers whether the rest may be looked at.
    pub(super) fn check_size(&mut self) -> bool {
        let problem = if has_too_many_parts(self.workflow) {
            too_large(format!(
                "The workflow has more than {STEPS_MAX} steps or {EDGES_MAX} ways between them."
            ))
        } else if !self.check_depth() {
            return true;
        } else if bounds::is_longer(self.workflow, DEFINITION_BYTES_MAX) {
            too_long()
        } else if self.expression_tokens() > EXPRESSION_TOKENS_MAX {
            too_large(format!(
                "The expressions of the workflow have more than {EXPRESSION_TOKENS_MAX} words, numbers and signs in all."
            ))
        } else {
            return true;
        };
        self.report(problem);
        false
    }

    /// In all expressions together. One that is refused without being parsed does not count.
    fn expression_tokens(&self) -> usize {
        let limit = self.workflow.concurrency.as_ref();
        let mut all = 0;
        reads::each(
            &self.places,
            limit.and_then(|limit| limit.key.as_ref()),
            |language, text| {
                let source = match language {
                    Language::Expression => Some(text),
                    Language::Binding => text
                        .strip_prefix('=')
                        .filter(|source| !source.starts_with('=')),
                };
                // Enough is enough: the rest is not read.
                let counts = |source: &&str| all <= EXPRESSION_TOKENS_MAX && is_parsed(source);
                all += source.filter(counts).map_or(0, names::token_count);
            },
        );
        all
    }
}
