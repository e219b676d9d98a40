//! Many runs at once: what the server gets through, and how long each then takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::figures::{Row, Samples, count, median};
use crate::server::{Server, create, run_to_the_end};
use crate::workflows::{self, Mode};

const RUNS: usize = 2_000;
const AT_ONCE: usize = 200;
const STEPS: usize = 10;
const ROUNDS: usize = 5;

pub async fn w3_throughput(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let mut rows = Vec::new();
    for (mode, aim) in Mode::BOTH
        .into_iter()
        .zip(["≥ 60,000 steps/s", "≥ 20,000 steps/s"])
    {
        let workflow = create(&mut client, &workflows::chain(mode, STEPS)).await;
        let (mut rates, mut latencies) = (Vec::new(), Samples::default());
        // The first round warms up.
        for round in 0..=ROUNDS {
            let (rate, samples) = round_of(&server, &workflow).await;
            if round > 0 {
                rates.push(rate);
                latencies.merge(samples);
            }
        }
        let work = format!(
            "{} runs of {STEPS} steps, {AT_ONCE} at a time, {}",
            count(RUNS as f64),
            mode.name()
        );
        rows.push(Row {
            id: "W3",
            work: work.clone(),
            figure: format!("{} steps/s", count(median(rates))),
            aim,
        });
        rows.push(Row {
            id: "W3",
            work: format!("{work}: each run"),
            figure: latencies.told(),
            aim: "",
        });
    }
    rows.push(Row {
        id: "W3",
        work: "the server's memory at its highest in W3".to_owned(),
        figure: crate::figures::megabytes(server.memory().1),
        aim: "",
    });
    rows
}

/// Steps a second, and how long each run took.
async fn round_of(server: &Server, workflow: &str) -> (f64, Samples) {
    let left = Arc::new(AtomicUsize::new(RUNS));
    let mut clients = Vec::new();
    for _ in 0..AT_ONCE {
        clients.push(server.client().await);
    }
    let began = Instant::now();
    let working = clients.into_iter().map(|mut client| {
        let (left, workflow) = (Arc::clone(&left), workflow.to_owned());
        tokio::spawn(async move {
            let mut samples = Samples::default();
            while take_one(&left) {
                let began = Instant::now();
                run_to_the_end(&mut client, &workflow).await;
                samples.add(began.elapsed());
            }
            samples
        })
    });
    let mut samples = Samples::default();
    for worker in working.collect::<Vec<_>>() {
        samples.merge(worker.await.expect("no panic"));
    }
    let rate = (RUNS * STEPS) as f64 / began.elapsed().as_secs_f64();
    (rate, samples)
}

fn take_one(left: &AtomicUsize) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    });
    taken.is_ok()
}
