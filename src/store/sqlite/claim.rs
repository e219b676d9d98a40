//! One process on one database file. Two of them would each take up the same runs and call the same tools: SQLite
//! lets both write, so a lock of our own keeps the second one off. The system frees it when the process ends, however
//! it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

pub(in crate::store) struct FileLock {
    /// Locked until it is dropped.
    _file: File,
}

impl FileLock {
    /// Claims the file of a database.
    pub(super) fn of(database: &Path) -> Result<Self, StoreError> {
        let path = beside(&real_path(database));
        let failed = |error: std::io::Error| {
            StoreError::Unavailable(format!("{} cannot be locked: {error}", path.display()))
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(
                "another Signalbox is using it; stop that one first, or choose another file with --database"
                    .to_owned(),
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Where the file really is, so that two names of one file are one claim. A file that is not there yet has only its
/// folder's real name.
fn real_path(database: &Path) -> PathBuf {
    if let Ok(real) = database.canonicalize() {
        return real;
    }
    let folder = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match (folder.canonicalize(), database.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => database.to_owned(),
    }
}

/// `signalbox.db` → `signalbox.db.lock`. Not the database itself: SQLite has locks of its own on that.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
