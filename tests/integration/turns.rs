//! Bounds over all runs, as a program meets them: who waits for a turn, and who is next.

use serde_json::json;

use crate::server::{Server, now, workflow};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_run_that_asks_for_much_does_not_keep_out_one_that_asks_for_little,
);

#[tokio::test]
async fn runs_and_calls_wait_for_their_turn() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut step = stub.put("a", "slow/100/a");
    step["concurrency"] = json!({ "max": 1, "key": "db" });
    server.create(workflow("Calls", json!([step]), &[])).await;
    let mut single = workflow("Runs", json!([stub.put("a", "slow/100/b")]), &[]);
    single["concurrency"] = json!({ "max": 1 });
    server.create(single).await;
    for slug in ["calls", "runs"] {
        let started = now();
        let mut runs = Vec::new();
        for _ in 0..4 {
            runs.push(server.start_run(slug, json!({})).await);
        }
        for run in &runs {
            server.until_run(run, "completed").await;
        }
        // Four calls of a tenth of a second each, one after the other, whatever the machine.
        assert!(started.elapsed().as_millis() >= 400, "{slug}");
    }
}

#[tokio::test]
async fn a_run_that_asks_for_much_does_not_keep_out_one_that_asks_for_little() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let bounded = |name: &str| {
        let mut step = stub.put("ask", &format!("slow/60/{name}"));
        step["concurrency"] = json!({ "max": 1, "key": "$input.key" });
        step
    };
    let of_key = |name: &str, steps: serde_json::Value| {
        let mut document = workflow(name, steps, &[]);
        document["inputs"] =
            json!({ "type": "object", "properties": { "key": { "type": "string" } } });
        document
    };
    let many = json!({
        "id": "each", "kind": "map", "over": Vec::from_iter(0..30), "max_parallel": 30, "body": { "steps": [bounded("many")] },
    });
    server.create(of_key("Many", json!([many]))).await;
    server.create(of_key("Few", json!([bounded("few")]))).await;
    let many = server.start_run("many", json!({ "key": "db" })).await;
    server.until_step(&many, "each.0.ask", "completed").await;
    let few = server.start_run("few", json!({ "key": "db" })).await;
    let elsewhere = server.start_run("few", json!({ "key": "other" })).await;
    server.until_run(&few, "completed").await;
    server.until_run(&elsewhere, "completed").await;
    assert!(
        stub.calls("many") < 30,
        "it had its turn before all of them"
    );
    server.until_run(&many, "completed").await;
    assert_eq!((stub.calls("many"), stub.most_at_once("many")), (30, 1));
}

#[tokio::test]
async fn the_operator_bounds_how_many_calls_of_a_tool_are_under_way() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let each = json!({
        "id": "each", "kind": "map", "over": Vec::from_iter(0..6), "max_parallel": 6,
        "body": { "steps": [stub.put("ask", "slow/100/ask")] },
    });
    server.create(workflow("Six", json!([each]), &[])).await;
    server.kill();
    server
        .restart_with(&["--tool-limit", "http.request=2"])
        .await;
    let runs = [
        server.start_run("six", json!({})).await,
        server.start_run("six", json!({})).await,
    ];
    for run in &runs {
        server.until_run(run, "completed").await;
    }
    assert_eq!((stub.calls("ask"), stub.most_at_once("ask")), (12, 2));
}

#[tokio::test]
async fn a_limit_for_a_tool_that_is_not_there_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
    let output = crate::server::command(&database, 700)
        .args(["--listen", "127.0.0.1:0", "--tool-limit", "http.reqest=2"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("http.reqest"),
        "{said}"
    );
    assert!(said.contains("there are http.request,"), "{said}");
}
