//! Steps that wait, as a program meets them: each has a deadline, or says that it may wait for ever.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_gate_nobody_answers_in_time_expires_also_while_no_server_is_there,
    an_external_step_of_which_nobody_hears_fails,
);

/// What is done once the step has ended well.
fn then(stub: &Stub, name: &str, step: Value) -> Value {
    let after = stub.put("after", &format!("ok/after-{name}"));
    let first = step["id"].as_str().expect("an id").to_owned();
    workflow(name, json!([step, after]), &[(&first, "after")])
}

#[tokio::test]
async fn a_gate_nobody_answers_in_time_expires_also_while_no_server_is_there() {
    let (mut server, stub) = (Server::start().await, Stub::start().await);
    let ask = json!({ "id": "ask", "kind": "human_gate", "timeout_ms": 1_200 });
    let mut guarded = stub.put("guarded", "ok/guarded");
    guarded["approval"] = json!({ "timeout_ms": 1_200 });
    let mut gates = Vec::new();
    for (name, step) in [("asked", ask), ("allowed", guarded)] {
        let slug = server.create(then(&stub, name, step)).await;
        let run = server.start_run(&slug, json!({})).await;
        let gate = server.gate(&run).await;
        assert!(gate["deadline"].is_string(), "{gate}");
        gates.push((run, gate));
    }
    server.kill();
    tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
    server.restart().await;
    for (run, gate) in &gates {
        let (status, late) = server.decide(gate, "approve").await;
        assert_eq!(status, StatusCode::CONFLICT, "{late}");
        let ended = server.until_run(run, "failed").await;
        assert_eq!(ended["reason"], "timeout");
        let path = format!("/gates?run={run}");
        assert_eq!(server.get(&path).await["items"], json!([]));
    }
    let error = server.step(&gates[0].0, "ask").await["error"].clone();
    assert_eq!(error["code"], "gate_expired");
    for name in ["guarded", "after-asked", "after-allowed"] {
        assert_eq!(stub.calls(name), 0, "{name}");
    }
}

#[tokio::test]
async fn a_wait_that_is_not_answered_in_time_fails_after_one_last_question() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let wait = json!({
        "id": "until_up", "kind": "wait", "tool": "http.request", "every_ms": 60_000, "timeout_ms": 400,
        "with": { "url": format!("{}/flaky/99/up", stub.address) }, "until": "result.status == 200",
    });
    let slug = server.create(then(&stub, "poll", wait)).await;
    let run = server.start_run(&slug, json!({})).await;
    let ended = server.until_run(&run, "failed").await;
    assert_eq!(ended["reason"], "timeout");
    assert_eq!(
        server.step(&run, "until_up").await["error"]["code"],
        "timeout"
    );
    assert_eq!((stub.calls("up"), stub.calls("after-poll")), (2, 0));
}

#[tokio::test]
async fn an_external_step_of_which_nobody_hears_fails() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let job = json!({ "id": "job", "kind": "external", "timeout_ms": 700 });
    let slug = server.create(then(&stub, "job", job)).await;
    let run = server.start_run(&slug, json!({})).await;
    let step = format!("/runs/{run}/steps/job");
    let progress = json!({ "percent": 40, "doing": "row 4 of 10" });
    let (status, _) = server.post(&format!("{step}/progress"), progress).await;
    assert_eq!(status, StatusCode::OK);
    let ended = server.until_run(&run, "failed").await;
    assert_eq!(ended["reason"], "timeout");
    assert_eq!(server.step(&run, "job").await["error"]["code"], "timeout");
    let done = json!({ "outcome": "succeeded", "output": {} });
    let (status, late) = server.post(&format!("{step}/result"), done).await;
    assert_eq!(status, StatusCode::CONFLICT, "{late}");
    assert_eq!(stub.calls("after-job"), 0);
}

#[tokio::test]
async fn a_wait_ends_at_the_moment_its_input_names() {
    let server = Server::start().await;
    let until = json!([{ "id": "pause", "kind": "wait", "at": "$input.at" }]);
    let mut document = workflow("Until", until, &[]);
    document["inputs"] = json!({ "type": "object", "properties": { "at": { "type": "string" } } });
    server.create(document).await;
    let start = async |at: &str| server.start_run("until", json!({ "at": at })).await;

    let soon = moment_in(1_000);
    let run = start(&soon.to_string()).await;
    server.until_run(&run, "waiting").await;
    let ended = server.until_run(&run, "completed").await;
    let finished = ended["finished_at"].as_str().expect("a moment");
    assert!(finished.parse::<jiff::Timestamp>().expect("RFC 3339") >= soon);

    let run = start("2001-01-01T00:00:00Z").await;
    server.until_run(&run, "completed").await;

    let run = start("tomorrow").await;
    server.until_run(&run, "failed").await;
    let error = server.step(&run, "pause").await["error"].clone();
    assert_eq!(error["code"], "not_a_time");
}

/// So many milliseconds from now.
fn moment_in(ms: i64) -> jiff::Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of a real process waits in real time"
    )]
    let now = jiff::Timestamp::now();
    now + jiff::SignedDuration::from_millis(ms)
}

#[tokio::test]
async fn what_waits_has_a_deadline_unless_it_says_that_it_may_wait_for_ever() {
    let server = Server::start().await;
    for (name, timeout, has_deadline) in [
        ("Silent", json!(null), true),
        ("For ever", json!("never"), false),
    ] {
        let ask = json!([{ "id": "ask", "kind": "human_gate", "timeout_ms": timeout }]);
        let slug = server.create(workflow(name, ask, &[])).await;
        let run = server.start_run(&slug, json!({})).await;
        let gate = server.gate(&run).await;
        assert_eq!(gate["deadline"].is_string(), has_deadline, "{name}: {gate}");
    }
    // A tool is no wait: it has to end.
    let call =
        json!([{ "id": "a", "kind": "tool_call", "tool": "util.noop", "timeout_ms": "never" }]);
    let (status, problem) = server
        .post("/workflows", workflow("Endless", call, &[]))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["field"], "timeout_ms", "{problem}");
}
