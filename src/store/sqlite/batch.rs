//! A batch of turns on SQLite, written by one thread over a connection of its own. A turn is a handful of small
//! statements; through an asynchronous driver each of them would cost two changes of thread, which is more than SQLite
//! itself takes for it.

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::path::Path;
use std::time::Duration;

use super::BUSY_TIMEOUT_MS;
use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::store::database::WriteTurn;
use crate::store::entry::Entry;
use crate::store::large::{Kept, Text};
use crate::store::text::{restored, stored};
use crate::store::writer::{LocalLedger, Verdict};
use crate::store::{Commit, GateRow, StartKey, StoreError, unavailable};

/// As `PRAGMA synchronous` answers it.
const SYNCHRONOUS_FULL: i64 = 2;

/// The connection that writes the log.
pub(super) struct SqliteLedger {
    connection: Connection,
    turn: WriteTurn,
}

impl SqliteLedger {
    /// On a database whose tables are up to date.
    pub(super) fn open(path: &Path, turn: WriteTurn) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(unavailable)?;
        let prepared = || {
            connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
            // A run that is acknowledged is a run on disk.
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            let synchronous: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            let journal: String =
                connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            Ok((synchronous, journal))
        };
        // Everything that is promised rests on it, and nothing else would show that it is missing.
        match prepared().map_err(|error: rusqlite::Error| unavailable(error))? {
            (SYNCHRONOUS_FULL, journal) if journal == "wal" => Ok(Self { connection, turn }),
            (synchronous, journal) => Err(unavailable(format!(
                "its journal is `{journal}` with synchronous={synchronous}, and has to be `wal` with {SYNCHRONOUS_FULL}"
            ))),
        }
    }
}

impl LocalLedger for SqliteLedger {
    fn store(&mut self, turns: &[Entry]) -> Result<Vec<Verdict>, StoreError> {
        let _turn = self.turn.blocking_lock();
        match write(&mut self.connection, turns) {
            Ok(verdicts) => Ok(verdicts),
            Err(error) if is_of_one_turn(&error) => Ok(turns
                .iter()
                .map(|turn| alone(&mut self.connection, turn))
                .collect()),
            Err(error) => Err(said(error)),
        }
    }
}

/// Something about one of the turns, for which the others are not to suffer.
fn is_of_one_turn(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        None | Some(
            ErrorCode::ConstraintViolation
                | ErrorCode::TooBig
                | ErrorCode::TypeMismatch
                | ErrorCode::ParameterOutOfRange
        )
    )
}

fn alone(connection: &mut Connection, turn: &Entry) -> Verdict {
    let verdicts = write(connection, std::slice::from_ref(turn)).map_err(said)?;
    verdicts.into_iter().next().unwrap_or(Ok(()))
}

fn said(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        Some(_) | None => unavailable(error),
    }
}

fn write(connection: &mut Connection, turns: &[Entry]) -> rusqlite::Result<Vec<Verdict>> {
    // Taking the lock at once: a reader that starts to write would be refused while another writes. Dropped without a
    // commit it leaves nothing.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut verdicts = Vec::with_capacity(turns.len());
    for turn in turns {
        verdicts.push(write_turn(&transaction, turn)?);
    }
    transaction.commit()?;
    Ok(verdicts)
}

/// The outer error is everybody's. The inner one is this turn's, of which nothing has been written then.
fn write_turn(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<Verdict> {
    let turn = &entry.turn;
    if let Some(start) = &turn.start_key
        && let Some(before) = started_before(transaction, turn, start)?
    {
        return Ok(Err(before));
    }
    let written = if turn.expected_seq == 0 {
        insert_run(transaction, entry)?
    } else {
        move_run(transaction, turn)?
    };
    if !written {
        return Ok(Err(StoreError::Conflict));
    }
    let run_id = &turn.summary.header.run_id;
    if let Some(start) = &turn.start_key {
        remember_start(transaction, turn, start)?;
    }
    for (event, payload) in turn.events.iter().zip(&entry.payloads) {
        insert_event(transaction, run_id, event, payload)?;
    }
    for value in &entry.values {
        keep_value(transaction, run_id, value)?;
    }
    if turn.summary.finished_at.is_some() && turn.expected_seq > 0 {
        drop_snapshot(transaction, run_id)?;
    }
    for gate in &turn.gates {
        upsert_gate(transaction, gate)?;
    }
    Ok(Ok(()))
}

/// A key that is taken turns the start away and names the run that it stands for.
fn started_before(
    transaction: &Transaction<'_>,
    turn: &Commit,
    start: &StartKey,
) -> rusqlite::Result<Option<StoreError>> {
    let known: Option<(String, String)> = transaction
        .prepare_cached("SELECT run_id, fingerprint FROM start_keys WHERE key = ?1")?
        .query_row([stored(&start.key)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((run_id, fingerprint)) = known else {
        return Ok(None);
    };
    let run_id = RunId::new(restored(&run_id));
    let another = run_id != turn.summary.header.run_id;
    Ok(another.then(|| StoreError::StartedBefore {
        run_id,
        same_request: restored(&fingerprint) == start.fingerprint,
    }))
}

fn remember_start(
    transaction: &Transaction<'_>,
    turn: &Commit,
    start: &StartKey,
) -> rusqlite::Result<()> {
    let header = &turn.summary.header;
    transaction
        .prepare_cached(
            "INSERT INTO start_keys (key, run_id, fingerprint, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(params![
            stored(&start.key),
            stored(header.run_id.as_str()),
            stored(&start.fingerprint),
            header.created_at.as_micros(),
        ])?;
    Ok(())
}

/// False when there is a run of this id.
fn insert_run(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<bool> {
    let turn = &entry.turn;
    let (summary, header) = (&turn.summary, &turn.summary.header);
    let inserted = transaction.prepare_cached(INSERT_RUN)?.execute(params![
        stored(header.run_id.as_str()),
        stored(header.workflow_id.as_str()),
        stored(header.version_id.as_str()),
        stored(&header.workflow_slug),
        stored(&header.workflow_name),
        header.version,
        header.created_at.as_micros(),
        summary.seq,
        turn.expected_seq,
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
    ])?;
    if inserted == 1
        && let Some(words) = &entry.search
    {
        transaction
            .prepare_cached("INSERT INTO run_search (run_id, words) VALUES (?1, ?2)")?
            .execute([stored(header.run_id.as_str()), stored(words)])?;
    }
    Ok(inserted == 1)
}

/// False when the run is not where the turn expected it. Most turns change neither what the run is found by nor whether
/// it has ended or rests, and then no index has to be written.
fn move_run(transaction: &Transaction<'_>, turn: &Commit) -> rusqlite::Result<bool> {
    let summary = &turn.summary;
    let id = stored(summary.header.run_id.as_str());
    let finished_at = summary.finished_at.map(|at| at.as_micros());
    let update = |sql| {
        transaction.prepare_cached(sql)?.execute(params![
            id,
            turn.expected_seq,
            summary.status.as_str(),
            finished_at,
            summary.seq,
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
        ])
    };
    Ok(update(MOVE_RUN)? == 1 || update(TURN_RUN)? == 1)
}

fn insert_event(
    transaction: &Transaction<'_>,
    run_id: &RunId,
    recorded: &Recorded,
    payload: &Text,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO run_events (run_id, seq, at, kind, payload, large) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            stored(run_id.as_str()),
            recorded.seq,
            recorded.at.as_micros(),
            recorded.event.kind(),
            payload.text,
            payload.large,
        ])?;
    Ok(())
}

fn keep_value(transaction: &Transaction<'_>, run_id: &RunId, value: &Kept) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO run_values (run_id, sha256, content) VALUES (?1, ?2, ?3)
             ON CONFLICT (run_id, sha256) DO NOTHING",
        )?
        .execute(params![
            stored(run_id.as_str()),
            value.sha256,
            value.content
        ])?;
    Ok(())
}

fn drop_snapshot(transaction: &Transaction<'_>, run_id: &RunId) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM run_snapshots WHERE run_id = ?1")?
        .execute([stored(run_id.as_str())])?;
    Ok(())
}

fn upsert_gate(transaction: &Transaction<'_>, gate: &GateRow) -> rusqlite::Result<()> {
    transaction.prepare_cached(UPSERT_GATE)?.execute(params![
        stored(gate.id.as_str()),
        stored(gate.run_id.as_str()),
        stored(gate.step_id.as_str()),
        gate.state.as_str(),
        gate.opened_seq,
        gate.opened_at.as_micros(),
        gate.deadline.map(|at| at.as_micros()),
    ])?;
    Ok(())
}

const INSERT_RUN: &str = "
    INSERT INTO runs (id, workflow_id, version_id, workflow_slug, workflow_name, version, created_at, seq, prior_seq,
        status, reason, message, percent, steps_total, steps_done, steps_failed, waiting_for_people, current,
        started_by, started_at, finished_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
    ON CONFLICT (id) DO NOTHING";

const MOVE_RUN: &str = "
    UPDATE runs SET seq = ?5, prior_seq = ?2, reason = ?6, message = ?7, percent = ?8, steps_total = ?9,
        steps_done = ?10, steps_failed = ?11, waiting_for_people = ?12, current = ?13, started_by = ?14,
        started_at = ?15
    WHERE id = ?1 AND seq = ?2 AND status = ?3 AND finished_at IS ?4 AND rests_until IS NULL";

/// As `MOVE_RUN`, also into another status and out of its rest.
const TURN_RUN: &str = "
    UPDATE runs SET status = ?3, finished_at = ?4, seq = ?5, prior_seq = ?2, rests_until = NULL, reason = ?6,
        message = ?7, percent = ?8, steps_total = ?9, steps_done = ?10, steps_failed = ?11, waiting_for_people = ?12, current = ?13,
        started_by = ?14, started_at = ?15
    WHERE id = ?1 AND seq = ?2";

const UPSERT_GATE: &str = "
    INSERT INTO gates (id, run_id, step_id, state, opened_seq, opened_at, deadline)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state";
