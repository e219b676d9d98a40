//! The list of runs as it is asked for: a page of it, how much there is in all, and the filters that have a name.

use std::sync::Arc;

use super::{Service, ServiceError};
use crate::driver::indexing::keep_indexing;
use crate::engine::ids::WorkflowId;
use crate::engine::input::FieldError;
use crate::engine::limits::{NAME_CHARS_MAX, SAVED_FILTERS_MAX};
use crate::engine::listing::{Asked, Cursor, Listing, Page};
use crate::engine::summary::RunSummary;
use crate::store::{FilterKept, FilterRenamed, FilterRow, RunSearch};

/// Runs that are counted; beyond that nobody needs to know.
pub const COUNTED_RUNS_MAX: u32 = 1_000;

/// A page of the list.
pub struct RunsPage {
    /// Newest first.
    pub items: Vec<RunSummary>,
    /// Whether there are newer and older ones than these.
    pub has_newer: bool,
    pub has_older: bool,
}

/// How many runs there are, as far as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub runs: u32,
    /// There are more.
    pub and_more: bool,
}

impl Service {
    /// What is asked for, understood.
    ///
    /// # Errors
    /// Fields that cannot be read, and a workflow that there is not.
    pub async fn run_search(&self, asked: &Asked) -> Result<RunSearch, ServiceError> {
        let listing = Listing::read(asked).map_err(ServiceError::InvalidFilter)?;
        let workflow_id = match &listing.workflow {
            Some(name) => Some(self.workflow_named(name).await?),
            None => None,
        };
        Ok(RunSearch {
            listing,
            workflow_id,
        })
    }

    async fn workflow_named(&self, name: &str) -> Result<WorkflowId, ServiceError> {
        let row = self.store.workflow(name).await?;
        row.map(|row| row.id)
            .ok_or(ServiceError::NotFound("workflow"))
    }

    /// At most `limit` runs. A page of newer ones that is not full is the first one, filled up with older runs: there is
    /// nothing before it.
    pub async fn runs_page(
        &self,
        search: &RunSearch,
        limit: u32,
    ) -> Result<RunsPage, ServiceError> {
        let mut items = self.store.find_runs(search, limit + 1).await?;
        let has_more = items.len() > limit as usize;
        match &search.listing.page {
            Page::Newer(_) if has_more => {
                items.remove(0);
                Ok(RunsPage {
                    items,
                    has_newer: true,
                    has_older: true,
                })
            }
            Page::Newer(_) => {
                let mut first = search.clone();
                first.listing.page = Page::First;
                Box::pin(self.runs_page(&first, limit)).await
            }
            Page::First | Page::Older(_) => {
                items.truncate(limit as usize);
                Ok(RunsPage {
                    items,
                    has_newer: search.listing.page != Page::First,
                    has_older: has_more,
                })
            }
        }
    }

    /// How many there are, whatever page is looked at.
    pub async fn count_all_runs(&self, search: &RunSearch) -> Result<Counted, ServiceError> {
        let mut all = search.clone();
        all.listing.page = Page::First;
        self.count_runs(&all).await
    }

    /// How many there are that are newer than this one.
    pub async fn count_newer_runs(
        &self,
        search: &RunSearch,
        than: &RunSummary,
    ) -> Result<Counted, ServiceError> {
        let mut newer = search.clone();
        newer.listing.page = Page::Newer(cursor(than));
        self.count_runs(&newer).await
    }

    /// How many there are on the page that is asked for and behind it.
    pub async fn count_runs(&self, search: &RunSearch) -> Result<Counted, ServiceError> {
        let runs = self.store.count_runs(search, COUNTED_RUNS_MAX + 1).await?;
        Ok(Counted {
            runs: runs.min(COUNTED_RUNS_MAX),
            and_more: runs > COUNTED_RUNS_MAX,
        })
    }

    /// Works out what runs of earlier releases are found by, until none is left.
    pub fn keep_indexing(&self) -> impl Future<Output = ()> + use<> {
        keep_indexing(Arc::clone(&self.store))
    }

    // ---- filters with names

    /// By name.
    pub async fn saved_filters(&self) -> Result<Vec<FilterRow>, ServiceError> {
        Ok(self.store.saved_filters().await?)
    }

    /// Keeps what is asked for under a name, instead of what had that name. Whether it is a new one.
    pub async fn save_filter(
        &self,
        name: &str,
        asked: &Asked,
        actor: &str,
    ) -> Result<(FilterRow, bool), ServiceError> {
        let name = filter_name(name)?;
        let asked = asked.clone().first_page();
        Listing::read(&asked).map_err(ServiceError::InvalidFilter)?;
        if !asked.is_narrowed() {
            let message = "asks for all runs; choose something to narrow the list by".to_owned();
            return Err(invalid("query", message));
        }
        let filter = FilterRow {
            name,
            query: asked.query(),
            changed_at: self.now(),
            changed_by: actor.to_owned(),
        };
        match self.store.save_filter(&filter, SAVED_FILTERS_MAX).await? {
            FilterKept::New => Ok((filter, true)),
            FilterKept::Changed => Ok((filter, false)),
            FilterKept::NoRoom => Err(ServiceError::TooManyFilters),
        }
    }

    pub async fn rename_filter(
        &self,
        name: &str,
        to: &str,
        actor: &str,
    ) -> Result<(), ServiceError> {
        let to = filter_name(to)?;
        let renamed = self.store.rename_filter(name, &to, self.now(), actor);
        match renamed.await? {
            FilterRenamed::Renamed => Ok(()),
            FilterRenamed::Missing => Err(ServiceError::NotFound("filter")),
            FilterRenamed::Taken => Err(ServiceError::FilterNameTaken(to)),
        }
    }

    pub async fn remove_filter(&self, name: &str) -> Result<(), ServiceError> {
        match self.store.remove_filter(name).await? {
            true => Ok(()),
            false => Err(ServiceError::NotFound("filter")),
        }
    }
}

/// Where a run stands in the list.
pub fn cursor(run: &RunSummary) -> Cursor {
    Cursor {
        created_at: run.header.created_at,
        run_id: run.header.run_id.clone(),
    }
}

fn filter_name(name: &str) -> Result<String, ServiceError> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        let message = format!("takes a name of 1 to {NAME_CHARS_MAX} characters, in one line");
        return Err(invalid("name", message));
    }
    Ok(name.to_owned())
}

fn invalid(field: &str, message: String) -> ServiceError {
    let field = field.to_owned();
    ServiceError::InvalidFilter(vec![FieldError { field, message }])
}
