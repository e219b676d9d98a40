//! What the list of runs shows, and what is done there.

use std::collections::BTreeMap;

use super::{Choices, Count, RunsView};
use crate::driver::service::{Counted, Service, ServiceError, cursor};
use crate::engine::listing::Asked;
use crate::rpc::error::PageError;
use crate::store::WorkflowFilter;

/// Runs on one page of the list.
const RUNS_PER_PAGE: u32 = 50;
/// Workflows to choose from. Whoever has more gets at the others by the address.
const WORKFLOWS_OFFERED: usize = 500;
/// Tags to choose from.
const TAGS_OFFERED: usize = 100;

pub(super) async fn runs(service: &Service, query: &str) -> Result<RunsView, PageError> {
    let asked = Asked::of_query(query);
    let search = match service.run_search(&asked).await {
        Ok(search) => search,
        Err(ServiceError::NotFound("workflow")) => {
            let message = format!("`workflow` names none: there is no `{}`.", asked.workflow);
            return Err(PageError::new(422, "invalid_filter", message));
        }
        Err(error) => return Err(error.into()),
    };
    let page = service.runs_page(&search, RUNS_PER_PAGE).await?;
    let all = match page.has_newer || page.has_older {
        true => service.count_all_runs(&search).await?,
        false => Counted {
            runs: u32::try_from(page.items.len()).unwrap_or(u32::MAX),
            and_more: false,
        },
    };
    let before = match page.items.first().filter(|_| page.has_newer) {
        Some(first) => service.count_newer_runs(&search, first).await?,
        // Behind the last one there is nothing, and all are before it.
        None if page.has_newer => all,
        None => Counted {
            runs: 0,
            and_more: false,
        },
    };
    let place = |run| cursor(run).to_string();
    // Where no more than a page lies before it, that is the first page, on which whatever comes is told of.
    let is_second = !before.and_more && before.runs <= RUNS_PER_PAGE;
    let newer = page.items.first().filter(|_| page.has_newer);
    Ok(RunsView {
        newer: newer.map(|run| if is_second { String::new() } else { place(run) }),
        older: page.items.last().filter(|_| page.has_older).map(place),
        items: page.items,
        before: (!before.and_more).then_some(before.runs),
        all: Count {
            runs: all.runs,
            and_more: all.and_more,
        },
        now: service.now(),
    })
}

pub(super) async fn choices(service: &Service) -> Result<Choices, PageError> {
    let store = service.store();
    let workflows = store.list_workflows().await?.into_iter();
    let every = WorkflowFilter::default();
    let mut tags = BTreeMap::new();
    for tag in store
        .tags_of_workflows(&every)
        .await?
        .into_iter()
        .flat_map(|(tags, _)| tags)
    {
        tags.entry(tag.to_lowercase()).or_insert(tag);
    }
    Ok(Choices {
        workflows: workflows
            .take(WORKFLOWS_OFFERED)
            .map(|row| (row.slug, row.name))
            .collect(),
        tags: tags.into_values().take(TAGS_OFFERED).collect(),
    })
}
