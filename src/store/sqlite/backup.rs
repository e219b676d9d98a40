//! A copy of the database while it is in use, and the proof that a copy can be relied on. `VACUUM INTO` reads one
//! consistent state and does not keep the server from writing meanwhile.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

use super::soundness;

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
    let found = soundness::examine(&database).await;
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
