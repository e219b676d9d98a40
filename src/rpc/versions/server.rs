//! Versions and past runs, of the service.

use super::{OpenRuns, PastRunsView, VersionCard, VersionPair, VersionsView};
use crate::driver::service::{Edit, Service};
use crate::engine::compare::compare;
use crate::engine::event::Recorded;
use crate::engine::rehearse::Taken;
use crate::engine::summary::RunSummary;
use crate::rpc::LOCAL_ACTOR;
use crate::rpc::error::PageError;
use crate::store::{RunFilter, Store, VersionRow};

/// Versions on one page: whoever has more reads them through the API.
const VERSIONS_SHOWN: u32 = 200;
/// Runs that a draft is tried on.
const PAST_RUNS: u32 = 20;
/// Events of one of them.
const PAST_EVENTS_MAX: u32 = 2_000;
/// Events read at once.
const PAGE: u32 = 50;
/// All their logs together, as JSON text.
const PAST_BYTES_MAX: usize = 4_000_000;

pub(super) async fn versions(
    service: &Service,
    slug: &str,
    old: Option<u32>,
    new: Option<u32>,
) -> Result<VersionsView, PageError> {
    let (row, _) = service.workflow(slug).await?;
    let listed = service.versions(slug, None, VERSIONS_SHOWN).await?;
    let new = new.unwrap_or(row.version);
    let old = old.or_else(|| new.checked_sub(1)).filter(|old| *old > 0);
    let pair = match old {
        None => None,
        Some(old) => {
            let (_, before, _) = service.version_of_workflow(slug, old).await?;
            let (_, after, _) = service.version_of_workflow(slug, new).await?;
            let comparison = compare(&before, &after);
            Some(VersionPair {
                old,
                new,
                comparison,
            })
        }
    };
    Ok(VersionsView {
        slug: row.slug,
        name: row.name,
        can_change: !row.built_in && row.deleted_at.is_none(),
        versions: listed.into_iter().map(card).collect(),
        pair,
    })
}

fn card(row: VersionRow) -> VersionCard {
    VersionCard {
        number: row.number,
        note: row.note,
        created_by: row.created_by,
        created_at: row.created_at,
        is_current: row.is_current,
        open_runs: row.open_runs,
    }
}

pub(super) async fn past_runs(service: &Service, slug: &str) -> Result<PastRunsView, PageError> {
    let (row, current) = service.workflow(slug).await?;
    let filter = RunFilter {
        workflow_id: Some(row.id.clone()),
        ..RunFilter::default()
    };
    let last = service.store().list_runs(&filter, PAST_RUNS).await?;
    let (mut runs, mut left_out, mut bytes) = (Vec::new(), 0, 0);
    for run in last {
        match log_of(service, &run, PAST_BYTES_MAX - bytes).await? {
            Some((events, size)) => {
                bytes += size;
                runs.push(Taken {
                    run_id: run.header.run_id,
                    version: run.header.version,
                    events,
                });
            }
            None => left_out += 1,
        }
    }
    let listed = service.versions(slug, None, VERSIONS_SHOWN).await?;
    let open = listed.into_iter().filter(|version| version.open_runs > 0);
    Ok(PastRunsView {
        current,
        runs,
        left_out,
        open: open
            .map(|version| OpenRuns {
                version: version.number,
                runs: version.open_runs,
            })
            .collect(),
    })
}

/// The whole log with its size; none of one that is larger than what is left.
async fn log_of(
    service: &Service,
    run: &RunSummary,
    left: usize,
) -> Result<Option<(Vec<Recorded>, usize)>, PageError> {
    if run.seq > PAST_EVENTS_MAX {
        return Ok(None);
    }
    let (mut events, mut size) = (Vec::new(), 0);
    // Page by page: what is too large is not read to its end.
    loop {
        let after = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let store = service.store();
        let page = store.events(&run.header.run_id, after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        size += serde_json::to_string(&page).map_or(usize::MAX / 2, |text| text.len());
        events.extend(page);
        if size > left || events.len() > PAST_EVENTS_MAX as usize {
            return Ok(None);
        }
        if is_last {
            return Ok(Some((events, size)));
        }
    }
}

pub(super) async fn restore(service: &Service, slug: &str, number: u32) -> Result<(), PageError> {
    let edit = Edit {
        note: String::new(),
        expected_current: None,
        actor: LOCAL_ACTOR.to_owned(),
    };
    let saved = service.restore_version(slug, number, edit).await?;
    leptos_axum::redirect(&format!("/workflows/{}/versions", saved.row.slug));
    Ok(())
}
