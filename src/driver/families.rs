//! How many runs go back to one start. A workflow that starts itself for every item of a list is bounded in depth, but a
//! thousand runs that start a thousand each are a million. What is stored counts them: each run of a family is started
//! under a key that names its root, in the transaction that makes it. Here is only what is being started.

use std::collections::BTreeMap;

use super::Driver;
use crate::engine::ids::RunId;
use crate::engine::limits::RUN_DESCENDANTS_MAX;
use crate::store::StoreError;

pub(super) struct Families {
    /// By root: its runs, and those that are being started.
    sizes: BTreeMap<RunId, u32>,
    pub descendants_max: u32,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            sizes: BTreeMap::new(),
            descendants_max: RUN_DESCENDANTS_MAX,
        }
    }
}

impl Families {
    /// Counts one more, if there may be one more.
    fn count_in(&mut self, root: &RunId, stored: u32) -> bool {
        let size = self.sizes.entry(root.clone()).or_insert(stored);
        let fits = *size < self.descendants_max;
        *size += u32::from(fits);
        fits
    }

    /// It did not come into being after all.
    pub(super) fn count_out(&mut self, root: &RunId) {
        if let Some(size) = self.sizes.get_mut(root) {
            *size = size.saturating_sub(1);
        }
    }

    /// The root has ended. Should a late descendant start one more, they are counted anew.
    pub(super) fn forget(&mut self, root: &RunId) {
        self.sizes.remove(root);
    }
}

impl Driver {
    /// Whether the family may have one more run, which is counted then.
    pub(super) async fn joins_family(&self, root: &RunId) -> Result<bool, StoreError> {
        let known = self.families().sizes.contains_key(root);
        let stored = if known {
            0
        } else {
            self.store.started_under(&key_prefix(root)).await?
        };
        Ok(self.families().count_in(root, stored))
    }
}

/// Under which the run is started: once, however often it is tried.
pub(super) fn start_key(root: &RunId, run_id: &RunId) -> String {
    format!("{}{run_id}", key_prefix(root))
}

fn key_prefix(root: &RunId) -> String {
    format!("family/{root}/")
}
