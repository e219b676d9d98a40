//! The folder: one file a workflow, named by its slug.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ExchangeError;
use crate::engine::limits::DEFINITION_BYTES_MAX;
use crate::engine::workflow::Workflow;

/// A file may have comments, and be indented.
const FILE_BYTES_MAX: u64 = 4 * DEFINITION_BYTES_MAX as u64;
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    New,
    Changed,
    Unchanged,
}

pub(super) fn make_folder(dir: &Path) -> Result<(), ExchangeError> {
    fs::create_dir_all(dir).map_err(|source| failed(dir, source))
}

/// Writes the file where it says something else. It appears under its name when it is complete.
pub(super) fn keep(dir: &Path, name: &str, text: &str) -> Result<Kept, ExchangeError> {
    let path = dir.join(name);
    let kept = match fs::read(&path) {
        Ok(bytes) if bytes == text.as_bytes() => return Ok(Kept::Unchanged),
        Ok(_) => Kept::Changed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::New,
        Err(source) => return Err(failed(&path, source)),
    };
    let half = dir.join(format!(".{name}.half"));
    fs::write(&half, text).map_err(|source| failed(&half, source))?;
    fs::rename(&half, &path).map_err(|source| failed(&path, source))?;
    Ok(kept)
}

/// By name. Other files, and those that begin with a dot, are none of ours.
pub(super) fn workflow_files(dir: &Path) -> Result<Vec<PathBuf>, ExchangeError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|source| failed(dir, source))? {
        let path = entry.map_err(|source| failed(dir, source))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_ours = ending.is_some_and(|ending| ENDINGS.contains(&ending));
        if is_ours && !name(&path).starts_with('.') && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The workflow in the file, or why there is none, with the line.
pub(super) fn read(path: &Path) -> Result<Result<Workflow, String>, ExchangeError> {
    let bytes = fs::metadata(path).map_err(|source| failed(path, source))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Ok(Err(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = fs::read(path).map_err(|source| failed(path, source))?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Ok(Err("it is no text in UTF-8".to_owned()));
    };
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    Ok(if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    })
}

fn failed(path: &Path, source: io::Error) -> ExchangeError {
    ExchangeError::File {
        path: path.to_owned(),
        source,
    }
}
