//! Which run is a step of which other one, as long as either is under way.

use std::collections::{BTreeMap, BTreeSet};

use super::Asker;
use crate::engine::ids::RunId;

#[derive(Default)]
pub(super) struct Ancestry {
    /// The step that a run is, of the run that waits for it.
    parents: BTreeMap<RunId, Asker>,
    children: BTreeMap<RunId, BTreeSet<RunId>>,
}

impl Ancestry {
    pub(super) fn link(&mut self, run_id: &RunId, parent: Asker) {
        let below = self.children.entry(parent.0.clone()).or_default();
        below.insert(run_id.clone());
        if let Some((before, _)) = self.parents.insert(run_id.clone(), parent.clone())
            && before != parent.0
        {
            self.leave(&before, run_id);
        }
    }

    /// The run waits for nobody any more. Those that it leaves behind are below the one that it was below.
    pub(super) fn unlink(&mut self, run_id: &RunId) {
        let Some(above) = self.parents.remove(run_id) else {
            return;
        };
        self.leave(&above.0, run_id);
        for child in self.children.remove(run_id).unwrap_or_default() {
            let siblings = self.children.entry(above.0.clone()).or_default();
            siblings.insert(child.clone());
            self.parents.insert(child, above.clone());
        }
    }

    fn leave(&mut self, parent: &RunId, run_id: &RunId) {
        if let Some(below) = self.children.get_mut(parent) {
            below.remove(run_id);
            if below.is_empty() {
                self.children.remove(parent);
            }
        }
    }

    pub(super) fn parent(&self, run_id: &RunId) -> Option<&Asker> {
        self.parents.get(run_id)
    }

    /// How many runs are above it.
    pub(super) fn depth(&self, run_id: &RunId) -> usize {
        let above = |(run_id, _): &&Asker| self.parent(run_id);
        std::iter::successors(self.parent(run_id), above).count()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.children.is_empty()
    }
}
