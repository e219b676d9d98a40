//! What the builder needs of the server: a draft to write on, where it is kept, and how it is published.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::error::PageError;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::ids::DraftId;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Where a draft is kept, and which state of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub id: DraftId,
    pub revision: u32,
}

/// What the builder begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuilderView {
    /// The slug of the workflow that is to get another version; none for a new workflow.
    pub slug: Option<String>,
    /// None before anything has been written.
    pub kept: Option<Kept>,
    /// The version that it began as.
    pub based_on: Option<u32>,
    pub document: Workflow,
    pub catalogue: Catalogue,
    /// The workflows that a step may run: slug and name.
    pub workflows: Vec<(String, String)>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum Publication {
    Published {
        slug: String,
        version: u32,
    },
    /// It does not compile; it stays a draft.
    Refused {
        problems: Vec<Diagnostic>,
    },
}

/// `slug` of a workflow, or `draft`, or neither for a new one.
#[server(prefix = "/rpc", endpoint = "builder")]
pub async fn builder(
    slug: Option<String>,
    draft: Option<String>,
) -> Result<BuilderView, PageError> {
    super::respond(server::builder(&super::service()?, slug, draft).await)
}

/// Keeps what has been written. The first time (`kept` is absent) it begins the draft, of the workflow with this slug or of
/// a new one. 409 when somebody else, or another tab, has written meanwhile.
#[server(prefix = "/rpc", endpoint = "keep_draft", input = Json)]
pub async fn keep_draft(
    slug: Option<String>,
    kept: Option<Kept>,
    document: Workflow,
) -> Result<Kept, PageError> {
    server::keep(&super::service()?, slug, kept, document).await
}

#[server(prefix = "/rpc", endpoint = "publish_draft", input = Json)]
pub async fn publish_draft(kept: Kept, note: String) -> Result<Publication, PageError> {
    server::publish(&super::service()?, kept, note).await
}

/// Throws the draft away.
#[server(prefix = "/rpc", endpoint = "discard_draft", input = Json)]
pub async fn discard_draft(id: DraftId) -> Result<(), PageError> {
    super::service()?.delete_draft(&id).await?;
    Ok(())
}

#[cfg(feature = "ssr")]
mod server {
    use super::{BuilderView, Kept, Publication};
    use crate::driver::service::{Beginning, Edit, Service, ServiceError};
    use crate::engine::ids::DraftId;
    use crate::engine::workflow::Workflow;
    use crate::rpc::LOCAL_ACTOR;
    use crate::rpc::error::PageError;

    pub(super) async fn builder(
        service: &Service,
        slug: Option<String>,
        draft: Option<String>,
    ) -> Result<BuilderView, PageError> {
        let listed = service.store().list_workflows().await?;
        let workflows = listed.into_iter().map(|row| (row.slug, row.name));
        let mut view = BuilderView {
            slug: None,
            kept: None,
            based_on: None,
            document: Workflow::default(),
            catalogue: service.catalogue(),
            workflows: workflows.collect(),
        };
        if let Some(slug) = slug {
            let (row, current) = service.workflow(&slug).await?;
            view.slug = Some(row.slug);
            view.based_on = Some(row.version);
            view.document = current;
            if let Some((draft, document)) = service.store().draft_of(&row.id).await? {
                view.based_on = draft.based_on;
                view.kept = Some(Kept {
                    id: draft.id,
                    revision: draft.revision,
                });
                view.document = document;
            }
        } else if let Some(draft) = draft {
            let (draft, document) = service.draft(&DraftId::new(draft)).await?;
            if let Some(workflow_id) = &draft.workflow_id {
                view.slug = Some(service.workflow(workflow_id.as_str()).await?.0.slug);
            }
            view.based_on = draft.based_on;
            view.kept = Some(Kept {
                id: draft.id,
                revision: draft.revision,
            });
            view.document = document;
        }
        Ok(view)
    }

    pub(super) async fn keep(
        service: &Service,
        slug: Option<String>,
        kept: Option<Kept>,
        document: Workflow,
    ) -> Result<Kept, PageError> {
        let kept = match (kept, slug) {
            (Some(kept), _) => kept,
            (None, None) => {
                let beginning = Beginning::Document(Box::new(document));
                let begun = service.begin_draft(beginning, LOCAL_ACTOR).await?;
                return Ok(Kept {
                    id: begun.draft.id,
                    revision: begun.draft.revision,
                });
            }
            (None, Some(slug)) => {
                let beginning = Beginning::Version {
                    workflow: slug,
                    number: None,
                };
                let begun = service.begin_draft(beginning, LOCAL_ACTOR).await?;
                if !begun.is_new {
                    return Err(PageError::new(
                        409,
                        "draft_stale",
                        "Somebody else has begun to change this workflow. Load the page again to see their draft.",
                    ));
                }
                Kept {
                    id: begun.draft.id,
                    revision: begun.draft.revision,
                }
            }
        };
        let saved = service
            .save_draft(&kept.id, kept.revision, document, LOCAL_ACTOR)
            .await?;
        Ok(Kept {
            id: saved.id,
            revision: saved.revision,
        })
    }

    pub(super) async fn publish(
        service: &Service,
        kept: Kept,
        note: String,
    ) -> Result<Publication, PageError> {
        let edit = Edit {
            note,
            expected_current: None,
            actor: LOCAL_ACTOR.to_owned(),
        };
        match service.publish_draft(&kept.id, kept.revision, edit).await {
            Ok(published) => Ok(Publication::Published {
                slug: published.workflow.slug,
                version: published.number,
            }),
            Err(ServiceError::InvalidWorkflow(problems)) => Ok(Publication::Refused { problems }),
            Err(error) => Err(error.into()),
        }
    }
}
