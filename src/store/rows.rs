//! From rows to values.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::large::{Places, put_back};
use super::sql::Row;
use super::{GateRow, StoreError, corrupt};
use crate::engine::event::Recorded;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;

/// The columns that `summary` reads.
macro_rules! summary_columns {
    () => {
        "id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq, status, reason, message, \
         percent, steps_total, steps_done, steps_failed, waiting_for_people, current, started_by, started_at, finished_at"
    };
}
pub(super) use summary_columns;

pub(super) fn header(row: &Row) -> Result<RunHeader, StoreError> {
    Ok(RunHeader {
        run_id: row.text("id")?.as_str().into(),
        workflow_id: row.text("workflow_id")?.as_str().into(),
        version_id: row.text("version_id")?.as_str().into(),
        workflow_slug: row.text("workflow_slug")?,
        workflow_name: row.text("workflow_name")?,
        version: row.number("version")?,
        created_at: row.moment("created_at")?,
    })
}

pub(super) fn summary(row: &Row) -> Result<RunSummary, StoreError> {
    Ok(RunSummary {
        header: header(row)?,
        seq: row.number("seq")?,
        status: row.text("status")?.parse().map_err(corrupt)?,
        reason: row.optional_text("reason")?,
        message: row.optional_text("message")?,
        percent: row.number("percent")?,
        steps_total: row.number("steps_total")?,
        steps_done: row.number("steps_done")?,
        steps_failed: row.number("steps_failed")?,
        waiting_for_people: row.number("waiting_for_people")?,
        current: row.optional_text("current")?,
        started_by: row.text("started_by")?,
        started_at: row.optional_moment("started_at")?,
        finished_at: row.optional_moment("finished_at")?,
    })
}

/// A row of the log.
pub(super) struct Logged<'r> {
    seq: u32,
    at: i64,
    payload: &'r RawValue,
    pub large: Option<Places>,
}

/// Some of a log, as one text.
pub(super) fn logged(row: &Row) -> Result<Vec<Logged<'_>>, StoreError> {
    let rows: Vec<(u32, i64, &RawValue, Option<Places>)> =
        serde_json::from_str(row.json_text("events")?).map_err(corrupt)?;
    let logged = rows.into_iter().map(|(seq, at, payload, large)| Logged {
        seq,
        at,
        payload,
        large,
    });
    Ok(logged.collect())
}

impl Logged<'_> {
    /// With what belongs into it, by hash.
    pub(super) fn recorded(
        self,
        large_values: &BTreeMap<String, String>,
    ) -> Result<Recorded, StoreError> {
        let event = match self.large {
            None => serde_json::from_str(self.payload.get()),
            Some(places) => {
                let whole = put_back(self.payload.get(), places, large_values)?;
                serde_json::from_value(whole)
            }
        };
        Ok(Recorded {
            seq: self.seq,
            at: Timestamp::from_micros(self.at),
            event: event.map_err(corrupt)?,
        })
    }
}

pub(super) fn gate(row: &Row) -> Result<GateRow, StoreError> {
    Ok(GateRow {
        id: row.text("id")?.as_str().into(),
        run_id: row.text("run_id")?.as_str().into(),
        step_id: row.text("step_id")?.as_str().into(),
        state: row.text("state")?.parse().map_err(corrupt)?,
        opened_seq: row.number("opened_seq")?,
        opened_at: row.moment("opened_at")?,
        deadline: row.optional_moment("deadline")?,
    })
}
