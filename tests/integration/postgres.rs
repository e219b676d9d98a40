//! What only a database on a server of its own can do to us: two of ours on one of its, and none of its for ours.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;

use crate::crash;
use crate::postgres_server::PostgresServer;
use crate::server::{PATIENCE, Server, answer, command, now};
use crate::stub::Stub;

/// Long enough that a busy machine does not miss three renewals.
const LONG_LEASE_MS: u64 = 6_000;
/// Short enough to wait for.
const SHORT_LEASE_MS: u64 = 1_000;

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_has_stopped() {
    let database = PostgresServer::shared().new_database();
    let mut first = Server::on(&database, LONG_LEASE_MS).await;
    let refused = command(&database, LONG_LEASE_MS)
        .args(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    let holder = format!("another Signalbox, process {} on ", first.process_id());
    assert!(
        !refused.status.success() && refused.stdout.is_empty(),
        "{said}"
    );
    assert!(said.contains(&holder) && said.contains("until 2"), "{said}");

    let run = first.start_run("system-health-check", json!({})).await;
    let gate_or_end = first.run(&run).await;
    assert!(gate_or_end["status"].is_string());
    first.signal("TERM");
    assert!(first.ended().await.success());
    let stopped_at = now();
    let second = Server::on(&database, LONG_LEASE_MS).await;
    let waited = stopped_at.elapsed();
    assert!(
        waited < Duration::from_millis(LONG_LEASE_MS),
        "{waited:?}: the lease was given back"
    );
    assert_eq!(second.run(&run).await["run_id"], json!(run));
}

/// A call that nothing may repeat, and that takes as long as the test.
fn order(stub: &Stub) -> Value {
    let url = format!("{}/slow/60000/order", stub.address);
    json!({ "name": "Order", "steps": [
        { "id": "order", "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": "POST" } }
    ] })
}

#[tokio::test]
async fn a_paused_server_stores_nothing_once_another_has_taken_over() {
    let database = PostgresServer::shared().new_database();
    let stub = Stub::start().await;
    let mut paused = Server::on(&database, SHORT_LEASE_MS).await;
    let ordering = paused.create(order(&stub)).await;
    let ordered = paused.start_run(&ordering, json!({})).await;
    while stub.calls("order") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let slug = paused.create(crash::workflow(&stub)).await;
    let run = paused.start_run(&slug, json!({})).await;
    paused.until_step(&run, "s2", "completed").await;
    paused.signal("STOP");

    let next = Server::on(&database, SHORT_LEASE_MS).await;
    next.until_step(&ordered, "order", "outcome_unknown").await;
    let gate = next.gate(&run).await;
    let before = (next.events(&run).await, next.events(&ordered).await);
    // Asked while it sleeps: it will find these when it wakes.
    let start = json!({ "workflow": slug, "input": {} });
    let cancel = format!("/runs/{run}/cancel");
    let asked = [("/runs", start), (&cancel, json!({}))].map(|(path, body)| {
        let request = paused.client.post(paused.url(path)).json(&body);
        tokio::spawn(async move { request.send().await })
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    paused.signal("CONT");
    for answer in asked {
        // It may also have gone before it could say so.
        if let Ok(response) = answer.await.expect("no panic") {
            is_unavailable(response).await;
        }
    }
    assert!(
        !paused.ended().await.success(),
        "it says that it did not end well"
    );

    assert_eq!(
        (next.events(&run).await, next.events(&ordered).await),
        before
    );
    let runs = next.get("/runs").await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(2), "{runs}");
    assert_eq!(stub.calls("order"), 1, "nobody has sent it again");
    assert_eq!(next.decide(&gate, "approve").await.0, StatusCode::OK);
    next.until_run(&run, "completed").await;
    crash::assert_sound(&next.events(&run).await);
}

#[tokio::test]
async fn a_server_outlives_its_database_and_goes_on_when_it_is_back() {
    let postgres = PostgresServer::start();
    let stub = Stub::start().await;
    let server = Server::on(&postgres.new_database(), SHORT_LEASE_MS).await;
    let slug = server.create(crash::workflow(&stub)).await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_step(&run, "s2", "completed").await;
    for round in 0..2 {
        postgres.break_off();
        let start = json!({ "workflow": slug, "input": {} });
        let run_path = server.url(&format!("/runs/{run}"));
        let requests = [
            server.client.get(server.url("/runs")),
            server.client.get(run_path),
            server.client.post(server.url("/runs")).json(&start),
        ];
        for request in requests {
            is_unavailable(request.send().await.expect("it answers")).await;
        }
        assert_eq!(server.get("/health").await["status"], "ok");
        // Longer than the lease: nobody else was there to take it.
        tokio::time::sleep(Duration::from_millis(SHORT_LEASE_MS * 3 / 2)).await;
        postgres.start_again();
        let back_at = now();
        while server
            .client
            .get(server.url("/runs"))
            .send()
            .await
            .expect("it answers")
            .status()
            != StatusCode::OK
        {
            let away = back_at.elapsed();
            assert!(
                away < Duration::from_secs(10),
                "round {round}: still away after {away:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let gate = server.gate(&run).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    crash::assert_sound(&server.events(&run).await);
    let other = server.start_run(&slug, json!({})).await;
    server.gate(&other).await;
}

/// 503, as a problem that programs can read and that tells nothing of the inside.
async fn is_unavailable(response: Response) {
    let kind = response.headers()["content-type"].clone();
    let (status, problem) = answer(response).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    assert_eq!(kind, "application/problem+json");
    let code = problem["code"].as_str().expect("a code");
    assert!(
        [
            "database_unavailable",
            "database_in_doubt",
            "lease_lost",
            "stopping"
        ]
        .contains(&code),
        "{problem}"
    );
    assert!(problem["request_id"].is_string(), "{problem}");
}

#[tokio::test]
async fn a_password_is_shown_nowhere() {
    let good = PostgresServer::shared().new_database();
    let good = good.replace("signalbox@", "signalbox:geheim@");
    for (database, ends, expected) in [
        (
            good.as_str(),
            false,
            "database=postgres://signalbox@localhost/",
        ),
        (
            "postgres://me:geheim@127.0.0.1:1/box",
            true,
            "postgres://me@127.0.0.1:1/box cannot be used",
        ),
        (
            "postgres://me@127.0.0.1:1/box?password=geheim",
            true,
            "cannot be used",
        ),
        ("postgres://me:geheim", true, "cannot be used"),
        (
            "postgres://me:geheim@127.0.0.1:none/box",
            true,
            "cannot be used",
        ),
        (
            "postgre://me:geheim@127.0.0.1/box",
            true,
            "write sqlite:PATH",
        ),
    ] {
        // Not a pipe: what it says is more than one holds, and read only once it has ended.
        let log = tempfile::NamedTempFile::new().expect("a file can be made");
        let mut process = command(database, SHORT_LEASE_MS)
            .args(["--listen", "127.0.0.1:0", "--log", "debug"])
            .stderr(log.reopen().expect("it can be opened"))
            .spawn()
            .expect("it starts");
        let read = || std::fs::read_to_string(log.path()).expect("the log is text");
        if !ends {
            let started = now();
            // It is the last thing that a server says before it serves.
            while !read().contains(expected) && started.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            process.kill().expect("it runs");
        }
        let status = process.wait().expect("it has ended");
        let said = read();
        assert!(said.contains(expected), "{database}: {said}");
        assert!(!said.contains("geheim"), "{database}: {said}");
        assert_eq!(status.code(), ends.then_some(1), "{database}: {said}");
    }
}
