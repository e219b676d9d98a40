//! Compiled versions, kept: a version never changes, so compiling it once is enough.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::compile::compile;
use crate::engine::ids::VersionId;
use crate::engine::plan::Plan;
use crate::engine::tool::Catalogue;
use crate::store::{Store, StoreError};

/// Versions kept compiled. Past this the oldest ids go first; they are compiled again when needed.
const PLANS_MAX: usize = 1_000;

pub(super) struct Plans {
    catalogue: Catalogue,
    compiled: Mutex<BTreeMap<VersionId, Arc<Plan>>>,
}

impl Plans {
    pub(super) fn new(catalogue: Catalogue) -> Self {
        Self {
            catalogue,
            compiled: Mutex::default(),
        }
    }

    pub(super) async fn get(
        &self,
        store: &dyn Store,
        version_id: &VersionId,
    ) -> Result<Arc<Plan>, StoreError> {
        if let Some(plan) = self.lock().get(version_id) {
            return Ok(Arc::clone(plan));
        }
        let definition = store
            .definition(version_id)
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("version {version_id} is not stored")))?;
        let plan = compile(&definition, &self.catalogue).map_err(|problems| {
            let first = problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            StoreError::Corrupt(format!(
                "version {version_id} does not compile here: {first}"
            ))
        })?;
        let plan = Arc::new(plan);
        let mut compiled = self.lock();
        if compiled.len() >= PLANS_MAX {
            compiled.pop_first();
        }
        compiled.insert(version_id.clone(), Arc::clone(&plan));
        Ok(plan)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<VersionId, Arc<Plan>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
