//! What somebody might send on purpose: it is refused with a reason, and everything else still answers.

use reqwest::StatusCode;
use serde_json::json;

use crate::server::{Server, answer};

#[tokio::test]
async fn a_workflow_cannot_clear_its_own_gate() {
    let server = Server::start().await;
    let decision = json!({
        "id": "clear", "kind": "tool_call", "tool": "http.request",
        "with": {
            "method": "POST",
            "url": format!("={:?} + input.gate + '/decision'", server.url("/gates/")),
            // What an author may write does not help.
            "headers": { "x-signalbox-sent-by": "somebody else" },
            "body": { "decision": "approve", "plan_hash": "$input.hash" }
        }
    });
    let gated = server
        .create(json!({
            "name": "Gated",
            "steps": [{ "id": "agree", "kind": "human_gate" }]
        }))
        .await;
    let clearing = server
        .create(json!({
            "name": "Clearing",
            "inputs": { "type": "object", "properties": {
                "gate": { "type": "string" }, "hash": { "type": "string" }
            } },
            "steps": [decision]
        }))
        .await;
    let waiting = server.start_run(&gated, json!({})).await;
    let gate = server.gate(&waiting).await;
    let input = json!({ "gate": gate["id"], "hash": gate["plan_hash"] });
    let run = server.start_run(&clearing, input).await;
    let failed = server.until_run(&run, "failed").await;
    let why = server.step(&run, "clear").await;
    assert!(
        failed["message"]
            .as_str()
            .is_some_and(|text| text.contains("403")),
        "{failed} {why}"
    );
    assert_eq!(server.run(&waiting).await["status"], "waiting");
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
}

#[tokio::test]
async fn odd_values_are_refused_or_fail_a_step_and_every_page_still_answers() {
    let server = Server::start().await;
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let workflow = server
        .create(json!({
            "name": "Odd",
            "inputs": { "type": "object" },
            "steps": [{ "id": "agree", "kind": "human_gate", "show": ["$input"] }]
        }))
        .await;
    let body = json!({ "workflow": workflow, "input": { "deep": deep } });
    let (status, refused) = server.post("/runs", body).await;
    assert_eq!(
        (status, &refused["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_input")),
        "{refused}"
    );
    let endless = json!({
        "name": "Endless", "timeout_ms": u64::MAX, "steps": [{ "id": "agree", "kind": "human_gate" }]
    });
    let chain = vec!["1"; 1_600].join("+");
    let bomb = json!({
        "name": "Bomb", "steps": [{ "id": "sum", "kind": "transform", "set": { "all": format!("={chain}") } }]
    });
    for workflow in [endless, bomb] {
        let (status, body) = server.post("/workflows", workflow).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    for path in ["/gates", "/runs", "/workflows", "/health"] {
        server.get(path).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_words_and_not_by_a_broken_connection() {
    let server = Server::start().await;
    let huge = "x".repeat(8_000_000);
    // Again and again, because a connection that closes too early breaks only sometimes.
    for _ in 0..20 {
        let response = server
            .client
            .post(server.url("/workflows"))
            .header("content-type", "application/json")
            .body(huge.clone())
            .send()
            .await
            .expect("it answers");
        let (status, problem) = answer(response).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large"))
        );
    }
}

crate::server::also_on_postgres!(
    odd_values_are_refused_or_fail_a_step_and_every_page_still_answers,
);
