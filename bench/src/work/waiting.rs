//! What it costs to wait: many runs that do, and one with a long log that goes on after a restart.

use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::row;
use crate::figures::{Row, Samples, megabytes, time};
use crate::http::Client;
use crate::server::{Server, create, database};
use crate::workflows;

/// Longer than a run may be idle before it is put to rest.
const UNTIL_AT_REST: Duration = Duration::from_secs(75);

pub async fn w10_waiting(binary: PathBuf) -> Vec<Row> {
    let mut rows = many_that_wait(&binary).await;
    rows.extend(one_with_a_long_log(&binary).await);
    rows
}

async fn many_that_wait(binary: &Path) -> Vec<Row> {
    const RUNS: usize = 10_000;
    let server = Server::start(binary).await;
    let before = server.memory().0;
    let mut client = server.client().await;
    let workflow = create(&mut client, &workflows::asks_forever()).await;
    for _ in 0..RUNS {
        let run = json!({ "workflow": workflow });
        client.post("/api/v1/runs", &run).await;
    }
    let awake = server.memory().0;
    tokio::time::sleep(UNTIL_AT_REST).await;
    let at_rest = server.memory().0;
    let folder = server.stop();
    let began = Instant::now();
    let server = Server::start_in(binary, folder).await;
    let started = time(began.elapsed());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let restarted = server.memory().0;
    let mut client = server.client().await;
    let mut answered = Samples::default();
    let gates = client.get_json("/api/v1/gates?limit=200").await;
    for gate in gates["items"].as_array().expect("a list") {
        answered.add(approve(&mut client, gate).await);
    }
    let figure = format!(
        "{} before, {} when all are started, {} at rest, {} after a restart",
        megabytes(before),
        megabytes(awake),
        megabytes(at_rest),
        megabytes(restarted)
    );
    vec![
        row(
            "W10",
            "the server's memory, 10,000 runs that wait",
            figure,
            "",
        ),
        row(
            "W10",
            "the server starts with 10,000 runs that wait",
            started,
            "",
        ),
        row(
            "W10",
            "an approval of one that rests is answered",
            answered.told(),
            "",
        ),
    ]
}

async fn one_with_a_long_log(binary: &Path) -> Vec<Row> {
    let mut server = Server::start(binary).await;
    let mut client = server.client().await;
    let workflow = create(&mut client, &workflows::long_then_asks()).await;
    let mut took = [Samples::default(), Samples::default()];
    let mut events = Value::Null;
    for round in 0..6 {
        let run = json!({ "workflow": workflow, "input": { "items": Vec::from_iter(0..8_400) } });
        let run = client.post("/api/v1/runs", &run).await;
        let run_id = run["run_id"].as_str().expect("an id").to_owned();
        let gate = loop {
            let gates = client
                .get_json(&format!("/api/v1/gates?run={run_id}"))
                .await;
            if gates["items"][0].is_object() {
                break gates["items"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        events = client.get_json(&format!("/api/v1/runs/{run_id}")).await["seq"].clone();
        let folder = server.stop();
        let with_snapshot = round % 2 == 0;
        if !with_snapshot {
            let file = Connection::open(database(&folder)).expect("it is there");
            let gone = file.execute("DELETE FROM run_snapshots", []);
            gone.expect("it is SQL");
        }
        // It is taken up meanwhile; the answer comes when it is there.
        server = Server::start_in(binary, folder).await;
        client = server.client().await;
        took[usize::from(!with_snapshot)].add(approve(&mut client, &gate).await);
    }
    let [with, without] = took;
    let what = format!("the first approval after a restart, a run of {events} events");
    vec![
        row("W10", what.clone(), with.told(), ""),
        row(
            "W10",
            format!("{what}, without its snapshot"),
            without.told(),
            "",
        ),
    ]
}

async fn approve(client: &mut Client, gate: &Value) -> Duration {
    let path = format!(
        "/api/v1/gates/{}/decision",
        gate["id"].as_str().expect("an id")
    );
    let decision = json!({ "decision": "approve", "plan_hash": gate["plan_hash"] });
    let began = Instant::now();
    client.post(&path, &decision).await;
    began.elapsed()
}
