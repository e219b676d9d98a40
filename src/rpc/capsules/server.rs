//! Puts together what the pages of capsules show.

use leptos::prelude::use_context;
use std::sync::Arc;

use super::{CapsuleView, CapsulesView, RefusedCapsule};
use crate::driver::service::Service;
use crate::engine::ids::CapsuleId;
use crate::engine::large::lean;
use crate::engine::layout::Picture;
use crate::engine::summary::CapsuleCard;
use crate::rpc::assemble::drawn;
use crate::rpc::error::PageError;
use crate::rpc::views::RunView;

pub(super) async fn capsules(service: &Service) -> Result<CapsulesView, PageError> {
    Ok(CapsulesView {
        capsules: service.capsules().await?,
        own_key: service.own_fingerprint().await?,
        refused: use_context::<RefusedCapsule>().map(|refused| refused.0),
    })
}

pub(super) async fn capsule(service: &Service, id: &CapsuleId) -> Result<CapsuleView, PageError> {
    let (card, opened) = service.capsule(id).await?;
    let CapsuleCard {
        run: summary,
        exported_at,
        ..
    } = card.clone();
    let run_id = summary.header.run_id.clone();
    let capsule = opened.capsule;
    let events = capsule.events.into_iter();
    let files = capsule.files.into_iter();
    let run = RunView {
        outline: (*capsule.outline).clone(),
        events: events.map(|event| lean(&run_id, event)).collect(),
        artifacts: files.map(|file| file.card).collect(),
        // A capsule holds what happened, and not what was written about it.
        logs: Vec::new(),
        // What had not ended then has lasted until then.
        now: exported_at,
        summary,
    };
    Ok(CapsuleView { card, run })
}

pub(super) async fn picture(
    service: &Service,
    id: &CapsuleId,
) -> Result<Option<Picture>, PageError> {
    let (_, opened) = service.capsule(id).await?;
    drawn(Arc::clone(&opened.capsule.outline)).await
}
