//! Versions of workflows: added with a note, listed, read, and restored as new ones. What is the same, word for word, is
//! no new version.

use std::collections::BTreeMap;

use super::workflows::{Making, checked_note, overrun};
use super::{AuthoringError, Service, ServiceError};
use crate::engine::workflow::Workflow;
use crate::store::{NewVersion, Store, StoreError, VersionRow, WorkflowRow};

/// How often something is decided anew when somebody else was faster.
pub(super) const TRIES_MAX: usize = 100;

/// A change of a workflow, beside its document.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Why, for people.
    pub note: String,
    /// The number of the version that its author began with: refused when another is current.
    pub expected_current: Option<u32>,
    pub actor: String,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// As it stands with this version.
    pub row: WorkflowRow,
    pub definition: Workflow,
    /// False: the current version was like this already, and no other was made.
    pub is_new: bool,
}

impl Service {
    /// Adds the next version to a workflow. Runs that are under way stay with theirs. Saving the same document twice
    /// adds nothing.
    pub async fn add_version(
        &self,
        slug_or_id: &str,
        definition: Workflow,
        edit: Edit,
    ) -> Result<Saved, ServiceError> {
        let note = checked_note(&edit.note)?;
        for _ in 0..TRIES_MAX {
            let (row, current) = self.changeable(slug_or_id).await?;
            let next = self
                .next_version(&row, &current, definition.clone(), &note, &edit.actor)
                .await?;
            // Looked at first: whoever repeats a change whose answer was lost is not told that somebody was faster.
            let Some(new) = next else {
                return Ok(Saved {
                    row,
                    definition: current,
                    is_new: false,
                });
            };
            expect_current(&row, edit.expected_current)?;
            match self.store.save_version(&new).await {
                Ok(_) => return self.saved(new).await,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(overrun())
    }

    /// A new version with the document of an old one.
    pub async fn restore_version(
        &self,
        slug_or_id: &str,
        number: u32,
        edit: Edit,
    ) -> Result<Saved, ServiceError> {
        let (row, definition, _) = self.version_of_workflow(slug_or_id, number).await?;
        let note = if edit.note.trim().is_empty() {
            format!("Version {number} restored.")
        } else {
            edit.note
        };
        self.add_version(row.id.as_str(), definition, Edit { note, ..edit })
            .await
    }

    /// Newest first, older than `before`.
    pub async fn versions(
        &self,
        slug_or_id: &str,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRow>, ServiceError> {
        let row = self.store.workflow(slug_or_id).await?;
        let row = row.ok_or(ServiceError::NotFound("workflow"))?;
        Ok(self.store.versions_of(&row.id, before, limit).await?)
    }

    /// One version with its document.
    pub async fn version_of_workflow(
        &self,
        slug_or_id: &str,
        number: u32,
    ) -> Result<(WorkflowRow, Workflow, VersionRow), ServiceError> {
        let row = self.store.workflow(slug_or_id).await?;
        let row = row.ok_or(ServiceError::NotFound("workflow"))?;
        let gone = ServiceError::NotFound("version");
        let version = self.store.version(&row.id, number).await?;
        let version = version.ok_or(gone.clone())?;
        let definition = self.store.definition(&version.id).await?.ok_or(gone)?;
        Ok((row, definition, version))
    }

    /// A workflow that may get another version: those of the product are brought up to date by the product.
    pub(super) async fn changeable(
        &self,
        slug_or_id: &str,
    ) -> Result<(WorkflowRow, Workflow), ServiceError> {
        let (row, current) = self.present(slug_or_id).await?;
        if row.built_in {
            return Err(AuthoringError::BuiltIn(row.slug).into());
        }
        Ok((row, current))
    }

    /// The version that would follow the current one; none when it would be the same.
    pub(super) async fn next_version(
        &self,
        row: &WorkflowRow,
        current: &Workflow,
        definition: Workflow,
        note: &str,
        actor: &str,
    ) -> Result<Option<NewVersion>, ServiceError> {
        let none = BTreeMap::new();
        let making = Making {
            follows: row.version,
            is_template: row.is_template,
            ..Making::new_workflow(row.id.clone(), note.to_owned(), actor, &none)
        };
        self.next_version_as(row, current, definition, making).await
    }

    pub(super) async fn next_version_as(
        &self,
        row: &WorkflowRow,
        current: &Workflow,
        definition: Workflow,
        making: Making<'_>,
    ) -> Result<Option<NewVersion>, ServiceError> {
        let definition = named(definition, row);
        self.compiled(&definition)?;
        // As if it were the current one: a workflow that runs itself runs the version in which it says so.
        let mut as_current = definition.clone();
        self.pin_versions(&mut as_current, row.version, making.siblings)
            .await?;
        if text(&as_current) == text(&named(current.clone(), row)) {
            return Ok(None);
        }
        self.prepared(making, definition).await.map(Some)
    }

    pub(super) async fn saved(&self, new: NewVersion) -> Result<Saved, ServiceError> {
        let (row, _) = self.workflow(new.workflow_id.as_str()).await?;
        let row = WorkflowRow {
            version: new.follows.unwrap_or(row.version) + u32::from(new.follows.is_some()),
            version_id: new.version_id,
            ..row
        };
        Ok(Saved {
            row,
            definition: new.definition,
            is_new: true,
        })
    }
}

pub(super) fn expect_current(row: &WorkflowRow, expected: Option<u32>) -> Result<(), ServiceError> {
    match expected {
        Some(expected) if expected != row.version => Err(AuthoringError::Overtaken {
            slug: row.slug.clone(),
            expected,
            current: row.version,
        }
        .into()),
        Some(_) | None => Ok(()),
    }
}

/// A workflow keeps its slug, whatever becomes of its name.
fn named(definition: Workflow, row: &WorkflowRow) -> Workflow {
    Workflow {
        slug: Some(row.slug.clone()),
        ..definition
    }
}

/// With the order of fields: forms show them so, and a change of it is one.
pub(super) fn text(definition: &Workflow) -> String {
    serde_json::to_string(definition).unwrap_or_default()
}
