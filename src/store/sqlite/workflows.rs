//! Workflows and their versions.

use std::sync::Arc;

use super::{SqliteStore, corrupt, rows, unavailable};
use crate::engine::ids::{VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::StoreError;

/// A workflow without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    pub id: WorkflowId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub is_template: bool,
    pub version_id: VersionId,
    pub version: u32,
    pub steps: u32,
    pub updated_at: Timestamp,
}

/// The first or next version of a workflow.
#[derive(Clone, Debug)]
pub struct NewVersion {
    pub workflow_id: WorkflowId,
    pub version_id: VersionId,
    pub slug: String,
    pub is_template: bool,
    pub definition: Workflow,
    /// What the document compiles to.
    pub outline: Arc<Outline>,
    pub hash: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl SqliteStore {
    /// Makes the workflow with version 1, or adds the next version to it. Answers the version's number.
    pub async fn save_version(&self, new: &NewVersion) -> Result<u32, StoreError> {
        let definition = serde_json::to_string(&new.definition).map_err(corrupt)?;
        let outline = serde_json::to_string(&*new.outline).map_err(corrupt)?;
        let tags = serde_json::to_string(&new.definition.tags).map_err(corrupt)?;
        let mut transaction = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)?;
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO workflows (id, slug, name, description, tags, is_template, current_version, version, steps, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $9)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
                 tags = excluded.tags, current_version = excluded.current_version, version = workflows.version + 1,
                 steps = excluded.steps, updated_at = excluded.updated_at
             RETURNING version",
        )
        .bind(new.workflow_id.as_str())
        .bind(&new.slug)
        .bind(&new.definition.name)
        .bind(&new.definition.description)
        .bind(tags)
        .bind(new.is_template)
        .bind(new.version_id.as_str())
        .bind(i64::try_from(new.definition.steps.len()).unwrap_or(i64::MAX))
        .bind(new.created_at.as_micros())
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| slug_taken(error, &new.slug))?;
        sqlx::query(
            "INSERT INTO workflow_versions (id, workflow_id, number, definition, outline, hash, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.version_id.as_str())
        .bind(new.workflow_id.as_str())
        .bind(version)
        .bind(definition)
        .bind(outline)
        .bind(&new.hash)
        .bind(&new.created_by)
        .bind(new.created_at.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        u32::try_from(version).map_err(corrupt)
    }

    /// By name.
    pub async fn list_workflows(&self) -> Result<Vec<WorkflowRow>, StoreError> {
        let sql = sqlx::query(
            "SELECT id, slug, name, description, tags, is_template, current_version, version, steps, updated_at FROM workflows ORDER BY name, id",
        );
        sql.fetch_all(&self.readers)
            .await
            .map_err(unavailable)?
            .iter()
            .map(workflow_row)
            .collect()
    }

    /// The workflow with this slug or id.
    pub async fn workflow(&self, slug_or_id: &str) -> Result<Option<WorkflowRow>, StoreError> {
        let row = sqlx::query("SELECT id, slug, name, description, tags, is_template, current_version, version, steps, updated_at FROM workflows WHERE slug = $1 OR id = $1")
            .bind(slug_or_id)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(workflow_row).transpose()
    }

    /// The hash of the current version's document.
    pub async fn version_hash(&self, version_id: &VersionId) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT hash FROM workflow_versions WHERE id = $1")
            .bind(version_id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)
    }
}

/// A slug that another workflow has is the caller's mistake, and told apart from a database that fails.
fn slug_taken(error: sqlx::Error, slug: &str) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::SlugTaken(slug.to_owned()),
        Some(_) | None => unavailable(error),
    }
}

fn workflow_row(row: &sqlx::sqlite::SqliteRow) -> Result<WorkflowRow, StoreError> {
    Ok(WorkflowRow {
        id: WorkflowId::new(rows::text(row, "id")?),
        slug: rows::text(row, "slug")?,
        name: rows::text(row, "name")?,
        description: rows::text(row, "description")?,
        tags: serde_json::from_str(&rows::text(row, "tags")?).map_err(corrupt)?,
        is_template: rows::number::<i64>(row, "is_template")? != 0,
        version_id: VersionId::new(rows::text(row, "current_version")?),
        version: rows::number(row, "version")?,
        steps: rows::number(row, "steps")?,
        updated_at: rows::moment(row, "updated_at")?,
    })
}
