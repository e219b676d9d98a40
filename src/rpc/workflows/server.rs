//! What the pages of workflows show, put together from rows and outlines.

use std::collections::BTreeMap;

use super::{
    Changed, Named, Publishing, Shelf, ShelfCounts, Wanted, WorkflowCard, WorkflowView,
    WorkflowsView,
};
use crate::driver::service::Service;
use crate::engine::ids::WorkflowId;
use crate::engine::input::fields;
use crate::engine::layout::{Graph, Picture, Sizes, layout};
use crate::engine::limits::NAME_CHARS_MAX;
use crate::engine::summary::RunSummary;
use crate::rpc::error::PageError;
use crate::rpc::{LOCAL_ACTOR, read_word};
use crate::store::{self, RunFilter, WorkflowFilter, WorkflowRow};

/// Workflows on one page of the list: full rows, whether two, three or four stand side by side.
const WORKFLOWS_PER_PAGE: usize = 48;
/// Runs beside a workflow.
const RUNS_SHOWN: u32 = 8;
/// Tags to choose from; whoever has more searches.
const TAGS_SHOWN: usize = 24;
/// Steps of a sketch: more of them are no help on a card.
const SKETCHED_STEPS_MAX: u32 = 60;
/// Steps of the picture on a workflow's page. The builder draws more, and lets people move about in it.
const DRAWN_STEPS_MAX: u32 = 200;

/// Of a sketch on a card, in px: boxes without words.
const SKETCH: Sizes = Sizes {
    step_width: 36,
    step_height: 10,
    column_gap: 10,
    row_gap: 10,
    padding: 3,
    heading: 3,
};
/// Of the picture on a workflow's page, with room for a name and what the step is.
const PICTURE: Sizes = Sizes {
    step_width: 200,
    step_height: 52,
    column_gap: 28,
    row_gap: 40,
    padding: 16,
    heading: 54,
};

pub(super) async fn workflows(
    service: &Service,
    wanted: Wanted,
) -> Result<WorkflowsView, PageError> {
    let store = service.store();
    let shelf = match wanted.filter.as_str() {
        "" => Shelf::All,
        word => read_word(word, "filter", "all, mine, shared, templates or deleted")?,
    };
    let mut filter = filter(shelf, &wanted)?;
    let counts = store.count_workflows(&filter).await?;
    let tags = tags(store.tags_of_workflows(&filter).await?);
    if !wanted.after.is_empty() {
        filter.after = Some(place(service, &wanted.after).await?);
    }
    let limit = u32::try_from(WORKFLOWS_PER_PAGE + 1).unwrap_or(u32::MAX);
    let mut rows = store.find_workflows(&filter, limit).await?;
    let more = rows.len() > WORKFLOWS_PER_PAGE;
    rows.truncate(WORKFLOWS_PER_PAGE);
    let next = rows.last().filter(|_| more).map(|row| row.id.clone());
    let sketched = shelf == Shelf::Templates && wanted.view != "list";
    Ok(WorkflowsView {
        cards: cards(service, rows, sketched).await?,
        counts: ShelfCounts {
            all: counts.all,
            mine: counts.mine,
            shared: counts.shared,
            templates: counts.templates,
            deleted: counts.deleted,
        },
        tags,
        next,
        changed: changed(service, &wanted.changed).await?,
    })
}

fn filter(shelf: Shelf, wanted: &Wanted) -> Result<WorkflowFilter, PageError> {
    for (what, text) in [("search", &wanted.q), ("tag", &wanted.tag)] {
        if text.chars().count() > NAME_CHARS_MAX {
            let message = format!("The {what} is longer than {NAME_CHARS_MAX} characters.");
            return Err(PageError::new(422, "bad_request", message));
        }
    }
    Ok(WorkflowFilter {
        shelf: match shelf {
            Shelf::All => store::Shelf::All,
            Shelf::Mine => store::Shelf::Mine,
            Shelf::Shared => store::Shelf::Shared,
            Shelf::Templates => store::Shelf::Templates,
            Shelf::Deleted => store::Shelf::Deleted,
        },
        actor: LOCAL_ACTOR.to_owned(),
        tag: Some(wanted.tag.clone()).filter(|tag| !tag.is_empty()),
        words: wanted.q.split_whitespace().map(str::to_owned).collect(),
        after: None,
    })
}

/// Where the list goes on.
async fn place(service: &Service, after: &str) -> Result<(String, WorkflowId), PageError> {
    match service.store().workflow(after).await? {
        Some(row) => Ok((row.name, row.id)),
        None => Err(PageError::new(
            422,
            "bad_request",
            "There is no such place in the list. Begin with its first page.",
        )),
    }
}

/// Written as the first workflow that has it writes it; case makes no difference when it is looked for.
fn tags(lists: Vec<(Vec<String>, u32)>) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<String, (String, u32)> = BTreeMap::new();
    for (tags, workflows) in lists {
        let mut own: Vec<(String, String)> = tags
            .into_iter()
            .map(|tag| (tag.to_lowercase(), tag))
            .collect();
        own.sort();
        own.dedup_by(|tag, before| tag.0 == before.0);
        for (key, tag) in own {
            counts.entry(key).or_insert((tag, 0)).1 += workflows;
        }
    }
    let mut tags: Vec<(String, u32)> = counts.into_values().collect();
    // Stable: those that are equally frequent stay in the order of the alphabet.
    tags.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    tags.truncate(TAGS_SHOWN);
    tags
}

async fn cards(
    service: &Service,
    rows: Vec<WorkflowRow>,
    sketched: bool,
) -> Result<Vec<WorkflowCard>, PageError> {
    let ids: Vec<WorkflowId> = rows.iter().map(|row| row.id.clone()).collect();
    let runs = service.store().last_runs(&ids).await?;
    let mut runs: BTreeMap<WorkflowId, RunSummary> = runs
        .into_iter()
        .map(|run| (run.header.workflow_id.clone(), run))
        .collect();
    let mut cards = Vec::with_capacity(rows.len());
    for row in rows {
        let sketch = if sketched && row.steps <= SKETCHED_STEPS_MAX {
            sketch(service, &row).await
        } else {
            None
        };
        let last_run = runs.remove(&row.id);
        cards.push(WorkflowCard {
            sketch,
            ..card(row, last_run)
        });
    }
    Ok(cards)
}

/// None when the outline cannot be read: a card without a picture hides no other card.
async fn sketch(service: &Service, row: &WorkflowRow) -> Option<Picture> {
    match service.outline(&row.version_id).await {
        Ok(outline) => Some(layout(&Graph::of_outline(&outline), &SKETCH)),
        Err(error) => {
            tracing::error!(workflow.id = %row.id, %error, "workflow {} cannot be drawn", row.id);
            None
        }
    }
}

fn card(row: WorkflowRow, last_run: Option<RunSummary>) -> WorkflowCard {
    WorkflowCard {
        id: row.id,
        slug: row.slug,
        name: row.name,
        description: row.description,
        tags: row.tags,
        version: row.version,
        is_template: row.is_template,
        built_in: row.built_in,
        uses: row.uses,
        steps: row.steps,
        deleted_at: row.deleted_at,
        last_run,
        sketch: None,
    }
}

/// Nothing when there is no such workflow: somebody has made the address up.
async fn changed(service: &Service, slug: &str) -> Result<Option<Changed>, PageError> {
    if slug.is_empty() {
        return Ok(None);
    }
    let row = service.store().workflow(slug).await?;
    Ok(row.map(|row| Changed {
        slug: row.slug,
        name: row.name,
        is_deleted: row.deleted_at.is_some(),
    }))
}

pub(super) async fn workflow(service: &Service, slug: &str) -> Result<WorkflowView, PageError> {
    let store = service.store();
    let (row, definition) = service.workflow(slug).await?;
    let outline = service.outline(&row.version_id).await?;
    let version = store.version(&row.id, row.version).await?;
    let version = version.ok_or_else(|| PageError::not_found("version"))?;
    let of_this = RunFilter {
        workflow_id: Some(row.id.clone()),
        ..RunFilter::default()
    };
    let recent = store.list_runs(&of_this, RUNS_SHOWN).await?;
    let began_as = match &row.made_from {
        Some(template) => store.workflow(template.as_str()).await?,
        None => None,
    };
    let drawn = u32::try_from(outline.steps.len()).is_ok_and(|steps| steps <= DRAWN_STEPS_MAX);
    Ok(WorkflowView {
        published: Publishing {
            at: version.created_at,
            by: version.created_by,
            note: version.note,
        },
        began_as: began_as.map(|row| Named {
            slug: row.slug,
            name: row.name,
        }),
        has_draft: store.draft_of(&row.id).await?.is_some(),
        picture: drawn.then(|| layout(&Graph::of_outline(&outline), &PICTURE)),
        outline: (*outline).clone(),
        fields: fields(service.inputs(&definition).as_ref()),
        card: card(row, recent.first().cloned()),
        recent,
        now: service.now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_counted_in_whatever_case_once_a_workflow_and_sorted_by_use() {
        let list = |tags: &[&str], count: u32| {
            let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
            (tags, count)
        };
        let counted = tags(vec![
            list(&["Web", "ops", "OPS"], 2),
            list(&["web"], 3),
            list(&["a"], 2),
            list(&[], 9),
        ]);
        let counted: Vec<(&str, u32)> = counted
            .iter()
            .map(|(tag, count)| (tag.as_str(), *count))
            .collect();
        assert_eq!(counted, [("Web", 5), ("a", 2), ("OPS", 2)]);
    }

    #[test]
    fn no_more_tags_are_offered_than_can_be_read() {
        let lists = (0..100).map(|at| (vec![format!("t{at:03}")], at));
        let counted = tags(lists.collect());
        assert_eq!(counted.len(), TAGS_SHOWN);
        assert_eq!(counted.first(), Some(&("t099".to_owned(), 99)));
    }

    #[test]
    fn what_is_too_long_to_be_looked_for_is_refused() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for wanted in [
            Wanted {
                q: long.clone(),
                ..Wanted::default()
            },
            Wanted {
                tag: long.clone(),
                ..Wanted::default()
            },
        ] {
            let refused = filter(Shelf::All, &wanted).expect_err("too long");
            assert_eq!(refused.status, 422);
        }
    }
}
