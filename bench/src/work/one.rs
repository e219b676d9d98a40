//! One run at a time: how long one takes from the request that starts it to the answer that it has ended.

use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

use crate::figures::{Row, Samples, time};
use crate::http::{Client, Service};
use crate::server::{Server, create, run_to_the_end};
use crate::workflows::{self, Mode};

const WARM_UP: usize = 50;

/// Runs the workflow so many times, after a warm-up.
async fn rounds(client: &mut Client, workflow: &str, rounds: usize) -> Samples {
    let mut samples = Samples::default();
    for round in 0..WARM_UP + rounds {
        let began = Instant::now();
        run_to_the_end(client, workflow).await;
        if round >= WARM_UP {
            samples.add(began.elapsed());
        }
    }
    samples
}

pub async fn w1_chain(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let mut rows = Vec::new();
    for (mode, aim) in Mode::BOTH.into_iter().zip(["≤ 4 ms", "≤ 15 ms"]) {
        let workflow = create(&mut client, &workflows::chain(mode, 40)).await;
        let samples = rounds(&mut client, &workflow, 400).await;
        rows.push(Row {
            id: "W1",
            work: format!("a run of 40 steps, {}", mode.name()),
            figure: samples.told(),
            aim,
        });
    }
    rows.push(Row {
        id: "W1",
        work: "41 commits of one row on bare SQLite".to_owned(),
        figure: crate::limits::commits(41).told(),
        aim: "",
    });
    rows
}

pub async fn w2_fan(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let mut rows = Vec::new();
    for (mode, aim) in Mode::BOTH.into_iter().zip(["≤ 4 ms", "≤ 8 ms"]) {
        let workflow = create(&mut client, &workflows::fan(mode, 100)).await;
        let samples = rounds(&mut client, &workflow, 400).await;
        rows.push(Row {
            id: "W2",
            work: format!("1 → 100 side by side → join, {}", mode.name()),
            figure: samples.told(),
            aim,
        });
    }
    rows
}

pub async fn w4_one_step(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let mut rows = Vec::new();
    for mode in Mode::BOTH {
        let workflow = create(&mut client, &workflows::chain(mode, 1)).await;
        let samples = rounds(&mut client, &workflow, 2_000).await;
        rows.push(Row {
            id: "W4",
            work: format!("a run of one step, {}", mode.name()),
            figure: samples.told(),
            aim: "≤ 1.5 ms",
        });
    }
    rows
}

/// From sending the approval to the moment at which the service hears the request of the step behind it.
pub async fn w5_approval(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut service = Service::start().await;
    let mut client = server.client().await;
    let workflow = create(&mut client, &workflows::gated(&service.host)).await;
    let mut samples = Samples::default();
    for round in 0..WARM_UP + 1_000 {
        let body = json!({ "workflow": workflow });
        let run = client.post("/api/v1/runs", &body).await;
        let run_id = run["run_id"].as_str().expect("an id").to_owned();
        let gates = client
            .get_json(&format!("/api/v1/gates?run={run_id}"))
            .await;
        let gate = &gates["items"][0];
        let decision = json!({ "decision": "approve", "plan_hash": gate["plan_hash"] });
        let id = gate["id"].as_str().expect("an id");
        let began = Instant::now();
        client
            .post(&format!("/api/v1/gates/{id}/decision"), &decision)
            .await;
        let heard = service.calls.recv().await.expect("it goes on");
        if round >= WARM_UP {
            samples.add(heard.duration_since(began));
        }
        client.get(&format!("/api/v1/runs/{run_id}?wait=30s")).await;
    }
    vec![Row {
        id: "W5",
        work: "approve → the next step's request arrives".to_owned(),
        figure: samples.told(),
        aim: "≤ 1.5 ms",
    }]
}

/// The same requests with nothing between them and the service, then as steps of a run.
pub async fn w7_requests(binary: PathBuf) -> Vec<Row> {
    const STEPS: usize = 40;
    let server = Server::start(&binary).await;
    let service = Service::start().await;
    let mut bare = Samples::default();
    let mut caller = Client::connect(&service.host).await.expect("it listens");
    for round in 0..WARM_UP + 200 {
        let began = Instant::now();
        for _ in 0..STEPS {
            caller.get("/").await;
        }
        if round >= WARM_UP {
            bare.add(began.elapsed());
        }
    }
    let mut client = server.client().await;
    let workflow = create(&mut client, &workflows::requests(STEPS, &service.host)).await;
    let steps = rounds(&mut client, &workflow, 200).await;
    let above = steps.p50().saturating_sub(bare.p50()) / u32::try_from(STEPS).unwrap_or(1);
    vec![
        row_of_40("40 bare requests to a service", &bare, ""),
        row_of_40("a run of 40 such requests", &steps, ""),
        Row {
            id: "W7",
            work: "each step above its bare request".to_owned(),
            figure: time(above),
            aim: "≤ 1.5 ms",
        },
    ]
}

fn row_of_40(work: &str, samples: &Samples, aim: &'static str) -> Row {
    Row {
        id: "W7",
        work: work.to_owned(),
        figure: samples.told(),
        aim,
    }
}
