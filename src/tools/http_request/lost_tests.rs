//! Answers that never come or break off: which of them leave the outcome unknown, and which are failures.

use super::tests::tool;
use super::*;
use crate::tools::testing::{call, run, serve, serve_raw};
use axum::Router;
use axum::routing::any;
use serde_json::json;
use std::io::Write;
use tokio::sync::Notify;

#[tokio::test]
async fn a_connection_cut_before_or_within_the_answer_leaves_a_post_unknown_and_fails_a_read() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
    ] {
        for (method, unknown) in [
            ("POST", true),
            ("PATCH", true),
            ("PUT", false),
            ("GET", false),
        ] {
            let cut = serve_raw(move |stream| {
                let _ = stream.write_all(answer.as_bytes());
            });
            let input =
                json!({ "url": format!("http://{cut}/pay?token=secret"), "method": method });
            match run(&tool(), input).await {
                ToolOutcome::Unknown(sentence) if unknown => {
                    assert!(
                        sentence.contains("was sent, but its answer is lost"),
                        "{sentence}"
                    );
                    assert!(!sentence.contains("secret"), "{sentence}");
                }
                ToolOutcome::Failed(error) if !unknown => {
                    assert_eq!(error.code, "connection_lost");
                }
                other => panic!("{method} after {answer:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_time_limit_leaves_a_sent_post_unknown_and_fails_a_read() {
    for (method, unknown) in [("POST", true), ("GET", false)] {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let silent = serve_raw(move |_| {
            let _ = held.recv();
        });
        let input =
            json!({ "url": format!("http://{silent}/"), "method": method, "timeout_ms": 100 });
        match run(&tool(), input).await {
            ToolOutcome::Unknown(sentence) if unknown => assert!(sentence.contains("timeout")),
            ToolOutcome::Failed(error) if !unknown => assert_eq!(error.code, "timeout"),
            other => panic!("{method}: {other:?}"),
        }
        drop(release);
    }
}

#[tokio::test]
async fn a_cancel_stops_a_waiting_request_at_once() {
    let arrived = Arc::new(Notify::new());
    let seen = Arc::clone(&arrived);
    let silent = any(move || {
        seen.notify_one();
        std::future::pending::<()>()
    });
    let url = format!("http://{}/", serve(Router::new().route("/", silent)).await);
    for (method, unknown) in [("GET", false), ("POST", true)] {
        let call = call(json!({ "url": url, "method": method }));
        let cancel = call.cancel.clone();
        let tool = tool();
        let (outcome, ()) = tokio::join!(tool.call(call), async {
            arrived.notified().await;
            cancel.cancel();
        });
        match outcome {
            ToolOutcome::Failed(error) if !unknown => assert_eq!(error.code, "cancelled"),
            ToolOutcome::Unknown(_) if unknown => {}
            other => panic!("{method}: {other:?}"),
        }
    }
}
