//! Files that runs leave behind.

use super::sql::{Row, Sql};
use super::{Database, StoreError};
use crate::engine::ids::{ArtifactId, RunId, StepPath};
use crate::engine::summary::ArtifactCard;
use crate::engine::time::Timestamp;

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

impl Database {
    /// Keeps the file, in place of one of the same run, step and name. Answers the id under which it is kept.
    pub async fn keep_artifact(&self, artifact: &NewArtifact) -> Result<ArtifactId, StoreError> {
        let sql = Sql::of(
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
        .bind(artifact.content.len())
        .bind(&artifact.sha256)
        .bind(artifact.content.as_slice())
        .bind(artifact.created_at);
        let mut change = self.change().await?;
        let id = change.one(sql).await?.text("id")?;
        change.commit().await?;
        Ok(ArtifactId::new(id))
    }

    pub async fn artifacts_of(&self, run_id: &RunId) -> Result<Vec<ArtifactCard>, StoreError> {
        let sql = Sql::of(
            "SELECT id, step_id, name, media_type, bytes, created_at FROM artifacts
             WHERE run_id = $1 ORDER BY created_at, id",
        );
        let rows = self.all(sql.bind(run_id.as_str())).await?;
        rows.iter().map(card).collect()
    }

    /// The file, if that run left it.
    pub async fn artifact(
        &self,
        run_id: &RunId,
        id: &ArtifactId,
    ) -> Result<Option<ArtifactContent>, StoreError> {
        let sql = Sql::of(
            "SELECT id, step_id, name, media_type, bytes, created_at, content FROM artifacts
             WHERE run_id = $1 AND id = $2",
        );
        let row = self
            .first(sql.bind(run_id.as_str()).bind(id.as_str()))
            .await?;
        row.map(|row| {
            Ok(ArtifactContent {
                card: card(&row)?,
                content: row.bytes("content")?,
            })
        })
        .transpose()
    }
}

fn card(row: &Row) -> Result<ArtifactCard, StoreError> {
    Ok(ArtifactCard {
        id: ArtifactId::new(row.text("id")?),
        step_id: StepPath::new(row.text("step_id")?),
        name: row.text("name")?,
        media_type: row.text("media_type")?,
        bytes: row.number("bytes")?,
        created_at: row.moment("created_at")?,
    })
}
