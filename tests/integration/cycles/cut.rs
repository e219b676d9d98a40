//! A write-ahead log that really lost its end, as on a disk that said that it had written and had not. What was
//! acknowledged may be gone then; what is left is a state that there was, and it goes on from there.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::Load;
use super::sink::Sink;
use super::wal::Wal;
use super::{assert_intact, open, plans, promises, seeded, serve, story, until_all_have_ended};
use crate::server::{Server, now};

/// Frames in the log before the kill: enough for many commits.
const FRAMES: usize = 500;
/// From this number on SQLite copies frames into the database. A log that loses frames after that is no accident that
/// can happen: it is on disk before they are copied.
const FRAMES_COPIED: usize = 1_000;
const CUTS: u64 = 6;

type Logs = BTreeMap<String, Vec<Value>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_log_that_lost_its_end_the_server_goes_on_with_what_is_left() {
    let mut dice = seeded();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("signalbox.db");
    let (mut server, sink) = (serve(&file).await, Sink::start().await);
    for workflow in plans::all(&sink.address) {
        server.create(workflow).await;
    }
    // A server that stops in good order leaves all in the database and an empty log.
    server.signal("TERM");
    assert!(server.ended().await.success());
    server.restart().await;
    let load = Load::begin(&server.address, &server.client, &sink, "c", &mut dice);
    until_the_log_is_long(&file).await;
    server.kill();
    drop(load);
    let wal = Wal::beside(&file).expect("there is a log");
    assert!(wal.frames.len() < FRAMES_COPIED, "{}", wal.frames.len());
    let whole = logs(&copy(&file, folder.path(), "whole")).await;
    for cut in 0..CUTS {
        let file = copy(&file, folder.path(), &format!("cut{cut}"));
        let wal = Wal::beside(&file).expect("it was copied");
        let length = usize::try_from(dice.within(0..wal.length() as u64)).expect("a length");
        println!("cut to {length} of {} bytes", wal.length());
        wal.cut(length);
        let left = logs(&copy(&file, folder.path(), &format!("left{cut}"))).await;
        for (run_id, log) in &left {
            promises::is_a_beginning_of(log, &whole[run_id], run_id);
        }
        goes_on_from(&file, &left, &sink, &mut dice).await;
    }
}

async fn goes_on_from(file: &Path, left: &Logs, sink: &Sink, dice: &mut super::Dice) {
    assert_intact(file).await;
    let mut server: Server = serve(file).await;
    let people = Load::of_people(&server.address, &server.client, sink, dice);
    until_all_have_ended(&server).await;
    people.end().await;
    let runs = story::read(&server).await;
    server.kill();
    for (run_id, log) in left {
        let run = runs.get(run_id).expect("what is left stays");
        promises::is_a_beginning_of(log, &run.events, run_id);
    }
    promises::every_run_ended_as_its_workflow_says(&runs);
    promises::every_log_is_numbered_without_gaps_and_ends_once(&runs);
    promises::every_step_that_is_a_run_has_one(&runs);
    assert_intact(file).await;
}

async fn until_the_log_is_long(file: &Path) {
    let begun = now();
    while Wal::beside(file).is_none_or(|wal| wal.frames.len() < FRAMES) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no load");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Into a folder of its own, with the log that belongs to it.
fn copy(file: &Path, folder: &Path, name: &str) -> PathBuf {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).expect("it is new");
    let target = folder.join("signalbox.db");
    std::fs::copy(file, &target).expect("it can be copied");
    let beside = |file: &Path| PathBuf::from(format!("{}-wal", file.display()));
    std::fs::copy(beside(file), beside(&target)).expect("it can be copied");
    target
}

/// As the API shows events, from the file alone.
async fn logs(file: &Path) -> Logs {
    let pool = open(file).await;
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("SELECT run_id, seq, payload FROM run_events ORDER BY run_id, seq")
            .fetch_all(&pool)
            .await
            .expect("it can be read");
    pool.close().await;
    let mut logs = Logs::new();
    for (run_id, seq, payload) in rows {
        let mut event: Value = serde_json::from_str(&payload).expect("JSON");
        event["seq"] = seq.into();
        logs.entry(run_id).or_default().push(event);
    }
    logs
}
