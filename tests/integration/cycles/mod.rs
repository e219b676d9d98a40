//! `kill -9` of the real server again and again under a steady load, with a world outside that counts. `make crash` does
//! it a hundred times; `docs/crashes.md` says what is claimed.

mod cut;
mod dice;
mod load;
mod plans;
mod promises;
mod sink;
mod story;
mod wal;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::server::{Server, now};
use dice::Dice;
use load::{Acknowledged, Load};
use sink::Sink;
use story::Runs;
use wal::{Tail, Wal};

/// Unless `CRASH_CYCLES` says otherwise.
const CYCLES: u64 = 10;
/// How long after it is ready the server is killed.
const LIFE_MS: std::ops::Range<u64> = 50..3_000;
/// Unless `CRASH_READY_MS` says otherwise: generous, because other tests want the processors too.
const READY_MS: u64 = 15_000;
/// How long everything may take to come to its end after the last kill.
const END_WITHIN: Duration = Duration::from_secs(180);
/// How often it is looked whether this process runs at all.
const TICK: Duration = Duration::from_millis(20);
const TAILS: [Tail; 4] = [Tail::Cut, Tail::Noise, Tail::HalfAFrame, Tail::Uncommitted];

/// A number from the environment.
fn told(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`")),
    )
}

/// Printed, so that a failure can be told the same dice: the moments within the server's work differ all the same.
fn seeded() -> Dice {
    let seed = told("CRASH_SEED").unwrap_or_else(|| crate::crash::chance(0..1_000_000));
    println!("CRASH_SEED={seed}");
    Dice::new(seed)
}

#[derive(Default)]
struct Counts {
    kills: u64,
    spoilt_tails: u64,
    ready_ms: Vec<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_under_load_it_keeps_every_promise() {
    let mut dice = seeded();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("signalbox.db");
    let (mut server, sink) = (serve(&file).await, Sink::start().await);
    for workflow in plans::all(&sink.address) {
        server.create(workflow).await;
    }
    let mut load = Load::begin(&server.address, &server.client, &sink, "r", &mut dice);
    let mut counts = Counts::default();
    for cycle in 1..=told("CRASH_CYCLES").unwrap_or(CYCLES) {
        let life = Duration::from_millis(dice.within(LIFE_MS));
        tokio::time::sleep(life).await;
        server.kill();
        counts.kills += 1;
        let spoilt = spoil_now_and_then(&file, &mut dice);
        counts.spoilt_tails += u64::from(spoilt.is_some());
        let ready_ms = restart(&mut server).await;
        println!("kill {cycle} after {life:?}, {spoilt:?}, ready in {ready_ms} ms");
        counts.ready_ms.push(ready_ms);
    }
    load.start_no_more().await;
    until_all_have_ended(&server).await;
    let acknowledged = load.end().await;
    let runs = story::read(&server).await;
    server.kill();
    check(&runs, &acknowledged, &sink);
    assert_intact(&file).await;
    table(&counts, &runs, &acknowledged, &sink);
}

fn check(runs: &Runs, acknowledged: &Acknowledged, sink: &Sink) {
    let places = sink.places();
    promises::every_acknowledged_start_is_there_once(runs, acknowledged);
    promises::every_acknowledged_decision_is_in_the_log(runs, acknowledged);
    promises::every_acknowledged_resolution_is_in_the_log(runs, acknowledged);
    promises::no_gate_was_decided_twice(runs);
    promises::no_idempotent_effect_took_place_twice(&places);
    promises::no_other_effect_took_place_twice_unless_somebody_said_so(&places, acknowledged);
    promises::every_call_follows_its_event(runs, &places);
    promises::every_run_ended_as_its_workflow_says(runs);
    promises::what_a_run_says_it_did_took_place(runs, &places);
    promises::every_log_is_numbered_without_gaps_and_ends_once(runs);
    promises::no_timer_was_early(runs);
    promises::every_step_that_is_a_run_has_one(runs);
}

async fn serve(file: &Path) -> Server {
    Server::on(&format!("sqlite:{}", file.display()), 700).await
}

/// How long it took to be ready, in milliseconds.
async fn restart(server: &mut Server) -> u64 {
    let held_ms = Arc::new(AtomicU64::new(0));
    let watch = tokio::spawn(watch_the_machine(Arc::clone(&held_ms)));
    let begun = now();
    server.restart().await;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).expect("not that long");
    tokio::time::sleep(3 * TICK).await;
    watch.abort();
    let held_ms = held_ms.load(Ordering::Relaxed);
    let most_ms = told("CRASH_READY_MS").unwrap_or(READY_MS);
    assert!(
        took_ms.saturating_sub(held_ms) <= most_ms,
        "ready after {took_ms} ms only, in {held_ms} of which the machine was held"
    );
    took_ms
}

/// Adds up the time in which this process did not run either, as on a virtual machine that is put aside: for that the
/// server is not to blame.
async fn watch_the_machine(held_ms: Arc<AtomicU64>) {
    loop {
        let begun = now();
        tokio::time::sleep(TICK).await;
        let slept = begun.elapsed();
        if slept > 20 * TICK {
            let slept_ms = u64::try_from(slept.as_millis()).expect("not that long");
            held_ms.fetch_add(slept_ms, Ordering::Relaxed);
        }
    }
}

/// What a loss of power may add to a kill. Every commit that was acknowledged stays.
fn spoil_now_and_then(file: &Path, dice: &mut Dice) -> Option<Tail> {
    let tail = TAILS[usize::try_from(dice.within(0..4)).expect("four")];
    if !dice.percent(50) {
        return None;
    }
    Wal::beside(file)?.spoil_tail(tail, dice);
    Some(tail)
}

async fn until_all_have_ended(server: &Server) {
    let begun = now();
    loop {
        let mut open = story::summaries(server).await;
        open.retain(|run| run["finished_at"].is_null());
        if open.is_empty() {
            return;
        }
        assert!(begun.elapsed() < END_WITHIN, "these are stuck: {open:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// By SQLite's own check, and by ours.
async fn assert_intact(file: &Path) {
    let ours = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .arg("check")
        .arg(file)
        .output()
        .expect("it can be called");
    assert!(
        ours.status.success(),
        "{}",
        String::from_utf8_lossy(&ours.stderr)
    );
    let pool = open(file).await;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&pool)
        .await
        .expect("it can be read");
    pool.close().await;
    assert_eq!(found, ["ok"]);
}

async fn open(file: &Path) -> sqlx::SqlitePool {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .read_only(true);
    sqlx::SqlitePool::connect_with(options)
        .await
        .expect("it can be opened")
}

fn table(counts: &Counts, runs: &Runs, acknowledged: &Acknowledged, sink: &Sink) {
    let places = sink.places();
    let calls: usize = places.values().flat_map(|p| p.attempts.values()).sum();
    let kinds = |kind: &str| {
        runs.values()
            .map(|run| run.kinds(kind).count())
            .sum::<usize>()
    };
    let mut ready_ms = counts.ready_ms.clone();
    ready_ms.sort_unstable();
    let middle = ready_ms.get(ready_ms.len() / 2).copied();
    let rows: [(&str, usize); 13] = [
        ("kills", usize::try_from(counts.kills).expect("few")),
        (
            "  with a spoilt end of the WAL",
            usize::try_from(counts.spoilt_tails).expect("few"),
        ),
        ("acknowledged starts", acknowledged.starts.len()),
        ("acknowledged decisions", acknowledged.decisions.len()),
        ("acknowledged resolutions", acknowledged.resolutions.len()),
        ("runs, subworkflows included", runs.len()),
        (
            "events",
            runs.values().map(|run| run.events.len()).sum::<usize>(),
        ),
        ("attempts interrupted", kinds("attempt_interrupted")),
        ("outcomes unknown", kinds("outcome_unknown")),
        ("calls that arrived", calls),
        (
            "effects that took place",
            places.values().map(|place| place.applied).sum::<usize>(),
        ),
        (
            "ready again, ms, median",
            usize::try_from(middle.unwrap_or(0)).expect("few"),
        ),
        (
            "ready again, ms, at the most",
            usize::try_from(ready_ms.last().copied().unwrap_or(0)).expect("few"),
        ),
    ];
    for (what, count) in rows {
        println!("{what:<34}{count:>8}");
    }
}
