//! Answers that never come or break off: which of them leave the outcome unknown, and which are failures.

use super::tests::tool;
use super::*;
use crate::tools::testing::{call, run, serve, serve_raw};
use axum::Router;
use axum::routing::any;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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

#[tokio::test]
async fn a_read_over_a_connection_that_is_just_being_closed_is_sent_again() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let heard = |stream: &mut TcpStream| stream.read(&mut [0; 4_096]).expect("a request") > 0;
    let server = std::thread::spawn(move || {
        let (mut kept, _) = listener.accept().expect("a caller");
        assert!(heard(&mut kept));
        kept.write_all(ANSWER).expect("it listens");
        // The second request comes over the same connection, and meets its end.
        assert!(heard(&mut kept));
        drop(kept);
        let (mut fresh, _) = listener.accept().expect("it comes again");
        assert!(heard(&mut fresh));
        fresh.write_all(ANSWER).expect("it listens");
    });
    let tool = tool();
    for _ in 0..2 {
        let outcome = run(&tool, json!({ "url": url })).await;
        assert!(matches!(outcome, ToolOutcome::Succeeded(_)), "{outcome:?}");
    }
    server.join().expect("three requests, over two connections");
}
