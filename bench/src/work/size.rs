//! What it costs to be there: the start, memory, one very large run, and very many small ones.

use rusqlite::{Connection, params};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::row;
use crate::figures::{Row, Samples, count, megabytes, time};
use crate::http::Client;
use crate::server::{Server, create, database, run_to_the_end};
use crate::workflows::{self, Mode};

pub async fn w6_start(binary: PathBuf) -> Vec<Row> {
    let (mut cold, mut known) = (Samples::default(), Samples::default());
    let mut idle = 0;
    for round in 0..10 {
        let began = Instant::now();
        let server = Server::start(&binary).await;
        let mut client = server.client().await;
        let workflow = create(&mut client, &workflows::chain(Mode::Journaled, 1)).await;
        run_to_the_end(&mut client, &workflow).await;
        cold.add(began.elapsed());
        let folder = server.stop();
        let began = Instant::now();
        let server = Server::start_in(&binary, folder).await;
        let mut client = server.client().await;
        run_to_the_end(&mut client, &workflow).await;
        known.add(began.elapsed());
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            idle = server.memory().0;
        }
    }
    let size = std::fs::metadata(&binary).map_or(0, |file| file.len());
    vec![
        row(
            "W6",
            "start on a known database → first run done",
            known.told(),
            "≤ 100 ms",
        ),
        row(
            "W6",
            "start on no database, its workflow created → first run done",
            cold.told(),
            "",
        ),
        row("W6", "memory when idle", megabytes(idle), "≤ 40 MB"),
        row(
            "W6",
            "the executable, all there is to install",
            megabytes(size),
            "≤ 40 MB",
        ),
    ]
}

pub async fn w8_large_run(binary: PathBuf) -> Vec<Row> {
    const WIDTH: usize = 9_999;
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let before = server.memory().0;
    let mut rows = Vec::new();
    for mode in Mode::BOTH {
        let workflow = create(&mut client, &workflows::burst(mode, WIDTH)).await;
        let (mut answered, mut ended) = (Samples::default(), Samples::default());
        let mut run_id = String::new();
        for _ in 0..5 {
            let began = Instant::now();
            let run = client
                .post("/api/v1/runs", &json!({ "workflow": workflow }))
                .await;
            answered.add(began.elapsed());
            run_id = run["run_id"].as_str().expect("an id").to_owned();
            let run = client
                .get_json(&format!("/api/v1/runs/{run_id}?wait=30s"))
                .await;
            assert_eq!(run["status"], "completed", "{}", run["status"]);
            ended.add(began.elapsed());
        }
        let name = mode.name();
        rows.push(row(
            "W8",
            format!("a run of 10,000 steps is started, {name}"),
            answered.told(),
            "",
        ));
        rows.push(row(
            "W8",
            format!("a run of 10,000 steps from start to end, {name}"),
            ended.told(),
            "",
        ));
        let pages = pages(&mut client, &run_id).await;
        rows.extend(pages.into_iter().map(|(what, samples, aim)| {
            row(
                "W8",
                format!("{what}, 10,000 steps, {name}"),
                samples.told(),
                aim,
            )
        }));
    }
    let (now, most) = server.memory();
    let figure = format!(
        "{} before, {} at most, {} after",
        megabytes(before),
        megabytes(most),
        megabytes(now)
    );
    rows.push(row("W8", "the server's memory", figure, ""));
    rows
}

async fn pages(client: &mut Client, run_id: &str) -> [(&'static str, Samples, &'static str); 2] {
    let mut data = Samples::default();
    let mut page = Samples::default();
    for _ in 0..20 {
        let began = Instant::now();
        client
            .get(&format!("/api/v1/runs/{run_id}/steps?limit=200"))
            .await;
        data.add(began.elapsed());
        let began = Instant::now();
        client.get(&format!("/runs/{run_id}")).await;
        page.add(began.elapsed());
    }
    [
        ("the first page of its data", data, "≤ 100 ms"),
        ("its page as HTML", page, ""),
    ]
}

/// Both databases are asked in turns, so that a machine that is slower for a moment is so for both.
pub async fn w9_many_runs(binary: PathBuf) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut servers = Vec::new();
    for runs in [1_000, 1_000_000] {
        let server = Server::start(&binary).await;
        let mut client = server.client().await;
        let workflow = create(&mut client, &workflows::chain(Mode::Journaled, 1)).await;
        let run = run_to_the_end(&mut client, &workflow).await;
        let folder = server.stop();
        let first = run["run_id"].as_str().expect("an id");
        multiply(&database(&folder), first, runs);
        let bytes = std::fs::metadata(database(&folder)).map_or(0, |file| file.len());
        let many = count(f64::from(runs));
        let figure = megabytes(bytes);
        rows.push(row(
            "W9",
            format!("the database of {many} runs"),
            figure,
            "",
        ));
        let began = Instant::now();
        let server = Server::start_in(&binary, folder).await;
        let took = time(began.elapsed());
        rows.push(row(
            "W9",
            format!("the server starts, {many} runs"),
            took,
            "",
        ));
        servers.push((server, workflow));
    }
    let mut asked = Vec::new();
    for (server, workflow) in &servers {
        let mut client = server.client().await;
        asked.push((paths(&mut client, workflow).await, client));
    }
    let names: Vec<&str> = asked[0].0.iter().map(|(what, _)| *what).collect();
    for (at, what) in names.iter().enumerate() {
        let mut samples = [Samples::default(), Samples::default()];
        for round in 0..220 {
            for (which, (paths, client)) in asked.iter_mut().enumerate() {
                let began = Instant::now();
                client.get(&paths[at].1).await;
                if round >= 20 {
                    samples[which].add(began.elapsed());
                }
            }
        }
        let [few, many] = samples;
        rows.push(row("W9", format!("{what}, 1,000 runs"), few.told(), ""));
        let aim = "as with 1,000";
        rows.push(row(
            "W9",
            format!("{what}, 1,000,000 runs"),
            many.told(),
            aim,
        ));
    }
    rows
}

async fn paths(client: &mut Client, workflow: &str) -> Vec<(&'static str, String)> {
    let list = client.get_json("/api/v1/runs?limit=100").await;
    let middle = list["items"][50]["run_id"].as_str().expect("a run");
    vec![
        ("the list of the newest", "/api/v1/runs".to_owned()),
        (
            "the list of one status",
            "/api/v1/runs?status=completed".to_owned(),
        ),
        (
            "the list of failed ones, of which there are none",
            "/api/v1/runs?status=failed".to_owned(),
        ),
        (
            "the list of one workflow",
            format!("/api/v1/runs?workflow={workflow}"),
        ),
        ("the page of runs as HTML", "/runs".to_owned()),
        ("one run opened", format!("/api/v1/runs/{middle}")),
        ("one run's page as HTML", format!("/runs/{middle}")),
    ]
}

/// Copies of the run and its log, under ids that sort like ours.
fn multiply(path: &Path, first: &str, runs: u32) {
    let database = Connection::open(path).expect("it is there");
    let columns = |table: &str| -> Vec<String> {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let mut statement = database.prepare(&sql).expect("it is SQL");
        let names = statement.query_map([], |row| row.get(0)).expect("rows");
        names.map(|name| name.expect("a name")).collect()
    };
    let new_id = "substr(?1, 1, 9) || printf('%04x', n / 65536) || '-' || substr(?1, 15, 5) || printf('%04x', n % 65536) || substr(?1, 24)";
    database
        .execute_batch("PRAGMA synchronous = OFF; BEGIN")
        .expect("SQL");
    for (table, id) in [("runs", "id"), ("run_events", "run_id")] {
        let columns = columns(table);
        let values: Vec<String> = columns
            .iter()
            .map(|name| {
                if name == id {
                    new_id.to_owned()
                } else {
                    name.clone()
                }
            })
            .collect();
        let sql = format!(
            "WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?2)
             INSERT INTO {table} ({}) SELECT {} FROM copies, {table} WHERE {id} = ?1",
            columns.join(", "),
            values.join(", ")
        );
        database
            .execute(&sql, params![first, runs - 1])
            .expect("space");
    }
    database.execute_batch("COMMIT").expect("a disk");
}
