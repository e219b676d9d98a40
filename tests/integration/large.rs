//! Large values: who watches a run gets stand-ins, and whoever asks gets the value.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, answer};

crate::server::also_on_postgres!(a_large_value_is_kept_apart_from_its_event_and_survives_a_kill,);

fn workflow() -> Value {
    json!({
        "name": "Pages",
        "inputs": { "type": "object" },
        "steps": [
            { "id": "copy", "kind": "transform", "set": { "status": 200, "body": "$input.body" } },
            { "id": "ask", "kind": "human_gate", "message": "Go on?" },
            { "id": "last", "kind": "transform", "set": { "size": "=size(copy.body)" } },
        ],
        "edges": [{ "from": "copy", "to": "ask" }, { "from": "ask", "to": "last" }],
    })
}

#[tokio::test]
async fn a_large_value_is_kept_apart_from_its_event_and_survives_a_kill() {
    let mut server = Server::start().await;
    server.create(workflow()).await;
    let body = "<script>alert('ü')</script>".repeat(20_000);
    let run = server.start_run("pages", json!({ "body": body })).await;
    server.until_run(&run, "waiting").await;
    server.kill_and_restart().await;
    let events = server.events(&run).await;
    let said: usize = events.iter().map(|event| event.to_string().len()).sum();
    assert!(said < 5_000, "{said} bytes of events");
    let completed = |event: &&Value| event["step"] == "copy" && event["kind"] == "step_completed";
    let output = &events.iter().find(completed).expect("it is there")["output"];
    assert_eq!(output["status"], 200);
    let place = &output["body"]["$large"];
    assert_eq!(place["run"], run);
    assert_eq!(place["at"], "/output/body");
    assert_eq!(place["bytes"], body.len() + 2);

    let ask = |event: String, at: &'static str| {
        let at = at.replace('/', "%2F");
        let url = server.url(&format!("/runs/{run}/events/{event}/value?at={at}"));
        let request = server.client.get(url).send();
        async move { request.await.expect("the server answers") }
    };
    let event = place["event"].to_string();
    let response = ask(event.clone(), "/output/body").await;
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str();
    assert!(policy.is_ok_and(|policy| policy.contains("sandbox")));
    assert_eq!(answer(response).await, (StatusCode::OK, json!(body)));
    for (event, at, status) in [
        ("999", "/output/body", StatusCode::NOT_FOUND),
        ("0", "/output/body", StatusCode::NOT_FOUND),
        (event.as_str(), "/output/nothing", StatusCode::NOT_FOUND),
        (event.as_str(), "output", StatusCode::NOT_FOUND),
        ("x", "/output", StatusCode::NOT_FOUND),
    ] {
        let refused = ask(event.to_owned(), at).await;
        assert_eq!(refused.status(), status, "{event} {at}");
    }

    // Whoever decides, and whoever asks for the run or its steps, has all of it.
    let gate = server.gate(&run).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    let size = server.step(&run, "last").await["output"]["size"].clone();
    assert_eq!(size, body.chars().count());
    let copy = server.step(&run, "copy").await;
    assert_eq!(copy["output"]["body"], json!(body));
    assert_eq!(server.run(&run).await["input"]["body"], json!(body));
}

#[tokio::test]
async fn a_page_of_a_run_carries_no_large_values() {
    let server = Server::start().await;
    server.create(workflow()).await;
    let body = "x".repeat(900_000);
    let run = server.start_run("pages", json!({ "body": body })).await;
    server.until_run(&run, "waiting").await;
    let page = format!("{}/runs/{run}", server.address);
    let page = server.client.get(page).send().await.expect("it answers");
    let html = page.text().await.expect("text");
    assert!(html.len() < 100_000, "{} bytes", html.len());
    assert!(html.contains("of data, not shown here"), "{html}");
}
