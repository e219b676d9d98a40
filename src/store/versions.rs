//! Versions of workflows: added, never changed. What is added is checked against what it follows in the same
//! transaction, so that nobody writes over what somebody else has published meanwhile.

use std::sync::Arc;

use super::database::Change;
use super::sql::{Row, Sql, SqlError};
use super::workflows::searched;
use super::{Database, StoreError, corrupt, unavailable};
use crate::engine::ids::{VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

/// The first or next version of a workflow.
#[derive(Clone, Debug)]
pub struct NewVersion {
    pub workflow_id: WorkflowId,
    pub version_id: VersionId,
    pub slug: String,
    pub is_template: bool,
    /// A template that comes with the product.
    pub built_in: bool,
    /// The template that a new workflow began as.
    pub made_from: Option<WorkflowId>,
    /// The number of the version it follows, 0 for a new workflow. When absent, it follows whatever is current.
    pub follows: Option<u32>,
    /// Why, for people.
    pub note: String,
    pub definition: Workflow,
    /// What the document compiles to.
    pub outline: Arc<Outline>,
    pub hash: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// A version without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    pub id: VersionId,
    /// From 1.
    pub number: u32,
    pub note: String,
    pub hash: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub is_current: bool,
    /// Runs of this version that have not ended.
    pub open_runs: u32,
}

/// A change of one workflow among several that are stored together.
#[derive(Clone, Debug)]
pub enum WorkflowChange {
    Version(Box<NewVersion>),
    /// It had been deleted.
    BringBack(WorkflowId),
}

/// The columns that `version_row` reads, of `workflow_versions` as `v` and `workflows` as `w`.
macro_rules! columns {
    () => {
        "v.id, v.number, v.note, v.hash, v.created_by, v.created_at,
         CAST(CASE WHEN v.number = w.version THEN 1 ELSE 0 END AS BIGINT) AS is_current, coalesce(o.runs, 0) AS open_runs
         FROM workflow_versions AS v JOIN workflows AS w ON w.id = v.workflow_id
         LEFT JOIN (SELECT version_id, count(*) AS runs FROM runs WHERE workflow_id = $1 AND finished_at IS NULL
                    GROUP BY version_id) AS o ON o.version_id = v.id
         WHERE v.workflow_id = $1"
    };
}

impl Database {
    /// Makes the workflow with version 1, or adds the next version to it. Answers the version's number. `Stale` when
    /// it does not follow what is current, or the workflow has been deleted.
    pub async fn save_version(&self, new: &NewVersion) -> Result<u32, StoreError> {
        let mut change = self.change().await?;
        let number = add_version(&mut change, new).await?;
        self.commit_workflows(change).await?;
        Ok(number)
    }

    /// All of these changes, or none.
    pub async fn change_workflows(
        &self,
        changes: &[WorkflowChange],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for wanted in changes {
            match wanted {
                WorkflowChange::Version(new) => {
                    add_version(&mut change, new).await?;
                }
                WorkflowChange::BringBack(id) => {
                    super::workflows::bring_back(&mut change, id, now).await?;
                }
            }
        }
        self.commit_workflows(change).await
    }

    /// Commits what changes which version a name stands for.
    pub(super) async fn commit_workflows(&self, change: Change) -> Result<(), StoreError> {
        let cards = Arc::clone(&self.cards);
        // In a task of its own: the request may be dropped while the database commits, and commits it nevertheless.
        let storing = tokio::spawn(async move {
            let stored = change.commit().await;
            cards.forget(stored.is_ok());
            stored
        });
        storing.await.map_err(unavailable)?
    }

    /// Newest first, older than `before`.
    pub async fn versions_of(
        &self,
        workflow_id: &WorkflowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRow>, StoreError> {
        let mut sql = Sql::of(concat!("SELECT ", columns!())).bind(workflow_id.as_str());
        if let Some(before) = before {
            sql.push(" AND v.number < ").push_bind(before);
        }
        sql.push(" ORDER BY v.number DESC LIMIT ").push_bind(limit);
        self.all(sql).await?.iter().map(version_row).collect()
    }

    pub async fn version(
        &self,
        workflow_id: &WorkflowId,
        number: u32,
    ) -> Result<Option<VersionRow>, StoreError> {
        let mut sql = Sql::of(concat!("SELECT ", columns!())).bind(workflow_id.as_str());
        sql.push(" AND v.number = ").push_bind(number);
        let row = self.first(sql).await?;
        row.as_ref().map(version_row).transpose()
    }

    /// The hash of the version's document.
    pub async fn version_hash(&self, version_id: &VersionId) -> Result<Option<String>, StoreError> {
        let sql = Sql::of("SELECT hash FROM workflow_versions WHERE id = $1");
        let row = self.first(sql.bind(version_id.as_str())).await?;
        row.map(|row| row.text("hash")).transpose()
    }
}

/// Adds the version as a part of the change. Answers its number.
pub(super) async fn add_version(change: &mut Change, new: &NewVersion) -> Result<u32, StoreError> {
    let definition = serde_json::to_string(&new.definition).map_err(corrupt)?;
    let outline = serde_json::to_string(&*new.outline).map_err(corrupt)?;
    let number = move_on(change, new).await?;
    let version = Sql::of(
        "INSERT INTO workflow_versions (id, workflow_id, number, definition, outline, hash, note, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.version_id.as_str())
    .bind(new.workflow_id.as_str())
    .bind(number)
    .bind(&definition)
    .bind(&outline)
    .bind(&new.hash)
    .bind(&new.note)
    .bind(&new.created_by)
    .bind(new.created_at);
    change.run(version).await?;
    Ok(number)
}

/// Makes the workflow's row, or lets it stand for the new version.
async fn move_on(change: &mut Change, new: &NewVersion) -> Result<u32, StoreError> {
    let tags = serde_json::to_string(&new.definition.tags).map_err(corrupt)?;
    let search = searched(&new.definition);
    let mut workflow = Sql::of(
        "INSERT INTO workflows (id, slug, name, description, tags, is_template, current_version, version, steps, created_at, updated_at, built_in, made_from, search)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $9, $10, $11, $12)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
             tags = excluded.tags, current_version = excluded.current_version, version = workflows.version + 1,
             steps = excluded.steps, updated_at = excluded.updated_at, search = excluded.search
         WHERE workflows.deleted_at IS NULL",
    )
    .bind(new.workflow_id.as_str())
    .bind(&new.slug)
    .bind(&new.definition.name)
    .bind(&new.definition.description)
    .bind(&tags)
    .bind(new.is_template)
    .bind(new.version_id.as_str())
    .bind(new.definition.steps.len())
    .bind(new.created_at)
    .bind(new.built_in)
    .bind(new.made_from.as_ref().map(WorkflowId::as_str))
    .bind(&search);
    if let Some(follows) = new.follows {
        workflow
            .push(" AND workflows.version = ")
            .push_bind(follows);
    }
    workflow.push(" RETURNING version");
    let rows = change
        .all(workflow)
        .await
        .map_err(|error| slug_taken(error, &new.slug))?;
    match rows.first() {
        Some(row) => row.number("version"),
        None => Err(StoreError::Stale),
    }
}

/// A slug that another workflow has is the caller's mistake, and told apart from a database that fails.
fn slug_taken(error: SqlError, slug: &str) -> StoreError {
    match error {
        SqlError::Taken => StoreError::SlugTaken(slug.to_owned()),
        SqlError::Other(error) => error,
    }
}

fn version_row(row: &Row) -> Result<VersionRow, StoreError> {
    Ok(VersionRow {
        id: VersionId::new(row.text("id")?),
        number: row.number("number")?,
        note: row.text("note")?,
        hash: row.text("hash")?,
        created_by: row.text("created_by")?,
        created_at: row.moment("created_at")?,
        is_current: row.flag("is_current")?,
        open_runs: row.number("open_runs")?,
    })
}
