//! The API as a program meets it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, answer};
use crate::stub::Stub;

fn gated(stub: &Stub) -> Value {
    json!({
        "name": "Gated",
        "steps": [
            stub.get("look", "ok/look"),
            { "id": "agree", "kind": "human_gate", "show": ["$look.status"] },
            stub.post("act", "ok/act")
        ],
        "edges": [{ "from": "look", "to": "agree" }, { "from": "agree", "to": "act" }]
    })
}

/// Input of the health check with limits that no disk and no load exceeds, so that only the endpoints count.
fn on_any_machine(endpoints: Value) -> Value {
    json!({
        "endpoints": endpoints,
        "disk_max_percent": 100, "memory_max_percent": 100, "load_max_per_cpu": 1_000
    })
}

#[tokio::test]
async fn the_health_check_runs_to_its_report() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let endpoints = json!([
        format!("{}/ok/endpoint", stub.address),
        "http://127.0.0.1:9/"
    ]);
    let run = server
        .start_run("system-health-check", on_any_machine(endpoints))
        .await;
    let gate = server.gate(&run).await;
    assert_eq!(
        gate["question"]["shown"][0],
        json!({ "label": "Headline", "value": "1 finding needs attention" })
    );
    assert_eq!(
        server.step(&run, "probe_endpoints").await["status"],
        "failed"
    );
    assert_eq!(
        server.step(&run, "probe_endpoints").await["attempts"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(server.step(&run, "all_well").await["status"], "skipped");
    assert_eq!(
        server.get(&format!("/runs/{run}/artifacts")).await["items"],
        json!([])
    );
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    let ended = server.until_run(&run, "completed").await;
    assert_eq!(
        (&ended["percent"], &ended["steps_done"]),
        (&json!(100), &ended["steps_total"])
    );
    let files = server.get(&format!("/runs/{run}/artifacts")).await;
    let path = format!(
        "/runs/{run}/artifacts/{}",
        files["items"][0]["id"].as_str().expect("an id")
    );
    let report = server
        .client
        .get(server.url(&path))
        .send()
        .await
        .expect("it answers");
    assert_eq!(
        report.headers()["content-disposition"],
        "attachment; filename=\"health-report.md\""
    );
    assert!(
        report
            .text()
            .await
            .expect("text")
            .contains("1 finding needs attention")
    );
}

#[tokio::test]
async fn a_rejected_gate_fails_the_run_and_nothing_is_written() {
    let server = Server::start().await;
    let endpoints = json!([format!("{}/api/v1/health", server.address)]);
    let run = server
        .start_run("system-health-check", on_any_machine(endpoints))
        .await;
    let gate = server.gate(&run).await;
    assert_eq!(server.decide(&gate, "reject").await.0, StatusCode::OK);
    let ended = server.until_run(&run, "failed").await;
    assert_eq!(ended["reason"], "rejected");
    assert_eq!(
        server.get(&format!("/runs/{run}/artifacts")).await["items"],
        json!([])
    );
    assert_eq!(
        server.step(&run, "findings").await["skipped"],
        json!({ "because": "branch_not_taken", "at": "verdict" })
    );
}

#[tokio::test]
async fn of_twenty_decisions_at_once_exactly_one_wins() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let workflow = server.create(gated(&stub)).await;
    for _ in 0..5 {
        let run = server.start_run(&workflow, json!({})).await;
        let gate = server.gate(&run).await;
        let decisions = (0..20)
            .map(|voter| server.decide(&gate, if voter % 2 == 0 { "approve" } else { "reject" }));
        let answers = futures::future::join_all(decisions).await;
        let won = answers
            .iter()
            .filter(|(status, _)| *status == StatusCode::OK)
            .count();
        let beaten = answers
            .iter()
            .filter(|(status, body)| {
                *status == StatusCode::CONFLICT && body["code"] == "gate_decided"
            })
            .count();
        assert_eq!((won, beaten), (1, 19));
        assert!(answers.iter().any(|(_, body)| {
            body["detail"]
                .as_str()
                .is_some_and(|text| text.starts_with("Local has already"))
        }));
    }
}

#[tokio::test]
async fn a_decision_must_carry_the_hash_of_what_was_shown() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let run = server
        .start_run(&server.create(gated(&stub)).await, json!({}))
        .await;
    let gate = server.gate(&run).await;
    let path = format!("/gates/{}/decision", gate["id"].as_str().expect("an id"));
    let (status, body) = server.post(&path, json!({ "decision": "approve" })).await;
    assert_eq!(
        (status, &body["code"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!("plan_hash_missing")
        )
    );
    let (status, body) = server
        .post(&path, json!({ "decision": "approve", "plan_hash": "0000" }))
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("plan_changed"))
    );
    assert_eq!(stub.calls("act"), 0);
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!(stub.calls("act"), 1);
    assert_eq!(stub.keys("act"), [Some(format!("{run}/act"))]);
}

#[tokio::test]
async fn a_cancelled_run_stays_cancelled_and_the_late_answer_changes_nothing() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let workflow = json!({
        "name": "Slow",
        "steps": [stub.get("slow", "slow/1500/slow"), stub.get("after", "ok/after")],
        "edges": [{ "from": "slow", "to": "after" }]
    });
    let run = server
        .start_run(&server.create(workflow).await, json!({}))
        .await;
    server.until_step(&run, "slow", "in_progress").await;
    let (status, _) = server
        .post(
            &format!("/runs/{run}/cancel"),
            json!({ "comment": "wrong host" }),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    let ended = server.until_run(&run, "cancelled").await;
    assert_eq!(
        (&ended["reason"], &ended["message"]),
        (
            &json!("cancelled_by_user"),
            &json!("Cancelled by local: “wrong host”")
        )
    );
    tokio::time::sleep(std::time::Duration::from_millis(1_800)).await;
    assert_eq!(server.run(&run).await, ended);
    assert_eq!(stub.calls("after"), 0);
    let (status, body) = server.post(&format!("/runs/{run}/cancel"), json!({})).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("run_ended"))
    );
}

#[tokio::test]
async fn a_failing_call_is_retried_on_the_curve() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut step = stub.get("flaky", "flaky/2/flaky");
    step["retry"] = json!({ "max_attempts": 3, "base_ms": 200, "cap_ms": 300 });
    let run = server
        .start_run(
            &server
                .create(json!({ "name": "Flaky", "steps": [step] }))
                .await,
            json!({}),
        )
        .await;
    server.until_run(&run, "completed").await;
    let events = server.events(&run).await;
    let failures: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "attempt_failed")
        .collect();
    assert_eq!((failures.len(), stub.calls("flaky")), (2, 3));
    let moment = |value: &Value| {
        value
            .as_str()
            .expect("a time")
            .parse::<jiff::Timestamp>()
            .expect("RFC 3339")
            .as_millisecond()
    };
    for (failure, ceiling_ms) in failures.into_iter().zip([200, 300]) {
        let pause_ms = moment(&failure["retry_at"]) - moment(&failure["at"]);
        assert!((0..=ceiling_ms).contains(&pause_ms), "{pause_ms} ms");
        let next = events.iter().find(|event| {
            event["kind"] == "attempt_started" && event["seq"].as_u64() > failure["seq"].as_u64()
        });
        assert!(
            moment(&next.expect("it is tried again")["at"]) >= moment(&failure["retry_at"]),
            "never early"
        );
    }
}

#[tokio::test]
async fn a_false_branch_never_runs_and_the_join_after_it_does() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let workflow = json!({
        "name": "Branch",
        "inputs": { "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } },
        "steps": [
            { "id": "big", "kind": "condition", "expression": "input.n > 10" },
            stub.get("yes", "ok/yes"),
            stub.get("no", "ok/no"),
            { "id": "joined", "kind": "join", "rule": "none_failed_min_one_success" },
            stub.get("after", "ok/after")
        ],
        "edges": [
            { "from": "big", "to": "yes", "when": "big.result" }, { "from": "big", "to": "no", "default": true },
            { "from": "yes", "to": "joined" }, { "from": "no", "to": "joined" }, { "from": "joined", "to": "after" }
        ]
    });
    let run = server
        .start_run(&server.create(workflow).await, json!({ "n": 11 }))
        .await;
    server.until_run(&run, "completed").await;
    assert_eq!(
        [stub.calls("yes"), stub.calls("no"), stub.calls("after")],
        [1, 0, 1]
    );
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_run() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let workflow = server.create(gated(&stub)).await;
    let start = |input: Value| {
        let body = json!({ "workflow": workflow, "input": input });
        let request = server
            .client
            .post(server.url("/runs"))
            .header("idempotency-key", "k1")
            .json(&body);
        async { answer(request.send().await.expect("it answers")).await }
    };
    let starts = futures::future::join_all((0..10).map(|_| start(json!({})))).await;
    let ids: std::collections::BTreeSet<&str> = starts
        .iter()
        .map(|(_, body)| body["run_id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), 1);
    let (status, body) = start(json!({ "other": 1 })).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("idempotency_key_reused"))
    );
    assert_eq!(
        server.get("/runs").await["items"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_wrong_workflow_is_refused_with_every_problem() {
    let server = Server::start().await;
    let wrong = json!({
        "name": "Wrong",
        "steps": [
            { "id": "a", "kind": "tool_call", "tool": "no.such", "with": {} },
            { "id": "b", "kind": "transform", "set": { "x": "$c.y" } },
            { "id": "c", "kind": "transform", "set": { "y": "=1 +" } }
        ],
        "edges": [{ "from": "a", "to": "b" }, { "from": "b", "to": "c" }]
    });
    let (status, body) = server.post("/workflows", wrong.clone()).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_workflow"))
    );
    let codes: Vec<&str> = body["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["code"].as_str().expect("a code"))
        .collect();
    assert!(
        ["unknown_tool", "bad_value", "not_upstream"]
            .iter()
            .all(|code| codes.contains(code)),
        "{codes:?}"
    );
    let (status, verdict) = server.post("/workflows/validate", wrong).await;
    assert_eq!(
        (status, &verdict["valid"], &verdict["errors"]),
        (StatusCode::OK, &json!(false), &body["errors"])
    );
}

#[tokio::test]
async fn yaml_is_read_and_an_unknown_field_is_refused_with_its_line() {
    let server = Server::start().await;
    let send = |text: &'static str| {
        let request = server
            .client
            .post(server.url("/workflows"))
            .header("content-type", "application/yaml")
            .body(text);
        async { answer(request.send().await.expect("it answers")).await }
    };
    let (status, body) =
        send("name: Yaml\nsteps:\n  - { id: a, kind: transform, set: { x: 1 } }\n").await;
    assert_eq!(
        (status, &body["slug"]),
        (StatusCode::CREATED, &json!("yaml"))
    );
    let (status, body) =
        send("name: Bad\nsteps:\n  - id: a\n    kind: transform\n    sett: { x: 1 }\n").await;
    let detail = body["detail"].as_str().expect("a sentence");
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        detail.contains("sett") && detail.contains("line 5"),
        "{detail}"
    );
    let (status, body) =
        send("name: Yaml\nsteps:\n  - { id: a, kind: transform, set: { x: 2 } }\n").await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("slug_taken"))
    );
}

#[tokio::test]
async fn malformed_requests_are_the_callers_mistake_and_say_so() {
    let server = Server::start().await;
    let post = |path: &str, kind: &'static str, body: &'static str| {
        let request = server
            .client
            .post(server.url(path))
            .header("content-type", kind)
            .body(body);
        async { answer(request.send().await.expect("it answers")).await }
    };
    let unknown = "01999999-0000-7000-8000-000000000000";
    for (path, kind, body, expected) in [
        ("/runs".to_owned(), "application/json", "{", 400),
        ("/runs".to_owned(), "application/json", "[]", 400),
        (
            "/runs".to_owned(),
            "application/json",
            "{\"workflow\":\"x\",\"definition\":{}}",
            400,
        ),
        ("/runs".to_owned(), "text/plain", "{}", 415),
        (
            "/runs".to_owned(),
            "application/json",
            "{\"workflow\":\"no-such\"}",
            404,
        ),
        (
            "/runs".to_owned(),
            "application/json",
            "{\"workflow\":\"system-health-check\",\"input\":{\"endpoints\":[]}}",
            422,
        ),
        (
            "/runs".to_owned(),
            "application/json",
            "{\"workflow\":\"system-health-check\",\"input\":7}",
            422,
        ),
        (
            "/runs?wait=soon".to_owned(),
            "application/json",
            "{\"workflow\":\"system-health-check\"}",
            400,
        ),
        (
            format!("/runs/{unknown}/cancel"),
            "application/json",
            "{}",
            404,
        ),
        (
            format!("/gates/{unknown}/decision"),
            "application/json",
            "{\"decision\":\"approve\"}",
            404,
        ),
        (
            format!("/gates/{unknown}/decision"),
            "application/json",
            "{\"decision\":\"maybe\"}",
            400,
        ),
        (
            format!("/gates/{unknown}/decision"),
            "application/json",
            "{\"approved\":true}",
            400,
        ),
        (
            "/workflows".to_owned(),
            "application/json",
            "{\"name\":1}",
            400,
        ),
        ("/workflows".to_owned(), "application/yaml", "a: [", 400),
        ("/no/such".to_owned(), "application/json", "{}", 404),
        (
            "/workflows/validate".to_owned(),
            "application/json",
            "\u{0}",
            400,
        ),
    ] {
        let (status, answer) = post(&path, kind, body).await;
        assert_eq!(status.as_u16(), expected, "{path} {body}: {answer}");
        assert!(
            answer["code"].is_string()
                && answer["detail"].is_string()
                && answer["request_id"].is_string(),
            "{path} {body}: {answer}"
        );
    }
    for path in [
        "/runs?limit=0",
        "/runs?status=odd",
        "/runs?odd=1",
        "/runs?cursor=';--",
        "/gates?limit=9999",
    ] {
        let status = server
            .client
            .get(server.url(path))
            .send()
            .await
            .expect("it answers")
            .status();
        assert!(
            status.is_client_error() || status.is_success(),
            "{path}: {status}"
        );
    }
}

#[tokio::test]
async fn a_held_request_is_answered_when_the_run_ends() {
    let server = Server::start().await;
    let workflow = json!({ "name": "Quick", "steps": [{ "id": "a", "kind": "tool_call", "tool": "util.noop", "with": { "value": 7 } }] });
    let slug = server.create(workflow).await;
    let (_, body) = server
        .post("/runs?wait=10s", json!({ "workflow": slug }))
        .await;
    assert_eq!(
        (&body["status"], &body["output"]),
        (&json!("completed"), &json!({ "value": 7 }))
    );
}

crate::server::also_on_postgres!(
    the_health_check_runs_to_its_report,
    a_rejected_gate_fails_the_run_and_nothing_is_written,
    of_twenty_decisions_at_once_exactly_one_wins,
    a_decision_must_carry_the_hash_of_what_was_shown,
    a_cancelled_run_stays_cancelled_and_the_late_answer_changes_nothing,
    a_failing_call_is_retried_on_the_curve,
    the_same_idempotency_key_gives_the_same_run,
    yaml_is_read_and_an_unknown_field_is_refused_with_its_line,
    malformed_requests_are_the_callers_mistake_and_say_so,
    a_held_request_is_answered_when_the_run_ends,
);
