//! Drafts: workflows that are being written. A change names the revision it was made from, so that two tabs never write
//! over each other; publishing takes the draft away and leaves a note of what it has become, in one transaction.

use super::sql::{Row, Sql};
use super::versions::add_version;
use super::{Database, NewVersion, StoreError, corrupt};
use crate::engine::ids::{DraftId, WorkflowId};
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

/// A draft without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftRow {
    pub id: DraftId,
    /// The workflow it is for; none when it is to be a new one.
    pub workflow_id: Option<WorkflowId>,
    /// The version of that workflow that it began as.
    pub based_on: Option<u32>,
    /// The template that it began as.
    pub made_from: Option<WorkflowId>,
    pub name: String,
    /// From 1; each change adds one.
    pub revision: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What a draft has become.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedDraft {
    pub workflow_id: WorkflowId,
    /// Of the version.
    pub number: u32,
    /// The version was made of the draft; otherwise it was there already, word for word.
    pub is_new: bool,
}

/// What a draft is to become.
#[derive(Clone, Copy, Debug)]
pub enum Publication<'a> {
    Version(&'a NewVersion),
    /// Nothing new: the workflow has a version like this.
    Known(&'a WorkflowId, u32),
}

/// The columns that `draft_row` reads.
macro_rules! columns {
    () => {
        "id, workflow_id, based_on, made_from, name, revision, created_at, updated_at, updated_by"
    };
}

impl Database {
    /// Keeps a new draft. False, and nothing is kept, when there is one for its workflow.
    pub async fn make_draft(
        &self,
        draft: &DraftRow,
        document: &Workflow,
    ) -> Result<bool, StoreError> {
        let document = serde_json::to_string(document).map_err(corrupt)?;
        let sql = Sql::of(
            "INSERT INTO drafts (id, workflow_id, based_on, made_from, name, document, revision, created_at, updated_at, updated_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workflow_id) DO NOTHING",
        )
        .bind(draft.id.as_str())
        .bind(draft.workflow_id.as_ref().map(WorkflowId::as_str))
        .bind(draft.based_on)
        .bind(draft.made_from.as_ref().map(WorkflowId::as_str))
        .bind(&draft.name)
        .bind(&document)
        .bind(draft.revision)
        .bind(draft.created_at)
        .bind(draft.updated_at)
        .bind(&draft.updated_by);
        let mut change = self.change().await?;
        let made = change.run(sql).await? > 0;
        change.commit().await?;
        Ok(made)
    }

    pub async fn draft(&self, id: &DraftId) -> Result<Option<(DraftRow, Workflow)>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            ", document FROM drafts WHERE id = $1"
        ));
        let row = self.first(sql.bind(id.as_str())).await?;
        row.map(|row| Ok((draft_row(&row)?, row.json("document")?)))
            .transpose()
    }

    /// The draft of this workflow.
    pub async fn draft_of(
        &self,
        workflow_id: &WorkflowId,
    ) -> Result<Option<(DraftRow, Workflow)>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            ", document FROM drafts WHERE workflow_id = $1"
        ));
        let row = self.first(sql.bind(workflow_id.as_str())).await?;
        row.map(|row| Ok((draft_row(&row)?, row.json("document")?)))
            .transpose()
    }

    /// Newest first, older than `before`.
    pub async fn list_drafts(
        &self,
        before: Option<&DraftId>,
        limit: u32,
    ) -> Result<Vec<DraftRow>, StoreError> {
        let mut sql = Sql::of(concat!("SELECT ", columns!(), " FROM drafts WHERE true"));
        if let Some(before) = before {
            sql.push(" AND id < ").push_bind(before.as_str());
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        self.all(sql).await?.iter().map(draft_row).collect()
    }

    pub async fn count_drafts(&self) -> Result<u32, StoreError> {
        let row = self
            .first(Sql::of("SELECT count(*) AS drafts FROM drafts"))
            .await?;
        row.map_or(Ok(0), |row| row.number("drafts"))
    }

    /// Keeps the document in place of that of this revision. `Stale` when the draft has another revision, or is gone.
    pub async fn save_draft(
        &self,
        id: &DraftId,
        revision: u32,
        document: &Workflow,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(document).map_err(corrupt)?;
        let sql = Sql::of(
            "UPDATE drafts SET document = $3, name = $4, updated_at = $5, updated_by = $6, revision = revision + 1
             WHERE id = $1 AND revision = $2",
        )
        .bind(id.as_str())
        .bind(revision)
        .bind(&text)
        .bind(&document.name)
        .bind(at)
        .bind(by);
        let mut change = self.change().await?;
        if change.run(sql).await? == 0 {
            return Err(StoreError::Stale);
        }
        change.commit().await
    }

    /// Whether there was one.
    pub async fn delete_draft(&self, id: &DraftId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of("DELETE FROM drafts WHERE id = $1");
        let deleted = change.run(sql.bind(id.as_str())).await?;
        change.commit().await?;
        Ok(deleted > 0)
    }

    /// Makes the draft what it is to become, and takes it away. Answers the version's number. When the process dies
    /// before it answers, all of it has happened or nothing, and `published_draft` tells which. `Stale` when the draft
    /// has another revision or is gone, or when the version does not follow what is current.
    pub async fn publish_draft(
        &self,
        id: &DraftId,
        revision: u32,
        publication: Publication<'_>,
        at: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut change = self.change().await?;
        let taken = Sql::of("DELETE FROM drafts WHERE id = $1 AND revision = $2");
        if change.run(taken.bind(id.as_str()).bind(revision)).await? == 0 {
            return Err(StoreError::Stale);
        }
        let (workflow_id, number, is_new) = match publication {
            Publication::Version(new) => {
                let number = add_version(&mut change, new).await?;
                (&new.workflow_id, number, true)
            }
            Publication::Known(workflow_id, number) => (workflow_id, number, false),
        };
        let note = Sql::of(
            "INSERT INTO published_drafts (draft_id, workflow_id, number, is_new, published_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id.as_str())
        .bind(workflow_id.as_str())
        .bind(number)
        .bind(is_new)
        .bind(at);
        change.run(note).await?;
        self.commit_workflows(change).await?;
        Ok(number)
    }

    pub async fn published_draft(
        &self,
        id: &DraftId,
    ) -> Result<Option<PublishedDraft>, StoreError> {
        let sql =
            Sql::of("SELECT workflow_id, number, is_new FROM published_drafts WHERE draft_id = $1");
        let row = self.first(sql.bind(id.as_str())).await?;
        row.map(|row| {
            Ok(PublishedDraft {
                workflow_id: WorkflowId::new(row.text("workflow_id")?),
                number: row.number("number")?,
                is_new: row.flag("is_new")?,
            })
        })
        .transpose()
    }
}

fn draft_row(row: &Row) -> Result<DraftRow, StoreError> {
    Ok(DraftRow {
        id: DraftId::new(row.text("id")?),
        workflow_id: row.optional_text("workflow_id")?.map(WorkflowId::new),
        based_on: row.optional_number("based_on")?,
        made_from: row.optional_text("made_from")?.map(WorkflowId::new),
        name: row.text("name")?,
        revision: row.number("revision")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
        updated_by: row.text("updated_by")?,
    })
}
