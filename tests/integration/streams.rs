//! The live streams: nothing missing, nothing twice, wherever the line is cut.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

use crate::server::Server;
use crate::sse::read_sse;
use crate::stub::Stub;

fn chain(stub: &Stub, steps: usize) -> Value {
    let url = format!("{}/slow/20/step", stub.address);
    let ids: Vec<String> = (0..steps).map(|number| format!("s{number}")).collect();
    json!({
        "name": "Chain",
        "steps": ids.iter().map(|id| json!({ "id": id, "kind": "tool_call", "tool": "http.request", "with": { "url": url } })).collect::<Vec<_>>(),
        "edges": ids.windows(2).map(|pair| json!({ "from": pair[0], "to": pair[1] })).collect::<Vec<_>>()
    })
}

#[tokio::test]
async fn an_event_stream_that_is_cut_again_and_again_has_no_gap_and_no_repeat() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let run = server
        .start_run(&server.create(chain(&stub, 20)).await, json!({}))
        .await;
    let events = format!("/runs/{run}/events");
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let (news, _) = read_sse(&server, &events, seen.last().copied(), 3).await;
        if news.is_empty() {
            break;
        }
        seen.extend(news);
    }
    let all: Vec<u64> = server
        .events(&run)
        .await
        .iter()
        .map(|event| event["seq"].as_u64().expect("a number"))
        .collect();
    assert_eq!(seen, all);
    assert_eq!(server.run(&run).await["status"], "completed");
}

/// The next message, within a time in which any machine has sent one: the server pings when there is nothing to say.
async fn next_message(
    receiver: &mut (
             impl StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin
         ),
) -> Value {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(20), receiver.next())
            .await
            .expect("in time")
            .expect("open")
            .expect("a frame");
        if let Message::Text(text) = frame {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

#[tokio::test]
async fn the_live_connection_carries_summaries_and_the_events_of_a_run() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let workflow = server.create(chain(&stub, 5)).await;
    let address = server.url("/live").replace("http://", "ws://");
    let (socket, _) = tokio_tungstenite::connect_async(&address)
        .await
        .expect("it upgrades");
    let (mut sender, mut receiver) = socket.split();
    let mut ask = async |request: Value| {
        let message = Message::text(request.to_string());
        sender.send(message).await.expect("it is sent");
    };
    ask(json!({ "type": "subscribe_runs" })).await;
    ask(json!({ "type": "odd" })).await;
    // The refusal of the second says that the first has been read: from here on no change is missed.
    let (mut seqs, mut refused, mut told) = (Vec::new(), 0, Vec::new());
    let (mut run, mut has_ended) = (String::new(), false);
    // Which of the two comes first is open: the end in the run's log, or that in the list.
    while !has_ended || told.last() != Some(&json!("completed")) {
        let message = next_message(&mut receiver).await;
        match message["type"].as_str() {
            Some("events") => {
                for event in message["events"].as_array().expect("a list") {
                    seqs.push(event["seq"].as_u64().expect("a number"));
                    has_ended = event["kind"] == "run_finished";
                }
            }
            Some("runs") => {
                let summaries = message["summaries"].as_array().expect("a list");
                assert_eq!(summaries.len(), 1, "each run once: {message}");
                assert_eq!(summaries[0]["run_id"], json!(run));
                told.push(summaries[0]["status"].clone());
            }
            Some("refused") => {
                refused += 1;
                run = server.start_run(&workflow, json!({})).await;
                ask(json!({ "type": "subscribe_run", "run_id": run, "after": 0 })).await;
            }
            Some("ping") => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(seqs.len(), server.events(&run).await.len());
    assert_eq!(refused, 1);
    assert_eq!(told[0], "running", "it was told of as soon as it changed");
}

#[tokio::test]
async fn a_foreign_page_cannot_open_the_live_connection() {
    let server = Server::start().await;
    let request = |origin: &str| {
        server
            .client
            .get(server.url("/live"))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", origin)
    };
    assert_eq!(
        request("http://attacker.example")
            .send()
            .await
            .expect("it answers")
            .status(),
        403
    );
    assert_eq!(
        request(&server.address)
            .send()
            .await
            .expect("it answers")
            .status(),
        101
    );
}

crate::server::also_on_postgres!(
    an_event_stream_that_is_cut_again_and_again_has_no_gap_and_no_repeat,
    the_live_connection_carries_summaries_and_the_events_of_a_run,
);
