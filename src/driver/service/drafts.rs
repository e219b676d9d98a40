//! Drafts: workflows that are being written, saved again and again, and published when they are right.

use std::collections::BTreeMap;

use super::versions::{TRIES_MAX, expect_current, text};
use super::workflows::{Making, bounded, checked_note, overrun, shortened};
use super::{AuthoringError, Edit, Service, ServiceError};
use crate::engine::ids::DraftId;
use crate::engine::workflow::{Workflow, slug_of};
use crate::store::{DraftRow, NewVersion, Publication, PublishedDraft, StoreError, WorkflowRow};

/// Drafts in all. More would be a store of their own.
const DRAFTS_MAX: u32 = 1_000;
/// How many names are tried for a copy.
const COPIES_MAX: u32 = 1_000;

/// What a draft begins as.
#[derive(Clone, Debug)]
pub enum Beginning {
    Document(Box<Workflow>),
    /// The next version of a workflow, begun with this version of it or with the current one.
    Version {
        workflow: String,
        number: Option<u32>,
    },
    /// A new workflow, begun as this template.
    Template(String),
    /// A new workflow, begun as a copy of this one.
    Copy(String),
}

/// A draft, and whether it was there already.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    pub draft: DraftRow,
    pub document: Workflow,
    pub is_new: bool,
}

/// What a draft has become.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    pub workflow: WorkflowRow,
    /// Of its version.
    pub number: u32,
    /// False: the workflow had a version like this already, and no other was made.
    pub is_new: bool,
}

impl Service {
    /// Begins a draft. A workflow has one at a time: when there is one, that is the answer.
    pub async fn begin_draft(
        &self,
        beginning: Beginning,
        actor: &str,
    ) -> Result<Begun, ServiceError> {
        let now = self.now();
        let mut draft = DraftRow {
            id: DraftId::new(self.driver.clock().new_id()),
            workflow_id: None,
            based_on: None,
            made_from: None,
            name: String::new(),
            revision: 1,
            created_at: now,
            updated_at: now,
            updated_by: actor.to_owned(),
        };
        let document = match beginning {
            Beginning::Document(document) => *document,
            Beginning::Template(template) => {
                let (row, definition) = self.present(&template).await?;
                if !row.is_template {
                    return Err(ServiceError::NotFound("template"));
                }
                draft.made_from = Some(row.id);
                self.copy(definition).await?
            }
            Beginning::Copy(workflow) => {
                let (_, definition) = self.present(&workflow).await?;
                self.copy(definition).await?
            }
            Beginning::Version { workflow, number } => {
                let (row, current) = self.changeable(&workflow).await?;
                if let Some((draft, document)) = self.store.draft_of(&row.id).await? {
                    return Ok(Begun {
                        draft,
                        document,
                        is_new: false,
                    });
                }
                draft.workflow_id = Some(row.id.clone());
                draft.based_on = Some(row.version);
                match number {
                    Some(number) => self.version_of_workflow(row.id.as_str(), number).await?.1,
                    None => current,
                }
            }
        };
        self.keep_new(draft, document).await
    }

    async fn keep_new(
        &self,
        mut draft: DraftRow,
        document: Workflow,
    ) -> Result<Begun, ServiceError> {
        bounded(&document)?;
        if self.store.count_drafts().await? >= DRAFTS_MAX {
            return Err(AuthoringError::TooManyDrafts { max: DRAFTS_MAX }.into());
        }
        draft.name = document.name.clone();
        if self.store.make_draft(&draft, &document).await? {
            return Ok(Begun {
                draft,
                document,
                is_new: true,
            });
        }
        // Somebody else has begun the draft of this workflow meanwhile.
        let workflow_id = draft.workflow_id.ok_or_else(overrun)?;
        let (draft, document) = self
            .store
            .draft_of(&workflow_id)
            .await?
            .ok_or_else(overrun)?;
        Ok(Begun {
            draft,
            document,
            is_new: false,
        })
    }

    /// The document under a name of its own that is free.
    pub(super) async fn copy(&self, definition: Workflow) -> Result<Workflow, ServiceError> {
        for number in 2..COPIES_MAX {
            let copy = Workflow {
                name: shortened(&definition.name, &format!(" {number}")),
                slug: None,
                ..definition.clone()
            };
            if self.store.workflow(&slug_of(&copy)).await?.is_none() {
                return Ok(copy);
            }
        }
        // Whoever publishes it is told that the name is taken.
        Ok(definition)
    }

    /// Newest first, older than `before`.
    pub async fn drafts(
        &self,
        before: Option<&DraftId>,
        limit: u32,
    ) -> Result<Vec<DraftRow>, ServiceError> {
        Ok(self.store.list_drafts(before, limit).await?)
    }

    pub async fn draft(&self, id: &DraftId) -> Result<(DraftRow, Workflow), ServiceError> {
        match self.store.draft(id).await? {
            Some(found) => Ok(found),
            None => Err(self.gone(id).await?),
        }
    }

    /// Keeps the document in place of that of this revision. Refused when somebody else has changed the draft since;
    /// the same change again is answered as it was the first time.
    pub async fn save_draft(
        &self,
        id: &DraftId,
        revision: u32,
        document: Workflow,
        actor: &str,
    ) -> Result<DraftRow, ServiceError> {
        bounded(&document)?;
        let saving = self
            .store
            .save_draft(id, revision, &document, actor, self.now());
        let is_stale = match saving.await {
            Ok(()) => false,
            Err(StoreError::Stale) => true,
            Err(error) => return Err(error.into()),
        };
        let (draft, stored) = self.draft(id).await?;
        let again =
            revision.checked_add(1) == Some(draft.revision) && text(&stored) == text(&document);
        if is_stale && !again {
            return Err(AuthoringError::DraftStale(Box::new(draft)).into());
        }
        Ok(draft)
    }

    pub async fn delete_draft(&self, id: &DraftId) -> Result<(), ServiceError> {
        if self.store.delete_draft(id).await? {
            return Ok(());
        }
        Err(self.gone(id).await?)
    }

    /// Makes the draft a workflow, or the next version of one. One that was published before is answered with what it
    /// became then, whoever asks and how often.
    pub async fn publish_draft(
        &self,
        id: &DraftId,
        revision: u32,
        edit: Edit,
    ) -> Result<Published, ServiceError> {
        let note = checked_note(&edit.note)?;
        for _ in 0..TRIES_MAX {
            let Some((draft, document)) = self.store.draft(id).await? else {
                return match self.store.published_draft(id).await? {
                    Some(known) => self.published(known).await,
                    None => Err(ServiceError::NotFound("draft")),
                };
            };
            if draft.revision != revision {
                return Err(AuthoringError::DraftStale(Box::new(draft)).into());
            }
            let becomes = self.becomes(&draft, document, &note, &edit).await?;
            let publication = match &becomes {
                Becomes::Version(new) => Publication::Version(new),
                Becomes::Known(row) => Publication::Known(&row.id, row.version),
            };
            let published = self
                .store
                .publish_draft(id, revision, publication, self.now())
                .await;
            match published {
                // Read back at the top, as for everybody who asks later.
                Ok(_) | Err(StoreError::Stale) => {}
                Err(error) => return Err(self.told(error).await),
            }
        }
        Err(overrun())
    }

    async fn becomes(
        &self,
        draft: &DraftRow,
        document: Workflow,
        note: &str,
        edit: &Edit,
    ) -> Result<Becomes, ServiceError> {
        let Some(workflow_id) = &draft.workflow_id else {
            let none = BTreeMap::new();
            let id = self.new_workflow_id();
            let making = Making {
                made_from: draft.made_from.clone(),
                ..Making::new_workflow(id, note.to_owned(), &edit.actor, &none)
            };
            let new = self.prepared(making, document).await?;
            return Ok(Becomes::Version(Box::new(new)));
        };
        let (row, current) = self.changeable(workflow_id.as_str()).await?;
        let next = self
            .next_version(&row, &current, document, note, &edit.actor)
            .await?;
        match next {
            None => Ok(Becomes::Known(Box::new(row))),
            Some(new) => {
                expect_current(&row, edit.expected_current.or(draft.based_on))?;
                Ok(Becomes::Version(Box::new(new)))
            }
        }
    }

    async fn published(&self, known: PublishedDraft) -> Result<Published, ServiceError> {
        let PublishedDraft {
            workflow_id,
            number,
            is_new,
        } = known;
        let (workflow, _) = self.workflow(workflow_id.as_str()).await?;
        Ok(Published {
            workflow,
            number,
            is_new,
        })
    }

    /// Why there is no such draft.
    async fn gone(&self, id: &DraftId) -> Result<ServiceError, ServiceError> {
        let Some(known) = self.store.published_draft(id).await? else {
            return Ok(ServiceError::NotFound("draft"));
        };
        let published = self.published(known).await?;
        Ok(AuthoringError::DraftPublished {
            slug: published.workflow.slug,
            number: published.number,
        }
        .into())
    }
}

/// What a draft is about to become.
enum Becomes {
    Version(Box<NewVersion>),
    /// Nothing new: the current version of this workflow is the same.
    Known(Box<WorkflowRow>),
}
