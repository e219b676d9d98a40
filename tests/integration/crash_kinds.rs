//! `kill -9` while a run undoes what it did, works through a long list, waits for another run, or for a person.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use crate::crash::{assert_sound, chance};
use crate::server::Server;
use crate::stub::Stub;

crate::server::also_on_postgres!(
    killed_while_undoing_it_undoes_everything_once_more_or_once,
    a_delete_that_the_crash_cut_off_may_find_nothing_the_second_time,
    killed_in_a_map_of_a_thousand_it_does_every_item,
    killed_while_a_subworkflow_runs_both_runs_end,
);

async fn blow(server: &mut Server, within_us: u64) {
    let pause = Duration::from_micros(chance(1_000..within_us));
    println!("kill after {pause:?}");
    tokio::time::sleep(pause).await;
    server.kill_and_restart().await;
}

#[tokio::test]
async fn killed_while_undoing_it_undoes_everything_once_more_or_once() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let ids: Vec<String> = (0..8).map(|number| format!("s{number}")).collect();
    let mut steps: Vec<Value> = ids
        .iter()
        .map(|id| {
            let mut step = stub.put(id, &format!("ok/{id}"));
            let url = format!("{}/slow/30/undo_{id}", stub.address);
            step["compensate"] =
                json!({ "tool": "http.request", "with": { "url": url, "method": "PUT" } });
            step
        })
        .collect();
    let mut last = stub.put("last", "flaky/99/last");
    last["on_error"] = json!("compensate");
    steps.push(last);
    let order: Vec<&str> = ids.iter().map(String::as_str).chain(["last"]).collect();
    let edges: Vec<Value> = order
        .windows(2)
        .map(|pair| json!({ "from": pair[0], "to": pair[1] }))
        .collect();
    server
        .create(json!({ "name": "Saga", "steps": steps, "edges": edges }))
        .await;
    let run = server.start_run("saga", json!({})).await;
    server.until_step(&run, "s7", "completed").await;
    for _ in 0..3 {
        blow(&mut server, 80_000).await;
    }
    let ended = server.until_run(&run, "failed").await;
    let message = ended["message"].as_str().expect("a sentence");
    assert!(message.ends_with("was undone (8 steps)."), "{message}");
    assert_sound(&server.events(&run).await);
    for id in &ids {
        assert_eq!(stub.calls(id), 1, "{id} is not done again");
        let keys = stub.keys(&format!("undo_{id}"));
        assert!(!keys.is_empty() && keys.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[tokio::test]
async fn a_delete_that_the_crash_cut_off_may_find_nothing_the_second_time() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let url = format!("{}/once/60000/thing", stub.address);
    let step = json!({ "id": "remove", "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": "DELETE" } });
    let slug = server
        .create(json!({ "name": "Remove", "steps": [step] }))
        .await;
    let run = server.start_run(&slug, json!({})).await;
    while stub.calls("thing") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill_and_restart().await;
    server.until_run(&run, "completed").await;
    assert_eq!(stub.calls("thing"), 2);
    assert_eq!(server.step(&run, "remove").await["output"]["status"], 404);
    // Without a crash it is a failure.
    let run = server.start_run(&slug, json!({})).await;
    server.until_run(&run, "failed").await;
}

#[tokio::test]
async fn killed_in_a_map_of_a_thousand_it_does_every_item() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let each = json!({
        "id": "each", "kind": "map", "over": "$input.items", "max_parallel": 50,
        "body": { "steps": [stub.put("count", "ok/count")] },
    });
    server
        .create(json!({ "name": "Many", "steps": [each] }))
        .await;
    let items: Vec<usize> = (0..1_000).collect();
    let run = server.start_run("many", json!({ "items": items })).await;
    for _ in 0..3 {
        blow(&mut server, 300_000).await;
    }
    server.until_run(&run, "completed").await;
    let output = server.step(&run, "each").await["output"].clone();
    assert_eq!(output["succeeded"], 1_000);
    let distinct: std::collections::BTreeSet<_> = stub.keys("count").into_iter().collect();
    assert_eq!(
        distinct.len(),
        1_000,
        "one key an item, however often it was asked"
    );
}

#[tokio::test]
async fn killed_while_a_subworkflow_runs_both_runs_end() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let inner = json!({
        "name": "Inner", "steps": [stub.put("a", "slow/40/a"), stub.put("b", "slow/40/b")],
        "edges": [{ "from": "a", "to": "b" }],
    });
    server.create(inner).await;
    let sub = |id: &str| json!({ "id": id, "kind": "subworkflow", "workflow": "inner" });
    let outer = json!({
        "name": "Outer", "steps": [sub("one"), sub("two"), sub("three")],
        "edges": [{ "from": "one", "to": "two" }, { "from": "two", "to": "three" }],
    });
    server.create(outer).await;
    let run = server.start_run("outer", json!({})).await;
    for _ in 0..4 {
        blow(&mut server, 60_000).await;
    }
    server.until_run(&run, "completed").await;
    assert_sound(&server.events(&run).await);
    let runs = server.get("/runs?workflow=inner").await;
    let runs = runs["items"].as_array().expect("a list");
    assert_eq!(
        runs.len(),
        3,
        "each step has one run, however often the server died"
    );
    assert!(runs.iter().all(|run| run["status"] == "completed"));
}

#[tokio::test]
async fn killed_while_gates_wait_in_a_map_each_goes_on_waiting() {
    let mut server = Server::start().await;
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2, 3],
        "body": { "steps": [{ "id": "ask", "kind": "human_gate", "show": ["$item"] }] },
    });
    server
        .create(json!({ "name": "Asked", "steps": [each] }))
        .await;
    let run = server.start_run("asked", json!({})).await;
    let open = |gates: Value| gates["items"].as_array().cloned().unwrap_or_default();
    let before = open(server.get(&format!("/gates?run={run}")).await);
    assert_eq!(before.len(), 3);
    server.kill_and_restart().await;
    let after = open(server.get(&format!("/gates?run={run}")).await);
    assert_eq!(before, after);
    for gate in &after {
        assert_eq!(server.decide(gate, "approve").await.0, StatusCode::OK);
        blow(&mut server, 5_000).await;
    }
    server.until_run(&run, "completed").await;
}
