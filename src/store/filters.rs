//! Filters of the list of runs that somebody has given a name. They are everybody's until people can sign in.

use super::sql::{Row, Sql, SqlError};
use super::{Database, StoreError};
use crate::engine::time::Timestamp;

/// A filter with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRow {
    /// No other has it.
    pub name: String,
    /// Of the address of the list, without a `?`.
    pub query: String,
    pub changed_at: Timestamp,
    pub changed_by: String,
}

/// What became of a filter that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKept {
    New,
    Changed,
    /// There are as many as there may be, and nothing was kept.
    NoRoom,
}

/// What became of a filter that was to get another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterRenamed {
    Renamed,
    Missing,
    /// Another one has that name, and nothing was changed.
    Taken,
}

impl Database {
    /// By name.
    pub async fn saved_filters(&self) -> Result<Vec<FilterRow>, StoreError> {
        let sql =
            Sql::of("SELECT name, query, changed_at, changed_by FROM saved_filters ORDER BY name");
        self.all(sql).await?.iter().map(filter_row).collect()
    }

    /// Keeps a filter under its name, instead of one that has it. Once there are `at_most`, no new one is kept.
    pub async fn save_filter(
        &self,
        filter: &FilterRow,
        at_most: u32,
    ) -> Result<FilterKept, StoreError> {
        let mut change = self.change().await?;
        let changed = Sql::of(
            "UPDATE saved_filters SET query = $2, changed_at = $3, changed_by = $4 WHERE name = $1",
        )
        .bind(&filter.name)
        .bind(&filter.query)
        .bind(filter.changed_at)
        .bind(&filter.changed_by);
        let known = change.run(changed).await? > 0;
        let mut kept = FilterKept::Changed;
        if !known {
            let new = Sql::of(
                "INSERT INTO saved_filters (name, query, changed_at, changed_by)
                 SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM saved_filters) < $5
                 ON CONFLICT (name) DO UPDATE SET query = excluded.query, changed_at = excluded.changed_at,
                     changed_by = excluded.changed_by",
            )
            .bind(&filter.name)
            .bind(&filter.query)
            .bind(filter.changed_at)
            .bind(&filter.changed_by)
            .bind(at_most);
            kept = match change.run(new).await? {
                0 => FilterKept::NoRoom,
                _ => FilterKept::New,
            };
        }
        change.commit().await?;
        Ok(kept)
    }

    pub async fn rename_filter(
        &self,
        name: &str,
        to: &str,
        changed_at: Timestamp,
        changed_by: &str,
    ) -> Result<FilterRenamed, StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of(
            "UPDATE saved_filters SET name = $2, changed_at = $3, changed_by = $4 WHERE name = $1",
        )
        .bind(name)
        .bind(to)
        .bind(changed_at)
        .bind(changed_by);
        match change.run(sql).await {
            Ok(0) => Ok(FilterRenamed::Missing),
            Ok(_) => {
                change.commit().await?;
                Ok(FilterRenamed::Renamed)
            }
            Err(SqlError::Taken) => Ok(FilterRenamed::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether there was one of this name.
    pub async fn remove_filter(&self, name: &str) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of("DELETE FROM saved_filters WHERE name = $1");
        let was_there = change.run(sql.bind(name)).await? > 0;
        change.commit().await?;
        Ok(was_there)
    }
}

fn filter_row(row: &Row) -> Result<FilterRow, StoreError> {
    Ok(FilterRow {
        name: row.text("name")?,
        query: row.text("query")?,
        changed_at: row.moment("changed_at")?,
        changed_by: row.text("changed_by")?,
    })
}
