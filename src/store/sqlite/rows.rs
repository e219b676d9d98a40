//! From rows to values.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::corrupt;
use crate::engine::event::Recorded;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::store::{GateRow, StoreError};

/// The columns that `summary` reads.
macro_rules! summary_columns {
    () => {
        "id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq, status, reason, message, \
         percent, steps_total, steps_done, steps_failed, waiting_for_people, current, started_by, started_at, finished_at"
    };
}
pub(super) use summary_columns;

pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String, StoreError> {
    row.try_get(column).map_err(corrupt)
}

pub(super) fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    let number: i64 = row.try_get(column).map_err(corrupt)?;
    T::try_from(number).map_err(|_| corrupt(format!("{column} is {number}")))
}

pub(super) fn moment(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    row.try_get(column)
        .map(Timestamp::from_micros)
        .map_err(corrupt)
}

pub(super) fn optional_moment(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let micros: Option<i64> = row.try_get(column).map_err(corrupt)?;
    Ok(micros.map(Timestamp::from_micros))
}

pub(super) fn header(row: &SqliteRow) -> Result<RunHeader, StoreError> {
    Ok(RunHeader {
        run_id: text(row, "id")?.as_str().into(),
        workflow_id: text(row, "workflow_id")?.as_str().into(),
        version_id: text(row, "version_id")?.as_str().into(),
        workflow_slug: text(row, "workflow_slug")?,
        workflow_name: text(row, "workflow_name")?,
        version: number(row, "version")?,
        created_at: moment(row, "created_at")?,
    })
}

pub(super) fn summary(row: &SqliteRow) -> Result<RunSummary, StoreError> {
    let optional = |column: &str| row.try_get::<Option<String>, _>(column).map_err(corrupt);
    Ok(RunSummary {
        header: header(row)?,
        seq: number(row, "seq")?,
        status: text(row, "status")?.parse().map_err(corrupt)?,
        reason: optional("reason")?,
        message: optional("message")?,
        percent: number(row, "percent")?,
        steps_total: number(row, "steps_total")?,
        steps_done: number(row, "steps_done")?,
        steps_failed: number(row, "steps_failed")?,
        waiting_for_people: number(row, "waiting_for_people")?,
        current: optional("current")?,
        started_by: text(row, "started_by")?,
        started_at: optional_moment(row, "started_at")?,
        finished_at: optional_moment(row, "finished_at")?,
    })
}

pub(super) fn recorded(row: &SqliteRow) -> Result<Recorded, StoreError> {
    let payload: &str = row.try_get("payload").map_err(corrupt)?;
    Ok(Recorded {
        seq: number(row, "seq")?,
        at: moment(row, "at")?,
        event: serde_json::from_str(payload).map_err(corrupt)?,
    })
}

pub(super) fn gate(row: &SqliteRow) -> Result<GateRow, StoreError> {
    Ok(GateRow {
        id: text(row, "id")?.as_str().into(),
        run_id: text(row, "run_id")?.as_str().into(),
        step_id: text(row, "step_id")?.as_str().into(),
        state: text(row, "state")?.parse().map_err(corrupt)?,
        opened_seq: number(row, "opened_seq")?,
        opened_at: moment(row, "opened_at")?,
        deadline: optional_moment(row, "deadline")?,
    })
}
