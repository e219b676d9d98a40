//! Requests against real servers on this machine, well-behaved ones and others.

use super::*;
use crate::tools::outbound::Policy;
use crate::tools::testing::{assert_fits, dead_address, fail, serve, serve_raw, succeed};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;

pub fn tool() -> HttpRequest {
    HttpRequest::new(Arc::new(Outbound::new(Policy::default())))
}

/// Answers what it was sent.
async fn echo(method: axum::http::Method, headers: HeaderMap, body: String) -> Json<Value> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Json(json!({
        "method": method.as_str(),
        "key": header("idempotency-key"),
        "type": header("content-type"),
        "agent": header("user-agent"),
        "body": body,
    }))
}

async fn server() -> String {
    let redirect = |status: StatusCode, to: &'static str| {
        any(move || async move { (status, [(header::LOCATION, to)]) })
    };
    let routes = Router::new()
        .route("/echo", any(echo))
        .route(
            "/text",
            get(|| async { ([(header::SET_COOKIE, "session=secret")], "plain") }),
        )
        .route(
            "/broken",
            any(|| async { ([(header::CONTENT_TYPE, "application/json")], "{") }),
        )
        .route(
            "/ill",
            any(|| async { (StatusCode::BAD_GATEWAY, Json(json!({ "why": "tired" }))) }),
        )
        .route("/empty", any(|| async { StatusCode::NO_CONTENT }))
        .route(
            "/large",
            any(|| async { "x".repeat(response::RESPONSE_BYTES_MAX + 1) }),
        )
        .route("/moved", redirect(StatusCode::FOUND, "/echo"))
        .route("/kept", redirect(StatusCode::TEMPORARY_REDIRECT, "/echo"))
        .route("/round", redirect(StatusCode::FOUND, "/round"))
        .route(
            "/away",
            redirect(StatusCode::FOUND, "http://127.0.0.1:9/x?token=secret"),
        )
        .route("/file", redirect(StatusCode::FOUND, "file:///etc/passwd"))
        .route(
            "/metadata",
            redirect(StatusCode::FOUND, "http://[::ffff:169.254.169.254]/latest"),
        );
    format!("http://{}", serve(routes).await)
}

#[tokio::test]
async fn a_get_gives_back_json_as_a_value_and_anything_else_as_text() {
    let base = server().await;
    let output = succeed(&tool(), json!({ "url": format!("{base}/echo") })).await;
    assert_eq!(output["body"]["method"], json!("GET"));
    assert_eq!(output["body"]["key"], json!(null), "a read needs no key");
    assert!(
        output["body"]["agent"]
            .as_str()
            .unwrap()
            .starts_with("signalbox/")
    );
    let output = succeed(
        &tool(),
        json!({ "url": format!("{base}/echo"), "as": "text" }),
    )
    .await;
    assert!(output["body"].is_string());
    let output = succeed(&tool(), json!({ "url": format!("{base}/broken") })).await;
    assert_eq!(output["body"], json!("{"));
    let output = succeed(
        &tool(),
        json!({ "url": format!("{base}/empty"), "as": "json" }),
    )
    .await;
    assert_eq!(
        (&output["status"], &output["body"]),
        (&json!(204), &json!(null))
    );
    let error = fail(
        &tool(),
        json!({ "url": format!("{base}/broken"), "as": "json" }),
    )
    .await;
    assert_eq!(error.code, "invalid_response");
}

#[tokio::test]
async fn cookies_stay_out_of_the_output() {
    let output = succeed(
        &tool(),
        json!({ "url": format!("{}/text", server().await) }),
    )
    .await;
    assert_eq!(output["body"], json!("plain"));
    assert!(!output.to_string().contains("secret"), "{output}");
}

#[tokio::test]
async fn a_request_that_changes_something_carries_the_key_unless_the_author_set_one() {
    let url = format!("{}/echo", server().await);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let output = succeed(
            &tool(),
            json!({ "url": url, "method": method, "body": { "a": 1 } }),
        )
        .await;
        assert_eq!(output["body"]["key"], json!("key-of-the-step"), "{method}");
        assert_eq!(output["body"]["body"], json!("{\"a\":1}"));
        assert_eq!(output["body"]["type"], json!("application/json"));
    }
    let headers = json!({ "Idempotency-Key": "mine", "Content-Type": "text/csv" });
    let input = json!({ "url": url, "method": "POST", "headers": headers, "body": "a,b" });
    let output = succeed(&tool(), input).await;
    assert_eq!(output["body"]["key"], json!("mine"));
    assert_eq!(
        (&output["body"]["type"], &output["body"]["body"]),
        (&json!("text/csv"), &json!("a,b"))
    );
}

#[tokio::test]
async fn another_status_than_expected_fails_and_hands_on_what_was_answered() {
    let url = format!("{}/ill", server().await);
    for method in ["GET", "POST"] {
        let error = fail(&tool(), json!({ "url": url, "method": method })).await;
        assert_eq!(error.code, "unexpected_status");
        assert!(
            error.message.contains("answered 502, expected was 200-299"),
            "{}",
            error.message
        );
        let data = error.data.unwrap();
        assert_fits(&tool().spec.output_schema, &data);
        assert_eq!(data["body"]["why"], json!("tired"));
    }
    succeed(
        &tool(),
        json!({ "url": url, "expect_status": [200, "500-599"] }),
    )
    .await;
}

#[tokio::test]
async fn a_dead_port_is_a_definite_failure_even_for_a_post() {
    let url = format!("http://{}/", dead_address());
    let error = fail(&tool(), json!({ "url": url, "method": "POST" })).await;
    assert_eq!(error.code, "connect_failed");
    assert!(
        error.message.starts_with("Nothing was sent"),
        "{}",
        error.message
    );
    assert!(error.message.contains("refused"), "{}", error.message);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_and_a_port_without_tls_are_told_apart() {
    let url = format!("http://{}.invalid/", "a".repeat(64));
    let error = fail(&tool(), json!({ "url": url, "method": "POST" })).await;
    assert_eq!(error.code, "dns_failed", "{}", error.message);
    let url = server().await.replace("http:", "https:");
    let error = fail(&tool(), json!({ "url": url, "method": "POST" })).await;
    assert_eq!(error.code, "tls_failed", "{}", error.message);
}

#[tokio::test]
async fn a_too_large_answer_fails_a_read_and_is_cut_for_a_write() {
    let url = format!("{}/large", server().await);
    let error = fail(&tool(), json!({ "url": url })).await;
    assert_eq!(error.code, "response_too_large");
    assert_fits(&tool().spec.output_schema, &error.data.unwrap());
    let output = succeed(&tool(), json!({ "url": url, "method": "POST" })).await;
    assert_eq!(output["truncated"], json!(true));
    assert_eq!(
        output["body"].as_str().unwrap().len(),
        response::RESPONSE_BYTES_MAX
    );
}

#[tokio::test]
async fn a_body_without_an_end_is_read_no_further_than_the_limit() {
    let server = serve_raw(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        // Ends when the caller hangs up.
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let error = fail(&tool(), json!({ "url": format!("http://{server}/") })).await;
    assert_eq!(error.code, "response_too_large");
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_and_on_the_same_server() {
    let base = server().await;
    let ask = |path: &str, method: &str, follow: bool| {
        let url = format!("{base}{path}");
        json!({ "url": url, "method": method, "follow_redirects": follow, "body": "b" })
    };
    let error = fail(&tool(), ask("/moved", "GET", false)).await;
    assert!(
        error.message.contains("follow_redirects"),
        "{}",
        error.message
    );
    let output = succeed(&tool(), ask("/moved", "POST", true)).await;
    assert_eq!(
        (&output["body"]["method"], &output["body"]["key"]),
        (&json!("GET"), &json!(null))
    );
    let output = succeed(&tool(), ask("/kept", "POST", true)).await;
    assert_eq!(
        (&output["body"]["method"], &output["body"]["body"]),
        (&json!("POST"), &json!("b"))
    );
    let error = fail(&tool(), ask("/away", "GET", true)).await;
    assert_eq!(error.code, "redirect_refused");
    assert!(!error.message.contains("secret"), "{}", error.message);
    assert_eq!(
        fail(&tool(), ask("/metadata", "GET", true)).await.code,
        "address_blocked"
    );
    assert_eq!(
        fail(&tool(), ask("/file", "GET", true)).await.code,
        "redirect_refused"
    );
    assert_eq!(
        fail(&tool(), ask("/round", "GET", true)).await.code,
        "too_many_redirects"
    );
}

#[tokio::test]
async fn a_metadata_address_is_refused_before_anything_is_sent() {
    let error = fail(
        &tool(),
        json!({ "url": "http://2852039166/", "method": "POST" }),
    )
    .await;
    assert_eq!(error.code, "address_blocked");
}

#[tokio::test]
async fn a_request_that_cannot_be_made_is_the_author_s_mistake() {
    for input in [
        json!({ "url": "ftp://example.com/" }),
        json!({ "url": "http://me:secret@127.0.0.1/" }),
        json!({ "url": "http://127.0.0.1/", "method": "get" }),
        json!({ "url": "http://127.0.0.1/", "headers": { "bad name": "x" } }),
        json!({ "url": "http://127.0.0.1/", "headers": { "x": "line\nbreak-secret" } }),
        json!({ "url": "http://127.0.0.1/", "headers": { "Content-Length": "3" } }),
        json!({ "url": "http://127.0.0.1/", "expect_status": ["2xx"] }),
        json!({ "url": "http://127.0.0.1/", "expect": 200 }),
    ] {
        let error = fail(&tool(), input.clone()).await;
        assert_eq!(error.code, "invalid_input", "{input}");
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}
