//! SQL that both databases speak, written once: `$1`, ids as TEXT, numbers and microseconds as BIGINT, JSON as text,
//! `ON CONFLICT`, `RETURNING`. A statement is made of constants and arguments; no value ever becomes part of its text.
//!
//! ```text
//! let sql = Sql::of("SELECT id, name FROM workflows WHERE slug = $1").bind(slug);
//! let name = database.first(sql).await?.map(|row| row.text("name")).transpose()?;
//!
//! let mut change = database.change().await?;
//! change.run(Sql::of("DELETE FROM workflows WHERE id = $1").bind(id.as_str())).await?;
//! change.commit().await?;
//! ```

use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Arguments, ColumnIndex, Encode, Executor, IntoArguments, QueryBuilder, Type};
use std::borrow::Cow;
use std::fmt::Write;

use super::text::{restored, stored};
use super::{StoreError, corrupt, unavailable};
use crate::engine::time::Timestamp;

/// A statement with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Sql<'a> {
    text: Cow<'static, str>,
    arguments: Vec<Argument<'a>>,
}

impl<'a> Sql<'a> {
    pub(super) fn of(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            arguments: Vec::new(),
        }
    }

    /// The value of the next `$n` of the text.
    pub(super) fn bind(mut self, value: impl Into<Argument<'a>>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// More text.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// A value at the end of the text so far.
    pub(super) fn push_bind(&mut self, value: impl Into<Argument<'a>>) -> &mut Self {
        self.arguments.push(value.into());
        // Writing to a string cannot fail.
        let _ = write!(self.text.to_mut(), "${}", self.arguments.len());
        self
    }
}

/// A value as both databases take it. An absent one has a type too, because PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(super) enum Argument<'a> {
    Text(Option<Cow<'a, str>>),
    /// Also flags, as 0 and 1.
    Number(Option<i64>),
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Argument::Text(Some(stored(text)))
    }
}

impl<'a> From<&'a String> for Argument<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<Option<&'a str>> for Argument<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Argument::Text(text.map(stored))
    }
}

impl<'a> From<&'a [u8]> for Argument<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Argument::Bytes(bytes)
    }
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Argument::Number(Some(number))
    }
}

impl From<u32> for Argument<'_> {
    fn from(number: u32) -> Self {
        i64::from(number).into()
    }
}

/// A length; none is near the limit.
impl From<usize> for Argument<'_> {
    fn from(number: usize) -> Self {
        i64::try_from(number).unwrap_or(i64::MAX).into()
    }
}

impl From<bool> for Argument<'_> {
    fn from(flag: bool) -> Self {
        i64::from(flag).into()
    }
}

impl From<Timestamp> for Argument<'_> {
    fn from(moment: Timestamp) -> Self {
        moment.as_micros().into()
    }
}

impl From<Option<u32>> for Argument<'_> {
    fn from(number: Option<u32>) -> Self {
        Argument::Number(number.map(i64::from))
    }
}

impl From<Option<Timestamp>> for Argument<'_> {
    fn from(moment: Option<Timestamp>) -> Self {
        Argument::Number(moment.map(Timestamp::as_micros))
    }
}

/// Why a statement was not carried out.
#[derive(Debug)]
pub(super) enum SqlError {
    /// Something that must be unique is there already.
    Taken,
    Other(StoreError),
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => SqlError::Taken,
            Some(_) | None => SqlError::Other(error.into()),
        }
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Taken => unavailable("something that must be unique is there already"),
            SqlError::Other(error) => error,
        }
    }
}

/// Makes the statement ready for one of the databases.
fn prepared<DB>(sql: &Sql<'_>) -> Result<QueryBuilder<DB>, sqlx::Error>
where
    DB: sqlx::Database,
    DB::Arguments: Arguments<Database = DB> + IntoArguments<DB>,
    for<'t> Option<&'t str>: Encode<'t, DB> + Type<DB>,
    for<'t> &'t [u8]: Encode<'t, DB> + Type<DB>,
    for<'t> Option<i64>: Encode<'t, DB> + Type<DB>,
{
    let mut arguments = DB::Arguments::default();
    for argument in &sql.arguments {
        match argument {
            Argument::Text(text) => arguments.add(text.as_deref()),
            Argument::Number(number) => arguments.add(*number),
            Argument::Bytes(bytes) => arguments.add(*bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(QueryBuilder::with_arguments(&*sql.text, arguments))
}

/// All rows that the statement answers.
pub(super) async fn rows_on_sqlite<'c, E>(sql: &Sql<'_>, on: E) -> Result<Vec<Row>, SqlError>
where
    E: Executor<'c, Database = Sqlite>,
{
    let rows = prepared::<Sqlite>(sql)?.build().fetch_all(on).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

pub(super) async fn rows_on_postgres<'c, E>(sql: &Sql<'_>, on: E) -> Result<Vec<Row>, SqlError>
where
    E: Executor<'c, Database = Postgres>,
{
    let rows = prepared::<Postgres>(sql)?.build().fetch_all(on).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

/// How many rows the statement changed.
pub(super) async fn changed_on_sqlite<'c, E>(sql: &Sql<'_>, on: E) -> Result<u64, SqlError>
where
    E: Executor<'c, Database = Sqlite>,
{
    let result = prepared::<Sqlite>(sql)?.build().execute(on).await?;
    Ok(result.rows_affected())
}

pub(super) async fn changed_on_postgres<'c, E>(sql: &Sql<'_>, on: E) -> Result<u64, SqlError>
where
    E: Executor<'c, Database = Postgres>,
{
    let result = prepared::<Postgres>(sql)?.build().execute(on).await?;
    Ok(result.rows_affected())
}

/// A row of either database, read by the names of its columns.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.str(column).map(Cow::into_owned)
    }

    /// Without a copy where that is possible.
    pub(super) fn str(&self, column: &str) -> Result<Cow<'_, str>, StoreError> {
        self.get::<&str>(column).map(restored)
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        Ok(text.map(|text| restored(text).into_owned()))
    }

    pub(super) fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        let number = self.get::<i64>(column)?;
        T::try_from(number).map_err(|_| corrupt(format!("{column} is {number}")))
    }

    pub(super) fn optional_number<T: TryFrom<i64>>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        let number = self.get::<Option<i64>>(column)?;
        let wrong = |number| corrupt(format!("{column} is {number}"));
        number
            .map(|number| T::try_from(number).map_err(|_| wrong(number)))
            .transpose()
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.get::<i64>(column)? != 0)
    }

    pub(super) fn moment(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.get::<i64>(column).map(Timestamp::from_micros)
    }

    pub(super) fn optional_moment(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.get::<Option<i64>>(column)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    pub(super) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.get::<&[u8]>(column).map(<[u8]>::to_vec)
    }

    /// A column that holds JSON, as it stands there.
    pub(super) fn json_text(&self, column: &str) -> Result<&str, StoreError> {
        self.get(column)
    }

    /// A column that holds JSON.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(self.get(column)?).map_err(corrupt)
    }

    fn get<'r, T>(&'r self, column: &str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, Sqlite> + Type<Sqlite> + sqlx::Decode<'r, Postgres> + Type<Postgres>,
        for<'i> &'i str: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Row::Sqlite(row) => sqlx::Row::try_get(row, column),
            Row::Postgres(row) => sqlx::Row::try_get(row, column),
        }
        .map_err(corrupt)
    }
}
