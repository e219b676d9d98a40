//! `kill -9` of the real server at random moments of a run.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use crate::server::Server;
use crate::stub::Stub;

/// Twenty calls in a row, each counted outside, then a gate, then one more.
pub fn workflow(stub: &Stub) -> Value {
    let step = |id: &str| {
        json!({ "id": id, "kind": "tool_call", "tool": "http.request",
                "with": { "url": format!("{}/slow/30/{id}", stub.address), "method": "PUT" } })
    };
    let ids: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let mut steps: Vec<Value> = ids.iter().map(|id| step(id)).collect();
    steps.push(json!({ "id": "agree", "kind": "human_gate" }));
    steps.push(step("last"));
    let order: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .chain(["agree", "last"])
        .collect();
    let edges: Vec<Value> = order
        .windows(2)
        .map(|pair| json!({ "from": pair[0], "to": pair[1] }))
        .collect();
    json!({ "name": "Long", "steps": steps, "edges": edges })
}

#[tokio::test]
async fn killed_ten_times_a_run_goes_on_and_finished_steps_are_not_repeated() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let slug = server.create(workflow(&stub)).await;
    let run = server.start_run(&slug, json!({})).await;
    for round in 0..10 {
        // Into any moment of one to three steps; printed, so that a failure says when the blow fell.
        let pause = Duration::from_micros(chance(5_000..95_000));
        println!("kill {round} after {pause:?}");
        tokio::time::sleep(pause).await;
        let finished = finished_steps(&server, &run).await;
        let calls: Vec<usize> = finished.iter().map(|id| stub.calls(id)).collect();
        server.kill_and_restart().await;
        for (id, before) in finished.iter().zip(calls) {
            assert_eq!(
                server.step(&run, id).await["status"],
                "completed",
                "{id} was finished before the kill"
            );
            assert_eq!(
                stub.calls(id),
                before,
                "{id} was finished and must not be called again"
            );
        }
    }
    let gate = server.gate(&run).await;
    server.kill_and_restart().await;
    assert_eq!(
        server.gate(&run).await,
        gate,
        "the gate still waits, as it was"
    );
    assert_eq!(stub.calls("last"), 0);
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.kill_and_restart().await;
    server.until_run(&run, "completed").await;
    assert_sound(&server.events(&run).await);
    for number in 0..20 {
        let id = format!("s{number}");
        let attempts = server.step(&run, &id).await["attempts"]
            .as_array()
            .map_or(0, Vec::len);
        assert!(
            (1..=attempts).contains(&stub.calls(&id)),
            "{id}: {} calls in {attempts} attempts",
            stub.calls(&id)
        );
        assert!(
            stub.keys(&id).windows(2).all(|pair| pair[0] == pair[1]),
            "one key for all attempts of {id}"
        );
    }
}

/// Which moments are hit must differ from run to run: nobody knows beforehand which of them hurts.
#[expect(
    clippy::disallowed_methods,
    reason = "the moments are meant to be random"
)]
pub fn chance(range: std::ops::Range<u64>) -> u64 {
    rand::RngExt::random_range(&mut rand::rng(), range)
}

async fn finished_steps(server: &Server, run: &str) -> Vec<String> {
    let steps = server.get(&format!("/runs/{run}/steps")).await;
    let steps = steps["items"].as_array().expect("a list").clone();
    steps
        .iter()
        .filter(|step| step["status"] == "completed")
        .map(|step| step["id"].as_str().expect("an id").to_owned())
        .collect()
}

pub fn assert_sound(events: &[Value]) {
    for (at, event) in events.iter().enumerate() {
        assert_eq!(
            event["seq"].as_u64(),
            Some(at as u64 + 1),
            "a gap in the log"
        );
    }
    assert_eq!(
        events
            .iter()
            .filter(|event| event["kind"] == "run_finished")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_post_that_the_crash_cut_off_is_put_to_a_person_and_not_sent_again() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let url = format!("{}/slow/60000/order", stub.address);
    let step = json!({ "id": "order", "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": "POST" } });
    let run = server
        .start_run(
            &server
                .create(json!({ "name": "Order", "steps": [step] }))
                .await,
            json!({}),
        )
        .await;
    server.until_step(&run, "order", "in_progress").await;
    while stub.calls("order") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill_and_restart().await;
    server.until_step(&run, "order", "outcome_unknown").await;
    assert_eq!(
        (
            server.run(&run).await["status"].clone(),
            stub.calls("order")
        ),
        (json!("waiting"), 1)
    );
    let path = format!("/runs/{run}/steps/order/outcome");
    let (status, _) = server
        .post(
            &path,
            json!({ "resolution": "happened", "comment": "seen at the broker" }),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!(stub.calls("order"), 1);
}

crate::server::also_on_postgres!(
    killed_ten_times_a_run_goes_on_and_finished_steps_are_not_repeated,
    a_post_that_the_crash_cut_off_is_put_to_a_person_and_not_sent_again,
);
