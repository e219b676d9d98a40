//! A batch of turns on PostgreSQL: one statement, whose columns travel as arrays. A statement is a transaction, so a
//! batch costs one round trip and one wait for the disk; only keys of new starts need a statement before it.

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Connection, Row};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::timeout;

use super::connection::{Line, PATIENCE};
use super::lease::{Lease, NAME};
use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::store::entry::Entry;
use crate::store::large::Text;
use crate::store::text::{restored, stored};
use crate::store::writer::{Ledger, Verdict, accepted};
use crate::store::{Commit, GateRow, StoreError, unavailable};

/// The connection that writes the log, and the lease that allows it to.
pub(super) struct PostgresLedger {
    line: Line,
    lease: Arc<Lease>,
}

impl PostgresLedger {
    pub(super) fn new(line: Line, lease: Arc<Lease>) -> Self {
        Self { line, lease }
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn store(&mut self, turns: &[Entry]) -> Result<Vec<Verdict>, StoreError> {
        self.lease.may_write()?;
        let connection = self.line.connected().await?;
        let writing = transaction(connection, turns, &self.lease);
        let stored = timeout(PATIENCE, writing)
            .await
            .unwrap_or_else(|_| Err(unavailable("it did not answer in time")));
        if stored.is_err() {
            self.line.drop_connection();
        }
        stored
    }
}

async fn transaction(
    connection: &mut PgConnection,
    turns: &[Entry],
    lease: &Lease,
) -> Result<Vec<Verdict>, StoreError> {
    let mut verdicts: Vec<Verdict> = vec![Ok(()); turns.len()];
    if turns.iter().all(|entry| entry.turn.start_key.is_none()) {
        write(connection, turns, &mut verdicts, lease).await?;
        return Ok(verdicts);
    }
    let mut transaction = connection.begin().await?;
    remember_starts(&mut transaction, turns, &mut verdicts).await?;
    write(&mut transaction, turns, &mut verdicts, lease).await?;
    transaction.commit().await?;
    Ok(verdicts)
}

/// Keeps the keys of new starts. A key that is taken turns its commit away and names the run it stands for.
async fn remember_starts(
    connection: &mut PgConnection,
    turns: &[Entry],
    verdicts: &mut [Verdict],
) -> Result<(), sqlx::Error> {
    // The first turn of a key in the batch is the one that may have it.
    let mut first: BTreeMap<&str, &Commit> = BTreeMap::new();
    for Entry { turn, .. } in turns {
        if let Some(start) = &turn.start_key {
            first.entry(&start.key).or_insert(turn);
        }
    }
    let fingerprints = |turn: &'_ Commit| {
        turn.start_key
            .as_ref()
            .map(|key| stored(&key.fingerprint).into_owned())
    };
    let rows = sqlx::query(REMEMBER_STARTS)
        .bind(first.keys().map(|key| stored(key)).collect::<Vec<_>>())
        .bind(column(first.values().copied(), |turn| {
            stored(turn.summary.header.run_id.as_str())
        }))
        .bind(column(first.values().copied(), fingerprints))
        .bind(column(first.values().copied(), |turn| {
            turn.summary.header.created_at.as_micros()
        }))
        .fetch_all(connection)
        .await?;
    let kept = rows
        .iter()
        .map(kept_start)
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    for (Entry { turn, .. }, verdict) in turns.iter().zip(verdicts) {
        let Some(start) = &turn.start_key else {
            continue;
        };
        let Some((run_id, fingerprint)) = kept.get(&start.key) else {
            continue;
        };
        if *run_id != turn.summary.header.run_id {
            *verdict = Err(StoreError::StartedBefore {
                run_id: run_id.clone(),
                same_request: *fingerprint == start.fingerprint,
            });
        }
    }
    Ok(())
}

fn kept_start(row: &PgRow) -> Result<(String, (RunId, String)), sqlx::Error> {
    let text = |column| {
        row.try_get::<&str, _>(column)
            .map(|text| restored(text).into_owned())
    };
    Ok((
        text("key")?,
        (RunId::new(text("run_id")?), text("fingerprint")?),
    ))
}

/// Stores the accepted turns whose runs stand where they expected them; the others become conflicts.
async fn write(
    connection: &mut PgConnection,
    turns: &[Entry],
    verdicts: &mut [Verdict],
    lease: &Lease,
) -> Result<(), StoreError> {
    let accepted: Vec<&Entry> = accepted(turns, verdicts).collect();
    if accepted.is_empty() {
        return Ok(());
    }
    let query = bind_runs(sqlx::query(WRITE), &accepted);
    let query = bind_events(query, &accepted);
    let query = bind_gates(query, &accepted);
    let query = bind_values(query, &accepted).bind(NAME).bind(lease.epoch());
    let query = bind_searches(query, &accepted);
    let row = query.fetch_one(connection).await?;
    if !row.try_get::<bool, _>("held")? {
        return Err(lease.lose());
    }
    let written: Vec<String> = row.try_get("written")?;
    let written: BTreeSet<String> = written.into_iter().collect();
    for (Entry { turn, .. }, verdict) in turns.iter().zip(verdicts) {
        if verdict.is_ok() && !written.contains(&*stored(turn.summary.header.run_id.as_str())) {
            *verdict = Err(StoreError::Conflict);
        }
    }
    Ok(())
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

fn column<'c, R: 'c, T>(
    rows: impl IntoIterator<Item = &'c R>,
    value: impl Fn(&'c R) -> T,
) -> Vec<T> {
    rows.into_iter().map(value).collect()
}

fn bind_runs<'q>(query: Bound<'q>, entries: &[&Entry]) -> Bound<'q> {
    let turns = || entries.iter().map(|entry| &entry.turn);
    let texts = |value: fn(&Commit) -> &str| column(turns(), |turn| stored(value(turn)));
    let optional =
        |value: fn(&Commit) -> Option<&str>| column(turns(), |turn| value(turn).map(stored));
    let numbers = |value: fn(&Commit) -> u32| column(turns(), |turn| i64::from(value(turn)));
    query
        .bind(texts(|turn| turn.summary.header.run_id.as_str()))
        .bind(texts(|turn| turn.summary.header.workflow_id.as_str()))
        .bind(texts(|turn| turn.summary.header.version_id.as_str()))
        .bind(texts(|turn| &turn.summary.header.workflow_slug))
        .bind(texts(|turn| &turn.summary.header.workflow_name))
        .bind(numbers(|turn| turn.summary.header.version))
        .bind(column(turns(), |turn| {
            turn.summary.header.created_at.as_micros()
        }))
        .bind(numbers(|turn| turn.summary.seq))
        .bind(numbers(|turn| turn.expected_seq))
        .bind(texts(|turn| turn.summary.status.as_str()))
        .bind(optional(|turn| turn.summary.reason.as_deref()))
        .bind(optional(|turn| turn.summary.message.as_deref()))
        .bind(numbers(|turn| turn.summary.percent.into()))
        .bind(numbers(|turn| turn.summary.steps_total))
        .bind(numbers(|turn| turn.summary.steps_done))
        .bind(numbers(|turn| turn.summary.steps_failed))
        .bind(numbers(|turn| turn.summary.waiting_for_people))
        .bind(optional(|turn| turn.summary.current.as_deref()))
        .bind(texts(|turn| &turn.summary.started_by))
        .bind(column(turns(), |turn| {
            turn.summary.started_at.map(|at| at.as_micros())
        }))
        .bind(column(turns(), |turn| {
            turn.summary.finished_at.map(|at| at.as_micros())
        }))
}

fn bind_events<'q>(query: Bound<'q>, entries: &[&Entry]) -> Bound<'q> {
    let events: Vec<(Cow<'_, str>, &Recorded, &Text)> = entries
        .iter()
        .flat_map(|Entry { turn, payloads, .. }| {
            let run_id = turn.summary.header.run_id.as_str();
            let events = turn.events.iter().zip(payloads);
            events.map(move |(event, payload)| (stored(run_id), event, payload))
        })
        .collect();
    query
        .bind(column(&events, |(run_id, ..)| run_id.clone()))
        .bind(column(&events, |(_, recorded, _)| i64::from(recorded.seq)))
        .bind(column(&events, |(_, recorded, _)| recorded.at.as_micros()))
        .bind(column(&events, |(_, recorded, _)| recorded.event.kind()))
        // As text, so that it is stored byte for byte.
        .bind(column(&events, |(.., payload)| payload.text.as_str()))
        .bind(column(&events, |(.., payload)| payload.large.as_deref()))
}

fn bind_searches<'q>(query: Bound<'q>, entries: &[&Entry]) -> Bound<'q> {
    let found_by = |entry: &&'_ Entry| {
        let words = entry.search.as_deref().map(stored)?;
        let run_id = entry.turn.summary.header.run_id.as_str();
        Some((stored(run_id).into_owned(), words.into_owned()))
    };
    let (runs, words): (Vec<_>, Vec<_>) = entries.iter().filter_map(found_by).unzip();
    query.bind(runs).bind(words)
}

/// A statement may not put the same row into a table twice.
fn bind_values<'q>(query: Bound<'q>, entries: &[&Entry]) -> Bound<'q> {
    let values: BTreeMap<(Cow<'_, str>, &str), &str> = entries
        .iter()
        .flat_map(|Entry { turn, values, .. }| {
            let run_id = turn.summary.header.run_id.as_str();
            values.iter().map(move |kept| {
                (
                    (stored(run_id), kept.sha256.as_str()),
                    kept.content.as_str(),
                )
            })
        })
        .collect();
    query
        .bind(column(values.keys(), |(run_id, _)| run_id.clone()))
        .bind(column(values.keys(), |(_, sha256)| *sha256))
        .bind(column(values.values(), |content| *content))
}

fn bind_gates<'q>(query: Bound<'q>, entries: &[&Entry]) -> Bound<'q> {
    let gates: Vec<&GateRow> = entries.iter().flat_map(|entry| &entry.turn.gates).collect();
    let gates = || gates.iter().copied();
    query
        .bind(column(gates(), |gate| stored(gate.id.as_str())))
        .bind(column(gates(), |gate| stored(gate.run_id.as_str())))
        .bind(column(gates(), |gate| stored(gate.step_id.as_str())))
        .bind(column(gates(), |gate| gate.state.as_str()))
        .bind(column(gates(), |gate| i64::from(gate.opened_seq)))
        .bind(column(gates(), |gate| gate.opened_at.as_micros()))
        .bind(column(gates(), |gate| {
            gate.deadline.map(|at| at.as_micros())
        }))
}

/// Answers the rows that hold the keys afterwards, whoever put them there.
const REMEMBER_STARTS: &str = "
    INSERT INTO start_keys (key, run_id, fingerprint, created_at)
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])
    ON CONFLICT (key) DO UPDATE SET key = excluded.key
    RETURNING key, run_id, fingerprint";

/// If the lease is still this process's, inserts new runs and moves known ones on, as far as they stand where the turn
/// expected them; then the events and gates of those that were written. Answers their ids. The lease's row is locked
/// before anything is written: a claim waits until this is stored, and this finds a claim that came first.
const WRITE: &str = "
    WITH held AS MATERIALIZED (
        SELECT epoch FROM leases WHERE name = $38 AND epoch = $39 FOR SHARE
    ), turn AS (
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
            $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::text[], $20::bigint[], $21::bigint[])
        AS turn (id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq, prior_seq, status,
            reason, message, percent, steps_total, steps_done, steps_failed, waiting_for_people, current, started_by,
            started_at, finished_at)
    ), written AS (
        INSERT INTO runs (id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq,
            prior_seq, status, reason, message, percent, steps_total, steps_done, steps_failed, waiting_for_people,
            current, started_by, started_at, finished_at)
        SELECT * FROM turn
        WHERE EXISTS (SELECT 1 FROM held)
            AND (turn.prior_seq = 0 OR EXISTS (SELECT 1 FROM runs WHERE runs.id = turn.id))
        ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, prior_seq = excluded.prior_seq, status = excluded.status,
            reason = excluded.reason, message = excluded.message, percent = excluded.percent,
            steps_total = excluded.steps_total, steps_done = excluded.steps_done, steps_failed = excluded.steps_failed,
            waiting_for_people = excluded.waiting_for_people, current = excluded.current,
            started_by = excluded.started_by, started_at = excluded.started_at, finished_at = excluded.finished_at,
            rests_until = NULL
        WHERE runs.seq = excluded.prior_seq
        RETURNING id
    ), logged AS (
        INSERT INTO run_events (run_id, seq, at, kind, payload, large)
        SELECT * FROM UNNEST($22::text[], $23::bigint[], $24::bigint[], $25::text[], $26::text[], $27::text[])
        AS event (run_id, seq, at, kind, payload, large)
        WHERE event.run_id IN (SELECT id FROM written)
    ), gated AS (
        INSERT INTO gates (id, run_id, step_id, state, opened_seq, opened_at, deadline)
        SELECT * FROM UNNEST($28::text[], $29::text[], $30::text[], $31::text[], $32::bigint[], $33::bigint[],
            $34::bigint[])
        AS gate (id, run_id, step_id, state, opened_seq, opened_at, deadline)
        WHERE gate.run_id IN (SELECT id FROM written)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state
    ), kept AS (
        INSERT INTO run_values (run_id, sha256, content)
        SELECT * FROM UNNEST($35::text[], $36::text[], $37::text[]) AS value (run_id, sha256, content)
        WHERE value.run_id IN (SELECT id FROM written)
        ON CONFLICT (run_id, sha256) DO NOTHING
    ), found AS (
        INSERT INTO run_search (run_id, words)
        SELECT * FROM UNNEST($40::text[], $41::text[]) AS found (run_id, words)
        WHERE found.run_id IN (SELECT id FROM written)
    ), dropped AS (
        DELETE FROM run_snapshots WHERE run_id IN (
            SELECT turn.id FROM turn JOIN written ON written.id = turn.id WHERE turn.finished_at IS NOT NULL)
    )
    SELECT EXISTS (SELECT 1 FROM held) AS held, ARRAY(SELECT id FROM written) AS written";
