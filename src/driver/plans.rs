//! Versions made ready, and kept: a version never changes, so compiling it and its input schema once is enough.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::schemas::InputSchema;
use crate::engine::compile::compile_saved;
use crate::engine::ids::VersionId;
use crate::engine::input::on_server;
use crate::engine::plan::{Outline, Plan};
use crate::engine::tool::Catalogue;
use crate::store::{Store, StoreError};

/// Versions kept compiled. Past this the oldest ids go first; they are compiled again when needed.
const PLANS_MAX: usize = 1_000;

pub(super) struct Plans {
    catalogue: Catalogue,
    /// Where this server is, as defaults of inputs may name it.
    address: Arc<str>,
    compiled: Mutex<BTreeMap<VersionId, Version>>,
}

/// What starting a run of a version takes.
#[derive(Clone)]
pub(super) struct Version {
    pub plan: Arc<Plan>,
    /// What its input has to be, if it says so.
    pub inputs: Option<Arc<InputSchema>>,
}

impl Plans {
    pub(super) fn new(catalogue: Catalogue, address: Arc<str>) -> Self {
        Self {
            catalogue,
            address,
            compiled: Mutex::default(),
        }
    }

    pub(super) async fn get(
        &self,
        store: &dyn Store,
        version_id: &VersionId,
    ) -> Result<Arc<Plan>, StoreError> {
        Ok(self.version(store, version_id).await?.plan)
    }

    pub(super) async fn version(
        &self,
        store: &dyn Store,
        version_id: &VersionId,
    ) -> Result<Version, StoreError> {
        if let Some(version) = self.lock().get(version_id) {
            return Ok(version.clone());
        }
        let definition = store
            .definition(version_id)
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("version {version_id} is not stored")))?;
        let plan = compile_saved(&definition, &self.catalogue).map_err(|problems| {
            let first = problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            StoreError::Corrupt(format!(
                "version {version_id} does not compile here: {first}"
            ))
        })?;
        let kept = store.outline(version_id).await?;
        if kept.as_ref() != Some(&*plan.outline) {
            return Err(StoreError::Corrupt(format!(
                "version {version_id} compiles to other steps or edges than when it was saved"
            )));
        }
        let inputs = definition
            .inputs
            .map(|schema| Arc::new(InputSchema::new(on_server(&schema, &self.address))));
        let version = Version {
            plan: Arc::new(plan),
            inputs,
        };
        let mut compiled = self.lock();
        if compiled.len() >= PLANS_MAX {
            compiled.pop_first();
        }
        compiled.insert(version_id.clone(), version.clone());
        Ok(version)
    }

    /// The steps and edges of the version as they were when it was saved. Also there for a version that this release
    /// no longer compiles, so that its runs can always be read.
    pub(super) async fn outline(
        &self,
        store: &dyn Store,
        version_id: &VersionId,
    ) -> Result<Arc<Outline>, StoreError> {
        let uncompiled = match self.get(store, version_id).await {
            Ok(plan) => return Ok(Arc::clone(&plan.outline)),
            Err(error @ StoreError::Corrupt(_)) => error,
            Err(other) => return Err(other),
        };
        let kept = store.outline(version_id).await?;
        kept.map(Arc::new).ok_or(uncompiled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<VersionId, Version>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
