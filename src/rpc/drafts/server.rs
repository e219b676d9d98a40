//! What the builder asks for, of the service.

use super::{BuilderView, Kept, Publication};
use crate::driver::service::{AuthoringError, Beginning, Begun, Edit, Service, ServiceError};
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
    based_on: Option<u32>,
    kept: Option<Kept>,
    document: Workflow,
) -> Result<Kept, PageError> {
    let kept = match (kept, slug) {
        (Some(kept), _) => kept,
        (None, None) => {
            let beginning = Beginning::Document(Box::new(document));
            let begun = service.begin_draft(beginning, LOCAL_ACTOR).await?;
            return Ok(kept_as(&begun));
        }
        (None, Some(slug)) => begin_version(service, &slug, based_on).await?,
    };
    let saved = service
        .save_draft(&kept.id, kept.revision, document, LOCAL_ACTOR)
        .await?;
    Ok(Kept {
        id: saved.id,
        revision: saved.revision,
    })
}

fn kept_as(begun: &Begun) -> Kept {
    Kept {
        id: begun.draft.id.clone(),
        revision: begun.draft.revision,
    }
}

/// The draft of the workflow, as long as nobody has written on it and the page began with the current version.
async fn begin_version(
    service: &Service,
    slug: &str,
    based_on: Option<u32>,
) -> Result<Kept, PageError> {
    let beginning = Beginning::Version {
        workflow: slug.to_owned(),
        number: None,
    };
    let begun = service.begin_draft(beginning, LOCAL_ACTOR).await?;
    if begun.draft.based_on != based_on {
        if begun.is_new {
            service.delete_draft(&begun.draft.id).await?;
        }
        return Err(PageError::new(
            409,
            "version_conflict",
            "Another version has been published meanwhile. Load the page again to begin with that one.",
        ));
    }
    let (_, current) = service.workflow(slug).await?;
    // One that begins and says nothing else may be our own, whose answer was lost.
    if !begun.is_new && begun.document != current {
        return Err(PageError::new(
            409,
            "draft_stale",
            "Somebody else has begun to change this workflow. Load the page again to see their draft.",
        ));
    }
    Ok(kept_as(&begun))
}

pub(super) async fn publish(
    service: &Service,
    kept: Kept,
    note: String,
    over: Option<u32>,
) -> Result<Publication, PageError> {
    let edit = Edit {
        note,
        expected_current: over,
        actor: LOCAL_ACTOR.to_owned(),
    };
    match service.publish_draft(&kept.id, kept.revision, edit).await {
        Ok(published) => Ok(Publication::Published {
            slug: published.workflow.slug,
            version: published.number,
        }),
        Err(ServiceError::InvalidWorkflow(problems)) => Ok(Publication::Refused { problems }),
        Err(ServiceError::Authoring(AuthoringError::Overtaken { current, .. })) => {
            Ok(Publication::Overtaken { current })
        }
        Err(error) => Err(error.into()),
    }
}
