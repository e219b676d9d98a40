//! Words for the ways between steps.

use crate::engine::plan::Outline;

/// The labels of the ways that lead to a step: `breach`, `all well`.
pub fn branch_labels(outline: &Outline, step: usize) -> Vec<String> {
    outline
        .incoming(step)
        .iter()
        .filter_map(|&edge| outline.edges[edge].label.clone())
        .collect()
}
