//! A run as files, before it is forgotten. One thread per run writes them, so that nobody else waits for the disk; it is
//! handed one after the other, so that no more than two are in memory.

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::SweepError;
use crate::engine::ids::RunId;
use crate::engine::limits::LOG_LINES_MAX;
use crate::store::{Database, Store};

/// Of a file's own name when it is written down.
const FILE_NAME_CHARS_MAX: usize = 120;
/// Files that wait while another one is written.
const WAITING_FILES_MAX: usize = 1;

/// Writes the files that the run left and the logs of its steps into the folder `RUN`, then `RUN.jsonl`: a line that says
/// what the run was and which file is which, then its events, one a line. When it returns, all of it is on disk.
pub(super) async fn export(
    store: &Database,
    run_id: &RunId,
    folder: &Path,
) -> Result<(), SweepError> {
    let Some(stored) = store.load(run_id).await? else {
        return Ok(());
    };
    let outline = store.outline(&stored.header.version_id).await?;
    let scribe = Scribe::new(folder, run_id);
    let mut files = Vec::new();
    let artifacts = store.artifacts_of(run_id).await?;
    let first_log = artifacts.len() + 1;
    for (card, number) in artifacts.into_iter().zip(1..) {
        let Some(artifact) = store.artifact(run_id, &card.id).await? else {
            continue;
        };
        let file = file_name(number, &card.name);
        files.push(json!({ "file": format!("{run_id}/{file}"), "artifact": card }));
        scribe.inside(file, artifact.content).await;
    }
    let logs = export_logs(store, run_id, &scribe, first_log).await?;
    let header = json!({ "run": stored.header, "outline": outline, "files": files, "logs": logs });
    let events = stored.events.iter();
    let lines: Vec<String> = std::iter::once(header.to_string())
        .chain(events.map(|event| serde_json::to_string(event).unwrap_or_default()))
        .collect();
    scribe.finish(lines.join("\n") + "\n").await
}

/// Writes each log of the run's steps as lines of JSON. Answers which file is which.
async fn export_logs(
    store: &Database,
    run_id: &RunId,
    scribe: &Scribe,
    first: usize,
) -> Result<Vec<Value>, SweepError> {
    let mut files = Vec::new();
    let logs = store.logs_of(run_id, u32::MAX).await?;
    for ((log, count), number) in logs.into_iter().zip(first..) {
        let mut text = String::new();
        for line in store.log_lines(&log, 0, LOG_LINES_MAX).await? {
            text += &serde_json::to_string(&line).unwrap_or_default();
            text.push('\n');
        }
        let file = file_name(number, &format!("{}.{}.log.jsonl", log.step, log.attempt));
        scribe.inside(file.clone(), text.into_bytes()).await;
        let file = format!("{run_id}/{file}");
        files.push(
            json!({ "file": file, "step": log.step, "attempt": log.attempt, "count": count }),
        );
    }
    Ok(files)
}

/// A name that is safe everywhere and no other file of the run has, whatever the workflow called it.
fn file_name(number: usize, name: &str) -> String {
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
        _ => '_',
    };
    let name: String = name.chars().map(safe).collect();
    // Of a long name the end, which says what kind of file it is.
    let end = &name[name.len().saturating_sub(FILE_NAME_CHARS_MAX)..];
    format!("{number:03}-{end}")
}

/// What is to be written of a run.
enum Page {
    Inside { name: String, content: Vec<u8> },
    Last(String),
}

/// The thread that writes a run.
struct Scribe {
    pages: mpsc::Sender<Page>,
    written: JoinHandle<Result<(), SweepError>>,
    folder: PathBuf,
}

impl Scribe {
    fn new(folder: &Path, run_id: &RunId) -> Self {
        let (pages, mut next) = mpsc::channel(WAITING_FILES_MAX);
        let (folder, run_id) = (folder.to_owned(), run_id.clone());
        let place = folder.clone();
        let written = tokio::task::spawn_blocking(move || {
            let inside = place.join(run_id.as_str());
            let mut is_any = false;
            // Until the last; whoever hands over none has failed and says why.
            while let Some(page) = next.blocking_recv() {
                match page {
                    Page::Inside { name, content } => {
                        write(&inside, &name, &content)?;
                        is_any = true;
                    }
                    Page::Last(text) => {
                        if is_any {
                            keep_names(&inside)?;
                        }
                        write(&place, &format!("{run_id}.jsonl"), text.as_bytes())?;
                        keep_names(&place)?;
                    }
                }
            }
            Ok(())
        });
        Self {
            pages,
            written,
            folder,
        }
    }

    /// A file in the folder of the run.
    async fn inside(&self, name: String, content: Vec<u8>) {
        // One that has stopped says at the end why.
        let _ = self.pages.send(Page::Inside { name, content }).await;
    }

    /// Writes what tells of the others, when these are on disk.
    async fn finish(self, text: String) -> Result<(), SweepError> {
        let _ = self.pages.send(Page::Last(text)).await;
        drop(self.pages);
        self.written.await.unwrap_or_else(|panic| {
            Err(SweepError::NotWritten {
                path: self.folder,
                source: std::io::Error::other(panic),
            })
        })
    }
}

/// Puts the file into the folder, whole and on disk. Its name is there when `keep_names` has been called.
fn write(folder: &Path, name: &str, content: &[u8]) -> Result<(), SweepError> {
    let path = folder.join(name);
    let part = folder.join(format!("{name}.part"));
    let written = || {
        std::fs::create_dir_all(folder)?;
        let mut file = std::fs::File::create(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, &path)
    };
    written().map_err(|source| SweepError::NotWritten {
        path: path.clone(),
        source,
    })
}

/// A name is on disk only when its folder is, and that of the folder when the one around it is.
fn keep_names(folder: &Path) -> Result<(), SweepError> {
    let around = folder.parent().map(|around| match around {
        // Of a name without a folder, such as `gone`.
        around if around.as_os_str().is_empty() => Path::new("."),
        around => around,
    });
    for folder in [Some(folder), around].into_iter().flatten() {
        let kept = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        kept.map_err(|source| SweepError::NotWritten {
            path: folder.to_owned(),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_be_named_without_a_path() {
        let name = format!("exported-by-a-test-{}", std::process::id());
        let folder = Path::new(&name);
        let written = write(folder, "RUN.jsonl", b"{}").and_then(|()| keep_names(folder));
        let removed = std::fs::remove_dir_all(&name);
        assert!(written.is_ok() && removed.is_ok(), "{written:?}");
    }

    /// Its index comes last, and only when all it names is there.
    #[tokio::test]
    async fn a_run_of_which_a_file_cannot_be_written_has_no_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let in_the_way = folder.path().join("r1");
        std::fs::write(&in_the_way, "in the way").expect("it can be written");
        let scribe = Scribe::new(folder.path(), &"r1".into());
        for number in 0..5 {
            scribe.inside(format!("{number}"), Vec::new()).await;
        }
        let written = scribe.finish("{}\n".to_owned()).await;
        assert!(matches!(written, Err(SweepError::NotWritten { .. })));
        assert!(!folder.path().join("r1.jsonl").exists());
    }
}
