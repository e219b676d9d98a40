//! Bounds that keep one workflow from taking everything, as a program meets them.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use crate::server::{Server, command};

crate::server::also_on_postgres!(
    a_workflow_that_starts_itself_is_counted_and_waits_for_itself_no_more,
);

fn set(id: &str, value: Value) -> Value {
    json!({ "id": id, "kind": "transform", "set": value })
}

fn large() -> String {
    "x".repeat(900_000)
}

#[tokio::test]
async fn a_run_that_holds_too_much_fails_and_says_what_to_do() {
    let server = Server::start().await;
    let copy = set("copy", json!({ "all": "$input.large", "n": "$index" }));
    server
        .create(json!({
            "name": "Copies",
            "inputs": { "type": "object" },
            "steps": [
                // So that the start is answered before 64 MB are copied and measured, which takes an unoptimised build
                // longer than a request may last.
                { "id": "later", "kind": "wait", "for_ms": 1 },
                { "id": "each", "kind": "map", "over": "$input.n", "on_item_error": "continue",
                  "body": { "steps": [copy], "edges": [] } },
            ],
            "edges": [{ "from": "later", "to": "each" }],
        }))
        .await;
    let input = json!({ "large": large(), "n": Vec::from_iter(0..10_000) });
    let run = server.start_run("copies", input).await;
    let patience = Duration::from_secs(120);
    let failed = server.until_run_within(patience, &run, "failed").await;
    let message = failed["message"].as_str().expect("a sentence");
    assert!(
        message.contains("keep large results as artifacts"),
        "{message}"
    );
}

#[tokio::test]
async fn an_expression_that_is_too_much_work_fails_its_step() {
    let server = Server::start().await;
    let source = "=input.n.map(x, input.n.filter(y, y == x).size())";
    server
        .create(json!({
            "name": "Join",
            "inputs": { "type": "object" },
            "steps": [set("pairs", json!({ "pairs": source }))],
        }))
        .await;
    let few = json!({ "n": Vec::from_iter(0..30) });
    let run = server.start_run("join", few).await;
    server.until_run(&run, "completed").await;
    let many = json!({ "n": vec![1; 100_000] });
    let run = server.start_run("join", many).await;
    server.until_run(&run, "failed").await;
    let error = server.step(&run, "pairs").await["error"].clone();
    let message = error["message"].as_str().expect("a sentence");
    assert!(message.contains("too much work"), "{message}");
}

#[tokio::test]
async fn the_output_of_a_run_is_bounded() {
    let server = Server::start().await;
    let copy = |id: &str| set(id, json!({ "all": "$input.large" }));
    server
        .create(json!({
            "name": "Two",
            "inputs": { "type": "object" },
            "steps": [{ "id": "split", "kind": "parallel" }, copy("a"), copy("b")],
            "edges": [{ "from": "split", "to": "a" }, { "from": "split", "to": "b" }],
        }))
        .await;
    let run = server.start_run("two", json!({ "large": large() })).await;
    let failed = server.until_run(&run, "failed").await;
    let message = failed["message"].as_str().expect("a sentence");
    assert!(message.contains("give together is larger"), "{message}");
}

#[tokio::test]
async fn a_workflow_that_starts_itself_is_counted_and_waits_for_itself_no_more() {
    let server = Server::start().await;
    let leaf = json!({ "name": "Self", "steps": [set("done", json!({ "n": 1 }))] });
    server.create(leaf).await;
    let below = json!({ "id": "below", "kind": "subworkflow", "workflow": "self",
        "with": { "below": "=input.below - 1" }, "timeout_ms": 20_000 });
    let version = json!({
        "name": "Self",
        "inputs": { "type": "object", "required": ["below"], "properties": { "below": { "type": "integer" } } },
        "concurrency": { "max": 1 },
        "steps": [
            { "id": "more", "kind": "condition", "expression": "input.below > 0" },
            below, set("done", json!({ "n": 1 })),
        ],
        "edges": [
            { "from": "more", "to": "below", "when": "more.result" },
            { "from": "more", "to": "done", "default": true },
        ],
    });
    let (status, body) = server.post("/workflows/self/versions", version).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let run = server.start_run("self", json!({ "below": 3 })).await;
    server.until_run(&run, "completed").await;
    let runs = server.get("/runs?workflow=self").await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(4));
    // Deeper than runs may start runs.
    let run = server.start_run("self", json!({ "below": 100 })).await;
    server.until_run(&run, "failed").await;
}

#[tokio::test]
async fn reports_from_outside_are_coalesced_and_speak_for_themselves() {
    let server = Server::start().await;
    let job = json!([{ "id": "job", "kind": "external", "timeout_ms": 60_000 }]);
    server.create(json!({ "name": "Job", "steps": job })).await;
    let run = server.start_run("job", json!({})).await;
    let step = format!("/runs/{run}/steps/job");
    for percent in 0..100 {
        let body = json!({ "percent": percent, "doing": format!("row {percent}") });
        let (status, body) = server.post(&format!("{step}/progress"), body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    for code in ["timeout", "outcome_unknown", "No Word", ""] {
        let body = json!({ "outcome": "failed", "code": code, "message": "it broke" });
        let (status, problem) = server.post(&format!("{step}/result"), body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["code"], "invalid_error_code");
    }
    let body = json!({ "outcome": "failed", "code": "disk_full", "message": "it broke" });
    let (status, _) = server.post(&format!("{step}/result"), body).await;
    assert_eq!(status, StatusCode::OK);
    let job = server.step(&run, "job").await;
    assert_eq!(job["error"]["code"], "disk_full");
    let events = server.events(&run).await;
    let reports: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "attempt_progressed")
        .collect();
    assert_eq!(reports.last().expect("a report")["percent"], 99);
    assert!(reports.len() < 100, "{} reports", reports.len());
}

#[tokio::test]
async fn the_cron_health_check_waits_for_somebody_to_switch_its_schedule_on() {
    let server = Server::start().await;
    let triggers = server.get("/workflows/cron-health-check/triggers").await;
    let triggers = triggers["items"].as_array().expect("a list");
    assert_eq!(triggers.len(), 1);
    assert_eq!(triggers[0]["enabled"], false);
    assert_eq!(triggers[0]["cron"], "*/15 * * * *");
    let at_ease = json!({
        "endpoints": [], "disk_max_percent": 100, "memory_max_percent": 100, "load_max_per_cpu": 1_000,
    });
    let run = server.start_run("cron-health-check", at_ease).await;
    let ended = server.until_run(&run, "completed").await;
    assert!(
        ended["output"].to_string().contains("All is well"),
        "{ended}"
    );
    let down = json!({
        "endpoints": ["http://127.0.0.1:9/"], "disk_max_percent": 100, "memory_max_percent": 100,
        "load_max_per_cpu": 1_000,
    });
    let run = server.start_run("cron-health-check", down).await;
    let gate = server.gate(&run).await;
    let finding = &gate["question"]["shown"][0]["value"][0];
    assert_eq!(finding["what"], "http://127.0.0.1:9/");
    assert_eq!(server.step(&run, "report").await["status"], "completed");
}

/// A service manager may stop reading for a while: what is said is dropped then, and nothing else waits for it.
#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    /// What a pipe holds on Linux.
    const PIPE_BYTES: usize = 65_536;
    /// A request is good for some hundred bytes of it.
    const REQUESTS: usize = 500;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
    let mut process = command(&database, 1_000)
        .args(["--listen", "127.0.0.1:0", "--log", "trace"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut log = process.stderr.take().expect("it is piped");
    let mut server = Server::of(process, &database).await;
    for _ in 0..REQUESTS {
        server.get("/workflows").await;
    }
    server.kill();
    let mut said = Vec::new();
    log.read_to_end(&mut said).expect("it can be read");
    assert!(
        said.len() >= PIPE_BYTES / 2,
        "the pipe was full: {}",
        said.len()
    );
}
