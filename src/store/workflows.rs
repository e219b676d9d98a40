//! Workflows without their documents: found, listed, deleted and brought back.

use serde::Deserialize;

use super::database::Change;
use super::sql::{Row, Sql};
use super::{Database, StoreError, corrupt};
use crate::engine::ids::{VersionId, WorkflowId};
use crate::engine::time::Timestamp;
use crate::engine::workflow::{Step, Workflow};

/// Documents that are in memory at once while they are looked through.
const INDEXED_AT_ONCE: usize = 100;

/// A workflow without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    pub id: WorkflowId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub is_template: bool,
    /// A template that comes with the product.
    pub built_in: bool,
    /// The template that it began as.
    pub made_from: Option<WorkflowId>,
    /// How many workflows began as this one.
    pub uses: u32,
    pub version_id: VersionId,
    pub version: u32,
    pub steps: u32,
    pub updated_at: Timestamp,
    /// It may come back, and keeps its slug until then.
    pub deleted_at: Option<Timestamp>,
}

/// Which workflows are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    #[default]
    All,
    /// Those that the actor has made and that are no templates.
    Mine,
    /// Those that somebody else has made and that are no templates.
    Shared,
    Templates,
    Deleted,
}

#[derive(Clone, Debug, Default)]
pub struct WorkflowFilter {
    pub shelf: Shelf,
    /// Who looks: it decides what is `Mine` and what is `Shared`.
    pub actor: String,
    /// Has this tag, in whatever case.
    pub tag: Option<String>,
    /// Each of these words is in its name, slug, description or tags, or in the name, id or tool of one of its steps.
    pub words: Vec<String>,
    /// Name and id of the last one of the previous page.
    pub after: Option<(String, WorkflowId)>,
}

/// How many workflows there are on each shelf. Templates are counted in `all`, deleted ones are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShelfCounts {
    pub all: u32,
    pub mine: u32,
    pub shared: u32,
    pub templates: u32,
    pub deleted: u32,
}

/// Who made the workflow `w`: the author of its first version.
macro_rules! maker {
    () => {
        "(SELECT first.created_by FROM workflow_versions AS first WHERE first.workflow_id = w.id AND first.number = 1)"
    };
}

/// The columns that `workflow_row` reads, of `workflows` as `w`.
macro_rules! columns {
    () => {
        "w.id, w.slug, w.name, w.description, w.tags, w.is_template, w.built_in, w.made_from, w.current_version,
         w.version, w.steps, w.updated_at, w.deleted_at,
         (SELECT count(*) FROM workflows AS made WHERE made.made_from = w.id) AS uses FROM workflows AS w"
    };
}

impl Database {
    /// All that are there, by name.
    pub async fn list_workflows(&self) -> Result<Vec<WorkflowRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " WHERE w.deleted_at IS NULL ORDER BY w.name, w.id"
        ));
        self.all(sql).await?.iter().map(workflow_row).collect()
    }

    /// By name, behind `after`.
    pub async fn find_workflows(
        &self,
        filter: &WorkflowFilter,
        limit: u32,
    ) -> Result<Vec<WorkflowRow>, StoreError> {
        let patterns = patterns(filter);
        let mut sql = Sql::of(concat!("SELECT ", columns!(), " WHERE "));
        on_shelf(&mut sql, filter);
        with_all(&mut sql, &patterns);
        if let Some((name, id)) = &filter.after {
            sql.push(" AND (w.name, w.id) > (").push_bind(name);
            sql.push(", ").push_bind(id.as_str()).push(")");
        }
        sql.push(" ORDER BY w.name, w.id LIMIT ").push_bind(limit);
        self.all(sql).await?.iter().map(workflow_row).collect()
    }

    /// What each shelf would show of these words and this tag.
    pub async fn count_workflows(
        &self,
        filter: &WorkflowFilter,
    ) -> Result<ShelfCounts, StoreError> {
        let patterns = patterns(filter);
        let mut sql = Sql::of(concat!(
            "SELECT count(CASE WHEN w.deleted_at IS NULL THEN 1 END) AS every,
             count(CASE WHEN w.deleted_at IS NULL AND w.is_template = 0 AND ",
            maker!(),
            " = $1 THEN 1 END) AS mine,
             count(CASE WHEN w.deleted_at IS NULL AND w.is_template = 0 AND ",
            maker!(),
            " <> $1 THEN 1 END) AS shared,
             count(CASE WHEN w.deleted_at IS NULL AND w.is_template = 1 THEN 1 END) AS templates,
             count(w.deleted_at) AS deleted
             FROM workflows AS w WHERE true"
        ))
        .bind(&filter.actor);
        with_all(&mut sql, &patterns);
        let row = self.first(sql).await?;
        let row = row.ok_or_else(|| corrupt("a count without an answer"))?;
        Ok(ShelfCounts {
            all: row.number("every")?,
            mine: row.number("mine")?,
            shared: row.number("shared")?,
            templates: row.number("templates")?,
            deleted: row.number("deleted")?,
        })
    }

    /// The tags of what is found, each list of them with how many workflows have it.
    pub async fn tags_of_workflows(
        &self,
        filter: &WorkflowFilter,
    ) -> Result<Vec<(Vec<String>, u32)>, StoreError> {
        let patterns = patterns(filter);
        let mut sql = Sql::of("SELECT w.tags, count(*) AS workflows FROM workflows AS w WHERE ");
        on_shelf(&mut sql, filter);
        with_all(&mut sql, &patterns);
        sql.push(" GROUP BY w.tags ORDER BY w.tags");
        let tags = |row: &Row| Ok((row.json("tags")?, row.number("workflows")?));
        self.all(sql).await?.iter().map(tags).collect()
    }

    /// Makes a template a workflow like any other. Whether it was a template, and neither deleted nor one that comes
    /// with the product.
    pub async fn withdraw_template(&self, id: &WorkflowId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of(
            "UPDATE workflows SET is_template = 0
             WHERE id = $1 AND is_template = 1 AND built_in = 0 AND deleted_at IS NULL",
        );
        let was_one = change.run(sql.bind(id.as_str())).await? > 0;
        self.commit_workflows(change).await?;
        Ok(was_one)
    }

    /// The workflow with this slug or id, also a deleted one.
    pub async fn workflow(&self, slug_or_id: &str) -> Result<Option<WorkflowRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " WHERE w.slug = $1 OR w.id = $1"
        ));
        let row = self.first(sql.bind(slug_or_id)).await?;
        row.as_ref().map(workflow_row).transpose()
    }

    /// Takes it off the lists and switches its triggers off, in one. Its versions and runs stay. Whether it was there.
    pub async fn delete_workflow(
        &self,
        id: &WorkflowId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sql =
            Sql::of("UPDATE workflows SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL");
        let was_there = change.run(sql.bind(id.as_str()).bind(now)).await? > 0;
        if was_there {
            let ends = Sql::of(
                "DELETE FROM run_ends WHERE trigger_id IN (SELECT id FROM triggers WHERE workflow_id = $1)",
            );
            change.run(ends.bind(id.as_str())).await?;
            let triggers = Sql::of(
                "UPDATE triggers SET enabled = 0, suspended = 1 WHERE workflow_id = $1 AND enabled = 1",
            );
            change.run(triggers.bind(id.as_str())).await?;
        }
        self.commit_workflows(change).await?;
        Ok(was_there)
    }

    /// Undoes `delete_workflow`. What its schedules missed meanwhile is none of their business. Whether it was gone.
    pub async fn undelete_workflow(
        &self,
        id: &WorkflowId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let was_gone = bring_back(&mut change, id, now).await?;
        self.commit_workflows(change).await?;
        Ok(was_gone)
    }

    /// Works out what workflows are found by that an earlier release has stored. Answers how many there were. One whose
    /// document cannot be read is found by nothing, and told about in the log.
    pub async fn index_workflows(&self) -> Result<usize, StoreError> {
        let mut indexed = 0;
        loop {
            let sql = Sql::of(
                "SELECT w.id, v.definition FROM workflows AS w JOIN workflow_versions AS v ON v.id = w.current_version
                 WHERE w.search IS NULL LIMIT $1",
            );
            let rows = self.all(sql.bind(INDEXED_AT_ONCE)).await?;
            let mut change = self.change().await?;
            for row in &rows {
                let id = row.text("id")?;
                let search = match row.json("definition") {
                    Ok(definition) => searched(&definition),
                    Err(error) => {
                        tracing::error!(workflow.id = id, %error, "workflow {id} cannot be read");
                        String::new()
                    }
                };
                let sql = Sql::of("UPDATE workflows SET search = $2 WHERE id = $1");
                change.run(sql.bind(&id).bind(&search)).await?;
            }
            change.commit().await?;
            indexed += rows.len();
            if rows.len() < INDEXED_AT_ONCE {
                return Ok(indexed);
            }
        }
    }
}

fn on_shelf<'a>(sql: &mut Sql<'a>, filter: &'a WorkflowFilter) {
    match filter.shelf {
        Shelf::All => sql.push("w.deleted_at IS NULL"),
        Shelf::Mine => sql
            .push(concat!(
                "w.deleted_at IS NULL AND w.is_template = 0 AND ",
                maker!(),
                " = "
            ))
            .push_bind(&filter.actor),
        Shelf::Shared => sql
            .push(concat!(
                "w.deleted_at IS NULL AND w.is_template = 0 AND ",
                maker!(),
                " <> "
            ))
            .push_bind(&filter.actor),
        Shelf::Templates => sql.push("w.deleted_at IS NULL AND w.is_template = 1"),
        Shelf::Deleted => sql.push("w.deleted_at IS NOT NULL"),
    };
}

/// What has to be in the text that a workflow is found by.
fn patterns(filter: &WorkflowFilter) -> Vec<String> {
    let tag = filter.tag.as_ref().map(|tag| holds(&tag_line(tag)));
    let words = filter.words.iter().map(|word| holds(word));
    words.chain(tag).collect()
}

fn with_all<'a>(sql: &mut Sql<'a>, patterns: &'a [String]) {
    for pattern in patterns {
        sql.push(" AND w.search LIKE ").push_bind(pattern);
        sql.push(" ESCAPE '!'");
    }
}

/// Brings a deleted workflow back as a part of the change, with the triggers that were switched off with it.
pub(super) async fn bring_back(
    change: &mut Change,
    id: &WorkflowId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql =
        Sql::of("UPDATE workflows SET deleted_at = NULL WHERE id = $1 AND deleted_at IS NOT NULL");
    let was_gone = change.run(sql.bind(id.as_str())).await? > 0;
    let triggers = Sql::of(
        "UPDATE triggers SET enabled = 1, suspended = 0, since = $2 WHERE workflow_id = $1 AND suspended = 1",
    );
    change.run(triggers.bind(id.as_str()).bind(now)).await?;
    Ok(was_gone)
}

/// What a workflow is found by, in lower case: a line each, and tags on lines that begin with `#`, which no other does.
pub(super) fn searched(workflow: &Workflow) -> String {
    let mut text = String::from("\n");
    let slug = workflow.slug.as_deref().unwrap_or_default();
    for line in [workflow.name.as_str(), slug, &workflow.description] {
        push_line(&mut text, line);
    }
    for tag in &workflow.tags {
        text.push_str(tag_line(tag).trim_start_matches('\n'));
    }
    let mut open: Vec<&Step> = workflow.steps.iter().rev().collect();
    while let Some(step) = open.pop() {
        push_line(&mut text, step.id.as_str());
        for line in [&step.name, &step.tool, &step.workflow]
            .into_iter()
            .flatten()
        {
            push_line(&mut text, line);
        }
        open.extend(step.body.iter().flat_map(|body| body.steps.iter().rev()));
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    text.push(' ');
    text.push_str(&in_one_line(line));
    text.push('\n');
}

pub(super) fn tag_line(tag: &str) -> String {
    format!("\n#{}\n", in_one_line(tag))
}

fn in_one_line(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The pattern of texts that hold this one, with `!` before what would stand for other characters.
pub(super) fn holds(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn workflow_row(row: &Row) -> Result<WorkflowRow, StoreError> {
    Ok(WorkflowRow {
        id: WorkflowId::new(row.text("id")?),
        slug: row.text("slug")?,
        name: row.text("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        is_template: row.flag("is_template")?,
        built_in: row.flag("built_in")?,
        made_from: row.optional_text("made_from")?.map(WorkflowId::new),
        uses: row.number("uses")?,
        version_id: VersionId::new(row.text("current_version")?),
        version: row.number("version")?,
        steps: row.number("steps")?,
        updated_at: row.moment("updated_at")?,
        deleted_at: row.optional_moment("deleted_at")?,
    })
}
