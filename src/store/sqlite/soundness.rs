//! Whether what a database holds can be relied on: its pages, its logs, and that they say what the lists say.

use sqlx::FromRow;
use sqlx::sqlite::SqlitePool;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::backup::Soundness;
use crate::engine::event::Recorded;
use crate::engine::ids::sha256;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::store::large::{places, put_back};

#[derive(FromRow)]
struct OpenRun {
    id: String,
    seq: i64,
    status: String,
    outline: String,
}

#[derive(FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    payload: String,
    large: Option<String>,
}

/// The inner error says what is wrong with what is stored.
pub(super) async fn examine(
    database: &SqlitePool,
) -> Result<Result<Soundness, String>, sqlx::Error> {
    let pages: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(database)
        .await?;
    if pages != "ok" {
        return Ok(Err(pages));
    }
    let first = |sql| sqlx::query_scalar::<_, String>(sql).fetch_optional(database);
    let keeps_values_apart = first(KEEPS_VALUES_APART).await?.is_some();
    let mut checks = vec![
        (GAPS, "the log of run", "is not complete"),
        (UNREADABLE, "event", "cannot be read"),
    ];
    if keeps_values_apart {
        checks.push((MISSING, "event", "has lost a value"));
    }
    for (sql, noun, wrong) in checks {
        if let Some(which) = first(sql).await? {
            return Ok(Err(format!("{noun} {which} {wrong}")));
        }
    }
    if keeps_values_apart && let Err(what) = values_are_whole(database).await? {
        return Ok(Err(what));
    }
    let (log_of, values_of) = if keeps_values_apart {
        (LOG, VALUES)
    } else {
        (LOG_WITH_ITS_VALUES, NO_VALUES)
    };
    let open: Vec<OpenRun> = sqlx::query_as(
        "SELECT r.id, r.seq, r.status, v.outline FROM runs r
         JOIN workflow_versions v ON v.id = r.version_id WHERE r.finished_at IS NULL",
    )
    .fetch_all(database)
    .await?;
    for run in &open {
        let log: Vec<EventRow> = sqlx::query_as(log_of)
            .bind(&run.id)
            .fetch_all(database)
            .await?;
        let values: Vec<(String, String)> = sqlx::query_as(values_of)
            .bind(&run.id)
            .fetch_all(database)
            .await?;
        if let Err(what) = folds_to(run, &log, &values.into_iter().collect()) {
            return Ok(Err(format!("run {}: {what}", run.id)));
        }
    }
    let (runs, events): (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM run_events)")
            .fetch_one(database)
            .await?;
    Ok(Ok(Soundness {
        runs: runs.unsigned_abs(),
        open_runs: open.len() as u64,
        events: events.unsigned_abs(),
        bytes: 0,
    }))
}

const GAPS: &str = "
    SELECT r.id FROM runs r WHERE r.seq <> (SELECT count(*) FROM run_events e WHERE e.run_id = r.id)
        OR r.seq <> (SELECT coalesce(max(e.seq), 0) FROM run_events e WHERE e.run_id = r.id) LIMIT 1";

const UNREADABLE: &str = "
    SELECT seq || ' of run ' || run_id FROM run_events
    WHERE NOT json_valid(payload) LIMIT 1";

/// A database of an earlier release holds all values in its log, and is to be backed up before the next one changes it.
const KEEPS_VALUES_APART: &str =
    "SELECT name FROM pragma_table_info('run_events') WHERE name = 'large'";

const LOG: &str = "SELECT seq, at, payload, large FROM run_events WHERE run_id = $1 ORDER BY seq";
const VALUES: &str = "SELECT sha256, content FROM run_values WHERE run_id = $1";
const LOG_WITH_ITS_VALUES: &str =
    "SELECT seq, at, payload, NULL AS large FROM run_events WHERE run_id = $1 ORDER BY seq";
const NO_VALUES: &str = "SELECT '' AS sha256, '' AS content WHERE $1 IS NULL";

const MISSING: &str = "
    SELECT e.seq || ' of run ' || e.run_id FROM run_events e, json_each(e.large) place
    WHERE NOT EXISTS (SELECT 1 FROM run_values v
        WHERE v.run_id = e.run_id AND v.sha256 = json_extract(place.value, '$[1]')) LIMIT 1";

/// Every large value is what its hash says.
async fn values_are_whole(database: &SqlitePool) -> Result<Result<(), String>, sqlx::Error> {
    let mut after = (String::new(), String::new());
    loop {
        let some: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT run_id, sha256, content FROM run_values WHERE (run_id, sha256) > ($1, $2)
             ORDER BY run_id, sha256 LIMIT 100",
        )
        .bind(&after.0)
        .bind(&after.1)
        .fetch_all(database)
        .await?;
        for (run_id, hash, content) in &some {
            if sha256(content.as_bytes()) != *hash {
                return Ok(Err(format!("the value {hash} of run {run_id} is spoilt")));
            }
        }
        match some.into_iter().next_back() {
            Some((run_id, hash, _)) => after = (run_id, hash),
            None => return Ok(Ok(())),
        }
    }
}

/// Does the log fold to the state that the lists show?
fn folds_to(
    run: &OpenRun,
    log: &[EventRow],
    values: &BTreeMap<String, String>,
) -> Result<(), String> {
    let outline: Outline =
        serde_json::from_str(&run.outline).map_err(|error| format!("its plan: {error}"))?;
    let events = log.iter().map(|row| recorded(row, values));
    let events = events.collect::<Result<Vec<_>, String>>()?;
    let state = RunState::replay(Arc::new(outline), &events);
    if i64::from(state.seq) != run.seq || state.status().as_str() != run.status {
        return Err(format!(
            "its log says {}, the list says {}",
            state.status().as_str(),
            run.status
        ));
    }
    Ok(())
}

fn recorded(row: &EventRow, values: &BTreeMap<String, String>) -> Result<Recorded, String> {
    let seq = row.seq;
    let unreadable = |error: String| format!("event {seq} cannot be read: {error}");
    let places = places(row.large.as_deref().unwrap_or("[]"));
    let event = places
        .and_then(|places| put_back(&row.payload, places, values))
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(Recorded {
        seq: u32::try_from(seq).map_err(|_| format!("an event has the number {seq}"))?,
        at: Timestamp::from_micros(row.at),
        event: serde_json::from_value(event).map_err(|error| unreadable(error.to_string()))?,
    })
}
