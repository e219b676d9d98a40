//! A batch of turns on SQLite. It travels as one JSON text per statement, because each statement costs a hop to
//! SQLite's own thread.

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::sqlite::SqlitePool;
use std::collections::BTreeSet;

use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::store::text::{restored, stored};
use crate::store::writer::{Ledger, Verdict, accepted};
use crate::store::{Commit, StoreError};

/// The one connection that writes.
pub(super) struct SqliteLedger(pub(super) SqlitePool);

#[async_trait]
impl Ledger for SqliteLedger {
    async fn store(&mut self, turns: &[Commit]) -> Result<Vec<Verdict>, StoreError> {
        Ok(transaction(&self.0, turns).await?)
    }
}

async fn transaction(pool: &SqlitePool, commits: &[Commit]) -> Result<Vec<Verdict>, sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut results: Vec<Verdict> = vec![Ok(()); commits.len()];
    remember_starts(&mut transaction, commits, &mut results).await?;
    let runs: Vec<Value> = accepted(commits, &results).map(run_row).collect();
    let written: BTreeSet<String> = sqlx::query_scalar(UPSERT_RUNS)
        .bind(json_text(runs))
        .fetch_all(&mut *transaction)
        .await?
        .into_iter()
        .collect();
    for (commit, result) in commits.iter().zip(&mut results) {
        if result.is_ok() && !written.contains(&*stored(commit.summary.header.run_id.as_str())) {
            *result = Err(StoreError::Conflict);
        }
    }
    let events: Vec<Value> = accepted(commits, &results)
        .flat_map(|commit| {
            commit
                .events
                .iter()
                .map(|event| event_row(&commit.summary.header.run_id, event))
        })
        .collect();
    sqlx::query(INSERT_EVENTS)
        .bind(json_text(events))
        .execute(&mut *transaction)
        .await?;
    let gates: Vec<Value> = accepted(commits, &results).flat_map(gate_rows).collect();
    if !gates.is_empty() {
        sqlx::query(UPSERT_GATES)
            .bind(json_text(gates))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(results)
}

/// Keeps the keys of new starts. A key that is taken turns its commit away and names the run it stands for.
async fn remember_starts(
    transaction: &mut sqlx::SqliteConnection,
    commits: &[Commit],
    results: &mut [Verdict],
) -> Result<(), sqlx::Error> {
    for (commit, result) in commits.iter().zip(results) {
        let Some(start) = &commit.start_key else {
            continue;
        };
        let run_id = commit.summary.header.run_id.as_str();
        let (kept_run, fingerprint): (String, String) = sqlx::query_as(REMEMBER_START)
            .bind(stored(&start.key))
            .bind(stored(run_id))
            .bind(stored(&start.fingerprint))
            .bind(commit.summary.header.created_at.as_micros())
            .fetch_one(&mut *transaction)
            .await?;
        let kept_run = restored(&kept_run);
        if kept_run != run_id {
            *result = Err(StoreError::StartedBefore {
                run_id: RunId::new(kept_run),
                same_request: restored(&fingerprint) == start.fingerprint,
            });
        }
    }
    Ok(())
}

fn json_text(rows: Vec<Value>) -> String {
    Value::Array(rows).to_string()
}

fn run_row(commit: &Commit) -> Value {
    let summary = &commit.summary;
    let header = &summary.header;
    json!([
        stored(header.run_id.as_str()),
        stored(header.workflow_id.as_str()),
        stored(header.version_id.as_str()),
        stored(&header.workflow_slug),
        stored(&header.workflow_name),
        header.version,
        header.created_at.as_micros(),
        summary.seq,
        commit.expected_seq,
        summary.status.as_str(),
        summary.reason.as_deref().map(stored),
        summary.message.as_deref().map(stored),
        summary.percent,
        summary.steps_total,
        summary.steps_done,
        summary.steps_failed,
        summary.waiting_for_people,
        summary.current.as_deref().map(stored),
        stored(&summary.started_by),
        summary.started_at.map(|at| at.as_micros()),
        summary.finished_at.map(|at| at.as_micros()),
    ])
}

fn event_row(run_id: &RunId, recorded: &Recorded) -> Value {
    // The payload travels as text, so that it is stored byte for byte.
    let payload = serde_json::to_string(&recorded.event).unwrap_or_default();
    json!([
        stored(run_id.as_str()),
        recorded.seq,
        recorded.at.as_micros(),
        recorded.event.kind(),
        payload
    ])
}

fn gate_rows(commit: &Commit) -> impl Iterator<Item = Value> + '_ {
    commit.gates.iter().map(|gate| {
        json!([
            stored(gate.id.as_str()),
            stored(gate.run_id.as_str()),
            stored(gate.step_id.as_str()),
            gate.state.as_str(),
            gate.opened_seq,
            gate.opened_at.as_micros(),
            gate.deadline.map(|at| at.as_micros()),
        ])
    })
}

/// Answers the row that holds the key afterwards, whoever put it there.
const REMEMBER_START: &str = "
    INSERT INTO start_keys (key, run_id, fingerprint, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key) DO UPDATE SET key = excluded.key
    RETURNING run_id, fingerprint";

/// Inserts new runs and moves known ones on, if they still stand where the turn expected them. Answers the ids of
/// those that were written.
const UPSERT_RUNS: &str = "
    INSERT INTO runs (id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq, prior_seq,
        status, reason, message, percent, steps_total, steps_done, steps_failed, waiting_for_people, current,
        started_by, started_at, finished_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
        value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20
    FROM json_each($1)
    WHERE value ->> 8 = 0 OR EXISTS (SELECT 1 FROM runs WHERE runs.id = value ->> 0)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, prior_seq = excluded.prior_seq, status = excluded.status,
        reason = excluded.reason, message = excluded.message, percent = excluded.percent,
        steps_total = excluded.steps_total, steps_done = excluded.steps_done, steps_failed = excluded.steps_failed,
        waiting_for_people = excluded.waiting_for_people, current = excluded.current,
        started_by = excluded.started_by, started_at = excluded.started_at, finished_at = excluded.finished_at
    WHERE runs.seq = excluded.prior_seq
    RETURNING id";

const INSERT_EVENTS: &str = "
    INSERT INTO run_events (run_id, seq, at, kind, payload)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1)";

const UPSERT_GATES: &str = "
    INSERT INTO gates (id, run_id, step_id, state, opened_seq, opened_at, deadline)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    FROM json_each($1) WHERE true
    ON CONFLICT (id) DO UPDATE SET state = excluded.state";
