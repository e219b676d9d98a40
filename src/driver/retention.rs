//! Keeps the database from growing for ever: ended runs go when they are old, or when there are many newer ones of their
//! workflow. Where a folder for it is named, each is written there first, whole, and on disk before it is forgotten.

mod export;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

use super::clock::Clock;
use crate::engine::event::{Event, Origin};
use crate::engine::ids::RunId;
use crate::engine::time::Timestamp;
use crate::store::{Database, Expired, Store, StoreError};
use export::export;

/// How often it is looked for runs that may go.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Runs looked up at once; between two batches others get at the database.
const BATCH_RUNS: u32 = 100;
const DAY_US: i64 = 86_400_000_000;

/// What is kept. The default keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days for which ended runs are kept.
    pub days: Option<u32>,
    /// Ended runs kept of each workflow.
    pub runs_of_workflow: Option<u32>,
    /// Where runs are written before they go.
    pub export_to: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path} cannot be written: {source}")]
    NotWritten {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl Retention {
    fn keeps_everything(&self) -> bool {
        self.days.is_none() && self.runs_of_workflow.is_none()
    }

    fn expired(&self, now: Timestamp) -> Expired {
        let before = |days: u32| {
            let age = i64::from(days).saturating_mul(DAY_US);
            Timestamp::from_micros(now.as_micros().saturating_sub(age))
        };
        Expired {
            ended_before: self.days.map(before),
            newest_of_workflow: self.runs_of_workflow,
        }
    }
}

/// Sweeps now and every hour, for ever. What fails is said in the log and tried again the next time.
pub async fn keep_sweeping(store: Arc<Database>, clock: Arc<dyn Clock>, retention: Retention) {
    if retention.keeps_everything() {
        return;
    }
    loop {
        match sweep(&store, clock.now(), &retention).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "forgot {runs} ended runs"),
            Err(error) => tracing::error!(%error, "ended runs could not be cleared away"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Lets go of every run that may go. Answers how many went. If the process dies on the way, a run is written twice at
/// the most, and forgotten only when it has been.
pub async fn sweep(
    store: &Database,
    now: Timestamp,
    retention: &Retention,
) -> Result<u32, SweepError> {
    let expired = retention.expired(now);
    let (mut forgotten, mut last) = (0, None);
    loop {
        let batch = store
            .expired_runs(&expired, last.as_ref(), BATCH_RUNS)
            .await?;
        for run_id in &batch {
            match let_go(store, run_id, retention.export_to.as_deref()).await {
                // It stays where it is, for somebody to look at; the others need not wait for that.
                Err(SweepError::Store(error @ StoreError::Corrupt(_))) => {
                    tracing::error!(run.id = %run_id, %error, "run {run_id} cannot be read, and so is kept");
                }
                gone => forgotten += u32::from(gone?),
            }
        }
        last = batch.into_iter().next_back();
        if last.is_none() {
            return Ok(forgotten);
        }
    }
}

/// False when the run stays.
async fn let_go(
    store: &Database,
    run_id: &RunId,
    export_to: Option<&Path>,
) -> Result<bool, SweepError> {
    if is_step_of_open_run(store, run_id).await? {
        return Ok(false);
    }
    if let Some(folder) = export_to {
        export(store, run_id, folder).await?;
    }
    Ok(store.forget_run(run_id).await?)
}

/// A run that is a step of another one stays until that has ended: it may not have heard yet what came of its step,
/// and would have it done again if there were no such run.
async fn is_step_of_open_run(store: &Database, run_id: &RunId) -> Result<bool, StoreError> {
    let first = store.events(run_id, 0, 1).await?.into_iter().next();
    let Some(Event::RunStarted {
        origin: Some(Origin::Parent { run_id: parent, .. }),
        ..
    }) = first.map(|recorded| recorded.event)
    else {
        return Ok(false);
    };
    let parent = store.run_summary(&parent).await?;
    Ok(parent.is_some_and(|parent| !parent.status.is_terminal()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::engine::event::{EndState, Recorded};
    use crate::engine::logs::{LogAddress, LogStream, NewLine};
    use crate::engine::state::RunStatus;
    use crate::engine::summary::{RunHeader, RunSummary};
    use crate::store::{Commit, LeaseTerms, LogBatch, NewArtifact};

    async fn database(folder: &Path) -> Database {
        let url = format!("sqlite:{}", folder.join("runs.db").display());
        let terms = LeaseTerms {
            holder: "a test".to_owned(),
            ttl: Duration::from_secs(15),
        };
        Database::open(&url, &terms).await.expect("it opens")
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(number * DAY_US)
    }

    /// A run that ended on that day, or has not ended.
    fn run(id: &str, ended: Option<i64>) -> Commit {
        let header = RunHeader {
            run_id: RunId::new(id),
            workflow_id: "w".into(),
            version_id: "v".into(),
            workflow_slug: "w".to_owned(),
            workflow_name: "W".to_owned(),
            version: 1,
            created_at: day(1),
        };
        let end = Event::RunFinished {
            state: EndState::Completed,
            reason: None,
            message: None,
            output: json!(7),
        };
        let started = Event::started(json!({}), "ann");
        let events = [Some(started), ended.map(|_| end)].into_iter().flatten();
        let events: Vec<Recorded> = events
            .zip(1..)
            .map(|(event, seq)| Recorded {
                seq,
                at: day(1),
                event,
            })
            .collect();
        let status = match ended {
            Some(_) => RunStatus::Completed,
            None => RunStatus::Running,
        };
        let summary = RunSummary {
            header,
            seq: u32::try_from(events.len()).expect("two at the most"),
            status,
            reason: None,
            message: None,
            percent: 0,
            steps_total: 0,
            steps_done: 0,
            steps_failed: 0,
            waiting_for_people: 0,
            current: None,
            started_by: "ann".to_owned(),
            started_at: Some(day(1)),
            finished_at: ended.map(day),
        };
        Commit {
            expected_seq: 0,
            events: events.into(),
            summary: Arc::new(summary),
            gates: Vec::new(),
            start_key: None,
        }
    }

    async fn left(store: &Database) -> Vec<String> {
        let runs = store.list_runs(&Default::default(), 100).await;
        let runs = runs.expect("it answers").into_iter();
        runs.map(|run| run.header.run_id.to_string()).collect()
    }

    #[tokio::test]
    async fn old_runs_go_and_are_written_down_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        for (id, ended) in [("r1", Some(2)), ("r2", None), ("r3", Some(20))] {
            store.commit(run(id, ended)).await.expect("it is stored");
        }
        let export_to = folder.path().join("gone");
        let retention = Retention {
            days: Some(30),
            export_to: Some(export_to.clone()),
            ..Retention::default()
        };
        let gone = sweep(&store, day(40), &retention).await.expect("it sweeps");
        assert_eq!(
            (gone, left(&store).await),
            (1, vec!["r3".to_owned(), "r2".to_owned()])
        );
        assert_eq!(store.load(&"r1".into()).await, Ok(None));
        let written = std::fs::read_to_string(export_to.join("r1.jsonl")).expect("it is there");
        let lines: Vec<serde_json::Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines[0]["run"]["run_id"], "r1");
        assert_eq!(lines[2]["output"], 7);
        assert_eq!(lines.len(), 3);
    }

    #[tokio::test]
    async fn the_files_of_a_run_are_written_down_under_safe_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        let ended = run("r1", Some(2));
        store.commit(ended).await.expect("it is stored");
        let names = ["report.md", "../../etc/passwd", "größe 1:2.txt", ".."];
        for name in names {
            let artifact = NewArtifact {
                id: format!("id of {name}").as_str().into(),
                run_id: RunId::new("r1"),
                step_id: "report".into(),
                name: name.to_owned(),
                media_type: "text/markdown".to_owned(),
                sha256: String::new(),
                content: format!("this is {name}").into_bytes(),
                created_at: day(1),
            };
            store.keep_artifact(&artifact).await.expect("it is kept");
        }
        let batch = LogBatch {
            log: LogAddress {
                run_id: RunId::new("r1"),
                step: "each.3.report".into(),
                attempt: 2,
            },
            at: day(1),
            offset: None,
            id: None,
            lines: NewLine::all_of(LogStream::Stderr, "one\ntwo\n").collect(),
        };
        store.append_logs(&[batch]).await.expect("it is kept");
        let export_to = folder.path().join("gone");
        let retention = Retention {
            days: Some(1),
            export_to: Some(export_to.clone()),
            ..Retention::default()
        };
        let gone = sweep(&store, day(40), &retention).await.expect("it sweeps");
        assert_eq!(gone, 1);
        let written = std::fs::read_to_string(export_to.join("r1.jsonl")).expect("it is there");
        let first = written.lines().next().expect("a line");
        let first: serde_json::Value = serde_json::from_str(first).expect("JSON");
        let files = first["files"].as_array().expect("a list");
        assert_eq!(files.len(), names.len());
        for file in files {
            let path = file["file"].as_str().expect("a path");
            assert!(path.starts_with("r1/00") && !path.contains("/.."), "{path}");
            let name = file["artifact"]["name"].as_str().expect("a name");
            let content = std::fs::read_to_string(export_to.join(path)).expect("it is there");
            assert_eq!(content, format!("this is {name}"));
        }
        let inside = std::fs::read_dir(export_to.join("r1")).expect("a folder");
        assert_eq!(
            inside.count(),
            names.len() + 1,
            "nothing half written is left"
        );
        let log = &first["logs"][0];
        assert_eq!(log["file"], "r1/005-each.3.report.2.log.jsonl");
        assert_eq!(
            (&log["attempt"], &log["count"]["lines"]),
            (&json!(2), &json!(2))
        );
        let path = log["file"].as_str().expect("a path");
        let content = std::fs::read_to_string(export_to.join(path)).expect("it is there");
        assert!(
            content.ends_with("\"stream\":\"stderr\",\"text\":\"two\"}\n"),
            "{content}"
        );
    }

    #[tokio::test]
    async fn a_run_that_cannot_be_read_stays_and_holds_up_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        for number in 1..=150 {
            let id = format!("r{number:03}");
            store.commit(run(&id, Some(2))).await.expect("it is stored");
        }
        // More of them than are looked up at once.
        let spoilt = store.spoil_logs(&RunId::new("r120")).await;
        spoilt.expect("it changes");
        let retention = Retention {
            days: Some(1),
            export_to: Some(folder.path().join("gone")),
            ..Retention::default()
        };
        let gone = sweep(&store, day(40), &retention).await.expect("it sweeps");
        assert_eq!((gone, left(&store).await.len()), (30, 100));
        let again = sweep(&store, day(40), &retention).await;
        assert_eq!(again.expect("it sweeps"), 0);
    }

    #[tokio::test]
    async fn only_so_many_of_a_workflow_are_kept_and_open_ones_always() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        for number in 1..=250 {
            let ended = (number != 3).then_some(2);
            let id = format!("r{number:03}");
            store.commit(run(&id, ended)).await.expect("it is stored");
        }
        let retention = Retention {
            runs_of_workflow: Some(2),
            ..Retention::default()
        };
        let gone = sweep(&store, day(3), &retention).await.expect("it sweeps");
        assert_eq!(
            (gone, left(&store).await),
            (
                247,
                vec!["r250".to_owned(), "r249".to_owned(), "r003".to_owned()]
            )
        );
    }

    #[tokio::test]
    async fn a_step_of_another_run_stays_until_that_has_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        for (id, ended) in [("open", None), ("ended", Some(2))] {
            store.commit(run(id, ended)).await.expect("it is stored");
        }
        for (id, parent) in [("r1", "open"), ("r2", "ended"), ("r3", "forgotten")] {
            let mut step = run(id, Some(2));
            let mut events = step.events.to_vec();
            if let Event::RunStarted { origin, .. } = &mut events[0].event {
                *origin = Some(Origin::Parent {
                    run_id: RunId::new(parent),
                    step: "sub".into(),
                    depth: 1,
                    root: None,
                });
            }
            step.events = events.into();
            store.commit(step).await.expect("it is stored");
        }
        let retention = Retention {
            days: Some(1),
            ..Retention::default()
        };
        let gone = sweep(&store, day(40), &retention).await.expect("it sweeps");
        assert_eq!(
            (gone, left(&store).await),
            (3, vec!["r1".to_owned(), "open".to_owned()])
        );
    }

    #[tokio::test]
    async fn what_cannot_be_written_down_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = database(folder.path()).await;
        store
            .commit(run("r1", Some(2)))
            .await
            .expect("it is stored");
        let file = folder.path().join("a file");
        std::fs::write(&file, "in the way").expect("it can be written");
        let retention = Retention {
            days: Some(1),
            export_to: Some(file),
            ..Retention::default()
        };
        let refused = sweep(&store, day(40), &retention).await;
        assert!(matches!(refused, Err(SweepError::NotWritten { .. })));
        assert_eq!(left(&store).await, ["r1"]);
    }
}
