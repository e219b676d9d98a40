//! A copy of the database while it is in use, and the proof that a copy can be relied on. `VACUUM INTO` reads one
//! consistent state and does not keep the server from writing meanwhile.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

use crate::engine::event::Recorded;
use crate::engine::plan::Outline;
use crate::engine::state::RunState;

#[derive(Debug, Error)]
pub enum BackupError {
    #[error("there is no database file {0}")]
    NoDatabase(PathBuf),
    #[error("{0} exists; choose another name, or remove it first")]
    Exists(PathBuf),
    #[error("{path} cannot be written: {source}")]
    NotWritten {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} cannot be read as a database: {source}")]
    NotRead { path: PathBuf, source: sqlx::Error },
    /// The copy is there, and wrong.
    #[error("{path} is not sound: {what}")]
    Unsound { path: PathBuf, what: String },
}

/// What a sound database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soundness {
    pub runs: u64,
    pub open_runs: u64,
    pub events: u64,
    pub bytes: u64,
}

/// Copies the database behind the `sqlite:` URL into a file of that name, which must not exist yet. The file appears
/// under its name when it is complete, on disk and checked; whatever happens before leaves at most a `.part` beside it.
pub async fn backup(url: &str, target: &Path) -> Result<Soundness, BackupError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|source| BackupError::NotRead {
        path: url.into(),
        source,
    })?;
    let database = options.get_filename().to_path_buf();
    if !database.exists() {
        return Err(BackupError::NoDatabase(database));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let part = part_of(target);
    let not_written = |source| BackupError::NotWritten {
        path: part.clone(),
        source,
    };
    if part.exists() {
        std::fs::remove_file(&part).map_err(not_written)?;
    }
    let unreadable = |source| BackupError::NotRead {
        path: database.clone(),
        source,
    };
    let source = connect(options.read_only(true)).await.map_err(unreadable)?;
    let copied = sqlx::query("VACUUM INTO $1")
        .bind(part.to_string_lossy())
        .execute(&source)
        .await;
    source.close().await;
    copied.map_err(unreadable)?;
    let checked = check(&part).await?;
    std::fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&part, target))
        .and_then(|()| sync_folder(target))
        .map_err(not_written)?;
    Ok(checked)
}

/// Whether a server could be started on this file and would find everything: the pages are intact, every log is
/// complete and readable, and every run that has not ended folds to what the lists say of it.
pub async fn check(path: &Path) -> Result<Soundness, BackupError> {
    if !path.exists() {
        return Err(BackupError::NoDatabase(path.to_owned()));
    }
    let unreadable = |source| BackupError::NotRead {
        path: path.to_owned(),
        source,
    };
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let database = connect(options).await.map_err(unreadable)?;
    let found = examine(&database).await;
    database.close().await;
    let soundness = found.map_err(unreadable)?;
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    match soundness {
        Ok(soundness) => Ok(Soundness { bytes, ..soundness }),
        Err(what) => Err(BackupError::Unsound {
            path: path.to_owned(),
            what,
        }),
    }
}

async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options.create_if_missing(false))
        .await
}

/// The inner error says what is wrong with what is stored.
async fn examine(database: &SqlitePool) -> Result<Result<Soundness, String>, sqlx::Error> {
    let pages: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(database)
        .await?;
    if pages != "ok" {
        return Ok(Err(pages));
    }
    let torn: Option<String> = sqlx::query_scalar(
        "SELECT r.id FROM runs r WHERE r.seq <> (SELECT count(*) FROM run_events e WHERE e.run_id = r.id)
            OR r.seq <> (SELECT coalesce(max(e.seq), 0) FROM run_events e WHERE e.run_id = r.id) LIMIT 1",
    )
    .fetch_optional(database)
    .await?;
    if let Some(run) = torn {
        return Ok(Err(format!("the log of run {run} is not complete")));
    }
    let spoilt: Option<(String, i64)> =
        sqlx::query_as("SELECT run_id, seq FROM run_events WHERE NOT json_valid(payload) LIMIT 1")
            .fetch_optional(database)
            .await?;
    if let Some((run, seq)) = spoilt {
        return Ok(Err(format!("event {seq} of run {run} cannot be read")));
    }
    let open: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT r.id, r.seq, r.status, v.outline FROM runs r
         JOIN workflow_versions v ON v.id = r.version_id WHERE r.finished_at IS NULL",
    )
    .fetch_all(database)
    .await?;
    for (run, seq, status, outline) in &open {
        let log: Vec<(i64, i64, String)> = sqlx::query_as(
            "SELECT seq, at, payload FROM run_events WHERE run_id = $1 ORDER BY seq",
        )
        .bind(run)
        .fetch_all(database)
        .await?;
        if let Err(what) = folds_to(outline, &log, *seq, status) {
            return Ok(Err(format!("run {run}: {what}")));
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

/// Does the log fold to the state that the lists show?
fn folds_to(
    outline: &str,
    log: &[(i64, i64, String)],
    seq: i64,
    status: &str,
) -> Result<(), String> {
    let outline: Outline =
        serde_json::from_str(outline).map_err(|error| format!("its plan: {error}"))?;
    let events = log
        .iter()
        .map(|(seq, at, payload)| {
            let event = serde_json::from_str(payload)
                .map_err(|error| format!("event {seq} cannot be read: {error}"))?;
            Ok(Recorded {
                seq: u32::try_from(*seq).map_err(|_| format!("an event has the number {seq}"))?,
                at: crate::engine::time::Timestamp::from_micros(*at),
                event,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let state = RunState::replay(Arc::new(outline), &events);
    if i64::from(state.seq) != seq || state.status().as_str() != status {
        return Err(format!(
            "its log says {}, the list says {status}",
            state.status().as_str()
        ));
    }
    Ok(())
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// A name is on disk only when its folder is.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
