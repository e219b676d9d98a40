//! The list of runs, narrowed to what somebody asks for. Each page begins behind a run, so that what starts meanwhile
//! moves nothing.

use std::collections::BTreeMap;

use super::database::Change;
use super::large::{Places, put_back};
use super::sql::{Row, Sql};
use super::workflows::{holds, tag_line};
use super::{Database, StoreError, corrupt, rows};
use crate::engine::ids::{RunId, WorkflowId};
use crate::engine::listing::{Cursor, Listing, Page, searched};
use crate::engine::summary::RunSummary;

/// Runs of earlier releases whose inputs are in memory at once while it is worked out what they are found by.
const INDEXED_AT_ONCE: usize = 20;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct RunSearch {
    pub listing: Listing,
    /// The one that the listing names, when it names one.
    pub workflow_id: Option<WorkflowId>,
}

/// How far it has been worked out what runs are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// So many more; others are left. None where the same runs were just being forgotten.
    Some(usize),
    /// There are none left.
    All,
}

impl Database {
    /// At most `limit` runs of the page that is asked for, newest first. More than a page was asked for shows whether
    /// there are others behind it: a page of older ones lacks its last then, one of newer ones its first.
    pub async fn find_runs(
        &self,
        search: &RunSearch,
        limit: u32,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let patterns = Patterns::of(&search.listing);
        let mut sql = Sql::of(concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE true"
        ));
        let backwards = matches!(search.listing.page, Page::Newer(_));
        let order = match backwards {
            true => " ORDER BY created_at, id LIMIT ",
            false => " ORDER BY created_at DESC, id DESC LIMIT ",
        };
        if let [_, _, ..] = search.listing.states.as_slice() {
            // The first of each state, from its place in the index: all that are in one of them would have to be sorted.
            sql.push(" AND id IN (");
            for (number, state) in search.listing.states.iter().enumerate() {
                sql.push(if number > 0 { " UNION ALL " } else { "" });
                sql.push("SELECT id FROM (SELECT id FROM runs WHERE status = ")
                    .push_bind(state.as_str());
                narrow(&mut sql, search, &patterns);
                sql.push(order).push_bind(limit).push(") AS in_state");
            }
            sql.push(")");
        } else {
            in_states(&mut sql, search);
            narrow(&mut sql, search, &patterns);
        }
        sql.push(order).push_bind(limit);
        let rows = self.all(sql).await?;
        let mut found: Vec<RunSummary> =
            rows.iter().map(rows::summary).collect::<Result<_, _>>()?;
        if backwards {
            found.reverse();
        }
        Ok(found)
    }

    /// How many runs there are on this page and all behind it in its direction. No more than `at_most` are counted.
    pub async fn count_runs(&self, search: &RunSearch, at_most: u32) -> Result<u32, StoreError> {
        let patterns = Patterns::of(&search.listing);
        let mut sql = Sql::of("SELECT count(*) AS runs FROM (SELECT 1 AS one FROM runs WHERE true");
        in_states(&mut sql, search);
        narrow(&mut sql, search, &patterns);
        sql.push(" LIMIT ").push_bind(at_most).push(") AS found");
        let row = self.first(sql).await?;
        row.map_or(Ok(0), |row| row.number("runs"))
    }

    /// Works out what some of the runs that an earlier release has stored are found by, newest first. One whose input
    /// cannot be read is found by nothing, and told about in the log. If the process dies on the way, the others are
    /// still there.
    ///
    /// It touches no row that the log is written to, and on PostgreSQL it passes over runs that are just being forgotten:
    /// it waits for nobody.
    pub async fn index_runs(&self) -> Result<Indexed, StoreError> {
        let sql = Sql::of(
            "SELECT r.run_id, e.payload, e.large
             FROM (SELECT run_id FROM runs_to_index ORDER BY run_id DESC LIMIT $1) AS r
             LEFT JOIN run_events AS e ON e.run_id = r.run_id AND e.seq = 1",
        );
        let rows = self.all(sql.bind(INDEXED_AT_ONCE)).await?;
        if rows.is_empty() {
            return Ok(Indexed::All);
        }
        let mut found = BTreeMap::new();
        for row in &rows {
            let id = row.text("run_id")?;
            let words = match self.input_of(&id, row).await {
                Ok(words) => words,
                Err(StoreError::Corrupt(error)) => {
                    tracing::error!(run.id = id, %error, "run {id} is found by nothing in its input");
                    String::new()
                }
                Err(error) => return Err(error),
            };
            found.insert(id, words);
        }
        let mut change = self.change().await?;
        let taken = taking(&found, matches!(change, Change::Postgres(_)));
        let taken = change.all(taken).await?;
        for row in &taken {
            let id = row.text("run_id")?;
            if let Some(words) = found.get(&id).filter(|words| !words.is_empty()) {
                let sql = Sql::of("INSERT INTO run_search (run_id, words) VALUES ($1, $2)");
                change.run(sql.bind(&id).bind(words)).await?;
            }
        }
        change.commit().await?;
        Ok(Indexed::Some(taken.len()))
    }

    /// What a run is found by, from its first event.
    async fn input_of(&self, id: &str, row: &Row) -> Result<String, StoreError> {
        let payload = row.optional_text("payload")?;
        let payload = payload.ok_or_else(|| corrupt("its log does not begin"))?;
        let large = row.optional_text("large")?;
        let places: Places = match &large {
            Some(large) => super::large::places(large)?,
            None => Places::new(),
        };
        let hashes = places.iter().map(|(_, sha256)| sha256.clone()).collect();
        let contents = self.values(&RunId::new(id), hashes).await?;
        let event = put_back(&payload, places, &contents)?;
        let input = event.get("input");
        input
            .map(searched)
            .ok_or_else(|| corrupt("its log does not begin with an input"))
    }

    /// As an earlier release has left them.
    #[cfg(test)]
    pub(crate) async fn forget_what_runs_are_found_by(&self) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        for sql in [
            "DELETE FROM run_search",
            "INSERT INTO runs_to_index (run_id) SELECT id FROM runs",
        ] {
            change.run(Sql::of(sql)).await?;
        }
        change.commit().await
    }
}

/// Takes those of the runs that are still there to be indexed.
fn taking(found: &BTreeMap<String, String>, passes_over: bool) -> Sql<'_> {
    let mut sql = Sql::of(
        "DELETE FROM runs_to_index WHERE run_id IN (SELECT run_id FROM runs_to_index WHERE run_id IN (",
    );
    for (number, id) in found.keys().enumerate() {
        sql.push(if number > 0 { ", " } else { "" }).push_bind(id);
    }
    sql.push(if passes_over {
        ") FOR UPDATE SKIP LOCKED)"
    } else {
        "))"
    });
    sql.push(" RETURNING run_id");
    sql
}

/// Texts that have to be somewhere in others, as the databases take them.
struct Patterns {
    words: Vec<String>,
    tag: Option<String>,
}

impl Patterns {
    fn of(listing: &Listing) -> Self {
        Self {
            words: listing.words.iter().map(|word| holds(word)).collect(),
            tag: listing.tag.as_ref().map(|tag| holds(&tag_line(tag))),
        }
    }
}

fn in_states<'a>(sql: &mut Sql<'a>, search: &'a RunSearch) {
    let listing = &search.listing;
    if let [state] = listing.states.as_slice() {
        sql.push(" AND status = ").push_bind(state.as_str());
    } else if !listing.states.is_empty() {
        sql.push(" AND status IN (");
        for (number, state) in listing.states.iter().enumerate() {
            if number > 0 {
                sql.push(", ");
            }
            sql.push_bind(state.as_str());
        }
        sql.push(")");
    }
}

/// By all but the state. Only what was asked for is written, so that the planner sees which index fits.
fn narrow<'a>(sql: &mut Sql<'a>, search: &'a RunSearch, patterns: &'a Patterns) {
    let listing = &search.listing;
    if let Some(workflow) = &search.workflow_id {
        sql.push(" AND workflow_id = ").push_bind(workflow.as_str());
    }
    if let Some(version) = listing.version {
        sql.push(" AND version = ").push_bind(version);
    }
    if let Some(actor) = &listing.started_by {
        sql.push(" AND started_by = ").push_bind(actor);
    }
    if let Some(tag) = &patterns.tag {
        sql.push(" AND workflow_id IN (SELECT id FROM workflows WHERE search LIKE ")
            .push_bind(tag)
            .push(" ESCAPE '!')");
    }
    if let Some(from) = listing.from {
        sql.push(" AND created_at >= ").push_bind(from);
    }
    if let Some(until) = listing.until {
        sql.push(" AND created_at < ").push_bind(until);
    }
    match &listing.page {
        Page::First => {}
        Page::Older(cursor) => beyond(sql, " AND (created_at, id) < (", cursor),
        Page::Newer(cursor) => beyond(sql, " AND (created_at, id) > (", cursor),
    }
    // A value, and no `EXISTS`: it is asked of one run after the other, newest first, until a page is full. Neither
    // database may take it for a join and read the words of all runs.
    for (number, word) in patterns.words.iter().enumerate() {
        sql.push(match number {
            0 => " AND (SELECT words LIKE ",
            _ => " AND words LIKE ",
        });
        sql.push_bind(word).push(" ESCAPE '!'");
    }
    if !patterns.words.is_empty() {
        sql.push(" FROM run_search WHERE run_id = runs.id)");
    }
}

fn beyond<'a>(sql: &mut Sql<'a>, comparison: &'static str, cursor: &'a Cursor) {
    sql.push(comparison)
        .push_bind(cursor.created_at)
        .push(", ")
        .push_bind(cursor.run_id.as_str())
        .push(")");
}
