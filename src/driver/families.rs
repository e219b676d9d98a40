//! How many runs go back to one start. A workflow that starts itself for every item of a list is bounded in depth, but a
//! thousand runs that start a thousand each are a million. What is stored counts them: each run of a family is started
//! under a key that names its root, in the transaction that makes it. Here is only what is being started.

use std::collections::BTreeMap;

use super::Driver;
use crate::engine::ids::RunId;
use crate::engine::limits::RUN_DESCENDANTS_MAX;
use crate::store::StoreError;

pub(super) struct Families {
    by_root: BTreeMap<RunId, Family>,
    pub descendants_max: u32,
}

struct Family {
    /// Its runs, and those that are being started.
    size: u32,
    /// Those that are being started: the store may not have them yet.
    starting: u32,
    /// Its root is not in memory any more, so nobody will say when it ends.
    root_is_gone: bool,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            by_root: BTreeMap::new(),
            descendants_max: RUN_DESCENDANTS_MAX,
        }
    }
}

impl Families {
    /// Counts one more, if there may be one more.
    fn count_in(&mut self, root: &RunId, stored: u32, root_is_gone: bool) -> bool {
        let family = self.by_root.entry(root.clone()).or_insert(Family {
            size: stored,
            starting: 0,
            root_is_gone,
        });
        let fits = family.size < self.descendants_max;
        family.size += u32::from(fits);
        family.starting += u32::from(fits);
        self.forget_if_idle(root);
        fits
    }

    /// One that was counted has been started, or cannot be.
    pub(super) fn settle(&mut self, root: &RunId, started: bool) {
        if let Some(family) = self.by_root.get_mut(root) {
            family.size -= u32::from(!started);
            family.starting -= 1;
            self.forget_if_idle(root);
        }
    }

    /// The owner of the root has ended. Should a late descendant start one more, they are counted anew.
    pub(super) fn root_is_gone(&mut self, root: &RunId) {
        if let Some(family) = self.by_root.get_mut(root) {
            family.root_is_gone = true;
            self.forget_if_idle(root);
        }
    }

    /// What is kept of the family, if anything.
    #[cfg(test)]
    pub(super) fn size_of(&self, root: &RunId) -> Option<u32> {
        self.by_root.get(root).map(|family| family.size)
    }

    fn forget_if_idle(&mut self, root: &RunId) {
        let family = self.by_root.get(root);
        if family.is_some_and(|family| family.root_is_gone && family.starting == 0) {
            self.by_root.remove(root);
        }
    }
}

impl Driver {
    /// Whether the family may have one more run, which is counted then.
    pub(super) async fn joins_family(&self, root: &RunId) -> Result<bool, StoreError> {
        let known = self.families().by_root.contains_key(root);
        let stored = if known {
            0
        } else {
            self.store.started_under(&key_prefix(root)).await?
        };
        let mut families = self.families();
        // Asked while nobody else can: a root that goes away afterwards says so.
        let root_is_gone = !self.owns(root);
        Ok(families.count_in(root, stored, root_is_gone))
    }
}

/// Under which the run is started: once, however often it is tried.
pub(super) fn start_key(root: &RunId, run_id: &RunId) -> String {
    format!("{}{run_id}", key_prefix(root))
}

fn key_prefix(root: &RunId) -> String {
    format!("family/{root}/")
}
