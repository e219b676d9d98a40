//! Files that runs leave behind.

use sqlx::Row;

use super::{SqliteStore, corrupt, rows, unavailable};
use crate::engine::ids::{ArtifactId, RunId, StepPath};
use crate::engine::summary::ArtifactCard;
use crate::engine::time::Timestamp;
use crate::store::StoreError;

pub struct NewArtifact {
    pub id: ArtifactId,
    pub run_id: RunId,
    pub step_id: StepPath,
    pub name: String,
    pub media_type: String,
    pub sha256: String,
    pub content: Vec<u8>,
    pub created_at: Timestamp,
}

pub struct ArtifactContent {
    pub card: ArtifactCard,
    pub content: Vec<u8>,
}

impl SqliteStore {
    /// Keeps the file, in place of one of the same run, step and name. Answers the id under which it is kept.
    pub async fn keep_artifact(&self, artifact: NewArtifact) -> Result<ArtifactId, StoreError> {
        let id: String = sqlx::query_scalar(
            "INSERT INTO artifacts (id, run_id, step_id, name, media_type, bytes, sha256, content, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (run_id, step_id, name) DO UPDATE SET media_type = excluded.media_type,
                 bytes = excluded.bytes, sha256 = excluded.sha256, content = excluded.content,
                 created_at = excluded.created_at
             RETURNING id",
        )
        .bind(artifact.id.as_str())
        .bind(artifact.run_id.as_str())
        .bind(artifact.step_id.as_str())
        .bind(&artifact.name)
        .bind(&artifact.media_type)
        .bind(i64::try_from(artifact.content.len()).unwrap_or(i64::MAX))
        .bind(&artifact.sha256)
        .bind(&artifact.content)
        .bind(artifact.created_at.as_micros())
        .fetch_one(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(ArtifactId::new(id))
    }

    pub async fn artifacts_of(&self, run_id: &RunId) -> Result<Vec<ArtifactCard>, StoreError> {
        sqlx::query("SELECT id, step_id, name, media_type, bytes, created_at FROM artifacts WHERE run_id = $1 ORDER BY created_at, id")
            .bind(run_id.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable)?
            .iter()
            .map(card)
            .collect()
    }

    /// The file, if that run left it.
    pub async fn artifact(
        &self,
        run_id: &RunId,
        id: &ArtifactId,
    ) -> Result<Option<ArtifactContent>, StoreError> {
        let row = sqlx::query("SELECT id, step_id, name, media_type, bytes, created_at, content FROM artifacts WHERE run_id = $1 AND id = $2")
            .bind(run_id.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        row.map(|row| {
            Ok(ArtifactContent {
                card: card(&row)?,
                content: row.try_get("content").map_err(corrupt)?,
            })
        })
        .transpose()
    }
}

fn card(row: &sqlx::sqlite::SqliteRow) -> Result<ArtifactCard, StoreError> {
    Ok(ArtifactCard {
        id: ArtifactId::new(rows::text(row, "id")?),
        step_id: StepPath::new(rows::text(row, "step_id")?),
        name: rows::text(row, "name")?,
        media_type: rows::text(row, "media_type")?,
        bytes: rows::number(row, "bytes")?,
        created_at: rows::moment(row, "created_at")?,
    })
}
