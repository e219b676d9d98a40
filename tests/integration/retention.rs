//! Ended runs that an operator does not want to keep.

use serde_json::{Value, json};
use std::time::Duration;

use crate::server::{Server, workflow};

crate::server::also_on_postgres!(ended_runs_beyond_the_bound_are_written_down_and_forgotten);

async fn runs(server: &Server, slug: &str) -> Vec<String> {
    let page = server.get(&format!("/runs?workflow={slug}")).await;
    let items = page["items"].as_array().expect("a list").iter();
    items
        .map(|run| run["run_id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn ended_runs_beyond_the_bound_are_written_down_and_forgotten() {
    let mut server = Server::start().await;
    let quick = json!([{ "id": "a", "kind": "tool_call", "tool": "util.noop", "with": { "value": "$input" } }]);
    let mut quick = workflow("Quick", quick, &[]);
    quick["inputs"] = json!({ "type": "object" });
    server.create(quick).await;
    // A run whose step has ended, which is a run too, and which waits for a person.
    let steps = json!([
        { "id": "sub", "kind": "subworkflow", "workflow": "quick" }, { "id": "ask", "kind": "human_gate" },
    ]);
    server
        .create(workflow("Above", steps, &[("sub", "ask")]))
        .await;
    let above = server.start_run("above", json!({})).await;
    let gate = server.gate(&above).await;
    let of_above = runs(&server, "quick").await;
    let mut started = Vec::new();
    for n in 0..5 {
        let run = server.start_run("quick", json!({ "n": n })).await;
        server.until_run(&run, "completed").await;
        started.push(run);
    }
    let kept: Vec<String> = started.drain(3..).rev().chain(of_above).collect();

    let folder = tempfile::tempdir().expect("a folder can be made");
    let export = folder.path().join("gone");
    let export_dir = export.to_str().expect("a plain path");
    server.kill();
    server
        .restart_with(&["--keep-runs", "2", "--export-dir", export_dir])
        .await;
    for _ in 0..500 {
        if runs(&server, "quick").await.len() == kept.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(runs(&server, "quick").await, kept);
    for run in &started {
        let response = server
            .client
            .get(server.url(&format!("/runs/{run}")))
            .send()
            .await;
        assert_eq!(
            response.expect("it answers").status(),
            reqwest::StatusCode::NOT_FOUND
        );
        let text = std::fs::read_to_string(export.join(format!("{run}.jsonl"))).expect("a file");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines[0]["run"]["run_id"], json!(run));
        assert_eq!(lines.last().expect("events")["kind"], "run_finished");
    }
    assert_eq!(std::fs::read_dir(&export).expect("a folder").count(), 3);
    // The one above goes on as if nothing had happened.
    let (status, body) = server.decide(&gate, "approve").await;
    assert!(status.is_success(), "{body}");
    server.until_run(&above, "completed").await;
}
