//! Workflows and their versions.

use std::sync::Arc;

use super::sql::{Row, Sql, SqlError};
use super::{Database, StoreError, corrupt, unavailable};
use crate::engine::ids::{VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

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

/// The columns that `workflow_row` reads.
macro_rules! columns {
    () => {
        "id, slug, name, description, tags, is_template, current_version, version, steps, updated_at"
    };
}

impl Database {
    /// Makes the workflow with version 1, or adds the next version to it. Answers the version's number.
    pub async fn save_version(&self, new: &NewVersion) -> Result<u32, StoreError> {
        let definition = serde_json::to_string(&new.definition).map_err(corrupt)?;
        let outline = serde_json::to_string(&*new.outline).map_err(corrupt)?;
        let tags = serde_json::to_string(&new.definition.tags).map_err(corrupt)?;
        let mut change = self.change().await?;
        let workflow = Sql::of(
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
        .bind(&tags)
        .bind(new.is_template)
        .bind(new.version_id.as_str())
        .bind(new.definition.steps.len())
        .bind(new.created_at);
        let row = change
            .one(workflow)
            .await
            .map_err(|error| slug_taken(error, &new.slug))?;
        let number: u32 = row.number("version")?;
        let version = Sql::of(
            "INSERT INTO workflow_versions (id, workflow_id, number, definition, outline, hash, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.version_id.as_str())
        .bind(new.workflow_id.as_str())
        .bind(number)
        .bind(&definition)
        .bind(&outline)
        .bind(&new.hash)
        .bind(&new.created_by)
        .bind(new.created_at);
        change.run(version).await?;
        let cards = Arc::clone(&self.cards);
        // In a task of its own: the request may be dropped while the database commits, and commits it nevertheless.
        let storing = tokio::spawn(async move {
            let stored = change.commit().await;
            cards.forget(stored.is_ok());
            stored
        });
        storing.await.map_err(unavailable)??;
        Ok(number)
    }

    /// By name.
    pub async fn list_workflows(&self) -> Result<Vec<WorkflowRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM workflows ORDER BY name, id"
        ));
        self.all(sql).await?.iter().map(workflow_row).collect()
    }

    /// The workflow with this slug or id.
    pub async fn workflow(&self, slug_or_id: &str) -> Result<Option<WorkflowRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM workflows WHERE slug = $1 OR id = $1"
        ));
        let row = self.first(sql.bind(slug_or_id)).await?;
        row.as_ref().map(workflow_row).transpose()
    }

    /// The hash of the current version's document.
    pub async fn version_hash(&self, version_id: &VersionId) -> Result<Option<String>, StoreError> {
        let sql = Sql::of("SELECT hash FROM workflow_versions WHERE id = $1");
        let row = self.first(sql.bind(version_id.as_str())).await?;
        row.map(|row| row.text("hash")).transpose()
    }
}

/// A slug that another workflow has is the caller's mistake, and told apart from a database that fails.
fn slug_taken(error: SqlError, slug: &str) -> StoreError {
    match error {
        SqlError::Taken => StoreError::SlugTaken(slug.to_owned()),
        SqlError::Other(error) => error,
    }
}

fn workflow_row(row: &Row) -> Result<WorkflowRow, StoreError> {
    Ok(WorkflowRow {
        id: WorkflowId::new(row.text("id")?),
        slug: row.text("slug")?,
        name: row.text("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        is_template: row.flag("is_template")?,
        version_id: VersionId::new(row.text("current_version")?),
        version: row.number("version")?,
        steps: row.number("steps")?,
        updated_at: row.moment("updated_at")?,
    })
}
