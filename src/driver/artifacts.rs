//! Where tools keep the files they leave for people: in the store, beside the runs.

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::run_task::STORE_RETRY_MS;
use super::tool::{Artifact, ArtifactSink};
use crate::engine::ids::ArtifactId;
use crate::store::{Database, NewArtifact};

/// One file; larger ones belong into a store of their own.
const ARTIFACT_BYTES_MAX: usize = 10_000_000;

pub struct StoredArtifacts {
    store: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl StoredArtifacts {
    pub fn new(store: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl ArtifactSink for StoredArtifacts {
    async fn keep(&self, artifact: Artifact) -> Result<ArtifactId, String> {
        if artifact.content.len() > ARTIFACT_BYTES_MAX {
            return Err(format!(
                "the file is larger than {ARTIFACT_BYTES_MAX} bytes"
            ));
        }
        let sha256 =
            Sha256::digest(&artifact.content)
                .iter()
                .fold(String::new(), |mut hex, byte| {
                    // Writing to a string cannot fail.
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
        let new = NewArtifact {
            id: ArtifactId::new(self.clock.new_id()),
            run_id: artifact.run_id,
            step_id: artifact.step_id,
            name: artifact.name,
            media_type: artifact.media_type,
            sha256,
            content: artifact.content,
            created_at: self.clock.now(),
        };
        loop {
            match self.store.keep_artifact(&new).await {
                Ok(id) => return Ok(id),
                // The step's time limit says how long.
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "an artifact cannot be kept now");
                    tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
                }
                Err(error) => {
                    tracing::error!(%error, "an artifact could not be kept");
                    return Err("the file could not be stored".to_owned());
                }
            }
        }
    }
}
