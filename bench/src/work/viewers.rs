//! What it costs to be watched: tabs that each follow a run and the lists, as a page does, and readers that do not read.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use super::row;
use crate::figures::{Row, count, megabytes, time};
use crate::server::{Server, create};
use crate::viewer::{Seen, Viewer, now};
use crate::workflows;

const RUNS: usize = 100;
const VIEWERS: usize = 500;
/// Each item of a run waits for so long, and makes four events: 400 events a second in all.
const WAIT_MS: u64 = 1_000;
const ITEMS: usize = 40;

const SLOW: usize = 50;
/// Of a run that is over in seconds: more than the kernel keeps for a reader.
const FAST_ITEMS: usize = 10_000;
const ASLEEP: Duration = Duration::from_secs(10);

pub async fn w12_viewers(binary: PathBuf) -> Vec<Row> {
    let mut rows = many_that_watch(&binary).await;
    rows.extend(some_that_sleep(&binary).await);
    rows
}

async fn many_that_watch(binary: &Path) -> Vec<Row> {
    let server = Server::start(binary).await;
    let runs = start(&server, &workflows::waits_for_each(WAIT_MS), ITEMS, RUNS).await;
    let unwatched = server.memory().0;
    let mut watching = JoinSet::new();
    let timed_from = Arc::default();
    for at in 0..VIEWERS {
        let viewer = Viewer::open(&server.host, &runs[at % RUNS], &timed_from).await;
        watching.spawn(viewer.until_the_end());
    }
    let (began, processor) = (Instant::now(), server.processor());
    let _ = timed_from.set(now());
    tokio::time::sleep(Duration::from_secs(ITEMS as u64 / 2)).await;
    let watched = server.memory().0;
    let mut all = Seen::default();
    while let Some(seen) = watching.join_next().await {
        all.merge(seen.expect("a viewer ends by itself"));
    }
    let took = began.elapsed();
    let busy = (server.processor() - processor).as_secs_f64() / took.as_secs_f64();
    let expected = expected(&server, &runs).await * (VIEWERS / RUNS) as u64;
    // Those that came while they were opened are few.
    let frames = all.frames as f64 / took.as_secs_f64();
    vec![
        row(
            "W12",
            format!("{VIEWERS} viewers of {RUNS} runs: events they missed"),
            missed(expected, &all),
            "0",
        ),
        row(
            "W12",
            "an event until a viewer has it",
            all.delays.told(),
            "",
        ),
        row(
            "W12",
            format!(
                "messages to all of them, {} a second: the processor",
                count(frames)
            ),
            format!("{:.0} % of one", busy * 100.0),
            "",
        ),
        row(
            "W12",
            "the server's memory",
            format!(
                "{} unwatched, {} watched",
                megabytes(unwatched),
                megabytes(watched)
            ),
            "",
        ),
    ]
}

/// They ask for a run that makes many events at once, and read nothing until it has long been over.
async fn some_that_sleep(binary: &Path) -> Vec<Row> {
    let server = Server::start(binary).await;
    let runs = start(&server, &workflows::computes_each(), FAST_ITEMS, 1).await;
    let mut viewers = Vec::new();
    for _ in 0..SLOW {
        viewers.push(Viewer::open(&server.host, &runs[0], &Arc::default()).await);
    }
    let begun = server.memory().0;
    tokio::time::sleep(ASLEEP).await;
    let held = server.memory().0;
    let mut waking = JoinSet::new();
    for viewer in viewers {
        waking.spawn(viewer.until_the_end());
    }
    let mut all = Seen::default();
    while let Some(seen) = waking.join_next().await {
        all.merge(seen.expect("a viewer ends by itself"));
    }
    let expected = expected(&server, &runs).await * SLOW as u64;
    vec![
        row(
            "W12",
            format!(
                "{SLOW} that read nothing for {}: events they missed",
                time(ASLEEP)
            ),
            missed(expected, &all),
            "0",
        ),
        row(
            "W12",
            format!(
                "the server's memory, {} for them in all",
                megabytes(all.bytes)
            ),
            format!(
                "{} as they came, {} then",
                megabytes(begun),
                megabytes(held)
            ),
            "",
        ),
    ]
}

async fn start(server: &Server, workflow: &Value, items: usize, count: usize) -> Vec<String> {
    let mut client = server.client().await;
    let workflow = create(&mut client, workflow).await;
    let items: Vec<usize> = (0..items).collect();
    let asked = json!({ "workflow": workflow, "input": { "items": items } });
    let mut runs = Vec::new();
    for _ in 0..count {
        let run = client.post("/api/v1/runs", &asked).await;
        runs.push(run["run_id"].as_str().expect("a run").to_owned());
    }
    runs
}

/// The events of all these runs, as the server counts them.
async fn expected(server: &Server, runs: &[String]) -> u64 {
    let mut client = server.client().await;
    let mut events = 0;
    for run in runs {
        let run = client.get_json(&format!("/api/v1/runs/{run}")).await;
        events += run["seq"].as_u64().expect("a number");
    }
    events
}

fn missed(expected: u64, seen: &Seen) -> String {
    let missed = expected.saturating_sub(seen.events);
    let dropped = match seen.told_to_read_anew {
        0 => String::new(),
        times => format!(", {times} times told to read lists anew"),
    };
    format!(
        "{missed} of {}, {} gaps{dropped}",
        count(expected as f64),
        seen.gaps
    )
}
