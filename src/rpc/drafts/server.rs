//! What the builder asks for, of the service.

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
