//! What people do to runs, as a program meets it: cancel, pause, skip, retry, run again, fork.

use reqwest::StatusCode;
use serde_json::json;

use crate::server::{Server, now, workflow};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_failed_run_is_retried_and_keeps_what_was_done,
    a_fork_inside_a_map_or_a_loop_does_only_that_iteration_again,
    a_run_keeps_the_version_it_began_with,
);

#[tokio::test]
async fn a_paused_run_starts_nothing_until_it_is_resumed() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([stub.put("a", "slow/300/a"), stub.put("b", "ok/b")]);
    server.create(workflow("Held", steps, &[("a", "b")])).await;
    let run = server.start_run("held", json!({})).await;
    assert_eq!(server.act(&run, "pause").await.0, StatusCode::OK);
    let (status, again) = server.act(&run, "pause").await;
    assert_eq!(
        (status, &again["code"]),
        (StatusCode::CONFLICT, &json!("already_paused"))
    );
    server.until_run(&run, "paused").await;
    assert_eq!(server.step(&run, "a").await["status"], "completed");
    assert_eq!(stub.calls("b"), 0);
    assert_eq!(server.act(&run, "resume").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!(server.act(&run, "resume").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_failed_run_is_retried_and_keeps_what_was_done() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([stub.put("a", "ok/a"), stub.put("b", "flaky/1/b")]);
    server.create(workflow("Twice", steps, &[("a", "b")])).await;
    let run = server.start_run("twice", json!({})).await;
    server.until_run(&run, "failed").await;
    assert_eq!(server.act(&run, "retry").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!((stub.calls("a"), stub.calls("b")), (1, 2));
    let (status, problem) = server.act(&run, "retry").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("not_failed"))
    );
}

#[tokio::test]
async fn a_failed_step_is_skipped_by_hand_with_a_reason() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([stub.put("a", "flaky/99/a"), stub.put("b", "ok/b")]);
    server
        .create(workflow("Skipped", steps, &[("a", "b")]))
        .await;
    let run = server.start_run("skipped", json!({})).await;
    server.until_run(&run, "failed").await;
    let path = format!("/runs/{run}/steps/a/skip");
    assert_eq!(
        server.post(&path, json!({})).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, _) = server
        .post(&path, json!({ "comment": "not needed today" }))
        .await;
    assert_eq!(status, StatusCode::OK);
    server.until_run(&run, "completed").await;
    let skipped = server.step(&run, "a").await["skipped"].clone();
    assert_eq!(skipped["comment"], "not needed today");
    assert_eq!(stub.calls("b"), 1);
}

#[tokio::test]
async fn a_run_is_started_again_and_forked_also_to_another_version() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = |way: &str| json!([stub.put("a", "ok/a"), stub.put("b", way)]);
    let edges = &[("a", "b")];
    let slug = server
        .create(workflow("Forked", steps("flaky/99/b"), edges))
        .await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_run(&run, "failed").await;

    let (status, again) = server.act(&run, "again").await;
    assert_eq!(status, StatusCode::CREATED);
    let again = again["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(
        server.until_run(&again, "failed").await["origin"]["run_id"],
        json!(run)
    );
    assert_eq!(stub.calls("a"), 2);

    let mended = workflow("Forked", steps("ok/mended"), edges);
    let (status, version) = server
        .post(&format!("/workflows/{slug}/versions"), mended)
        .await;
    assert_eq!((status, &version["version"]), (StatusCode::OK, &json!(2)));
    let fork = json!({ "step": "b", "version": 2 });
    let (status, forked) = server.post(&format!("/runs/{run}/fork"), fork).await;
    assert_eq!(status, StatusCode::CREATED, "{forked}");
    let forked = forked["run_id"].as_str().expect("a run").to_owned();
    let ended = server.until_run(&forked, "completed").await;
    assert_eq!(ended["version"], 2);
    assert_eq!(
        (stub.calls("a"), stub.calls("mended")),
        (2, 1),
        "a was taken over"
    );
    let (status, problem) = server
        .post(&format!("/runs/{run}/fork"), json!({ "step": "nobody" }))
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("not_forked"))
    );
}

#[tokio::test]
async fn a_long_step_that_is_cancelled_ends_within_the_grace_time() {
    let server = Server::start().await;
    let sleep = json!([{ "id": "long", "kind": "tool_call", "tool": "util.sleep", "with": { "ms": 10_000 } }]);
    server.create(workflow("Long", sleep, &[])).await;
    let run = server.start_run("long", json!({})).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    server.act(&run, "cancel").await;
    let started = now();
    let ended = server.until_run(&run, "cancelled").await;
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(ended["reason"], "cancelled_by_user");
    assert_eq!(server.step(&run, "long").await["status"], "cancelled");
}

#[tokio::test]
async fn a_fork_inside_a_map_or_a_loop_does_only_that_iteration_again() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let body = |ask: &str, then: &str| {
        json!({
            "steps": [stub.put(ask, &format!("ok/{ask}")), stub.put(then, &format!("ok/{then}"))],
            "edges": [{ "from": ask, "to": then }],
        })
    };
    let each =
        json!({ "id": "each", "kind": "map", "over": [1, 2, 3], "body": body("fetch", "store") });
    let again = json!({ "id": "again", "kind": "loop", "until": "index == 2", "body": body("ask", "note") });
    let steps = json!([each, again, stub.put("last", "ok/last")]);
    let edges = [("each", "again"), ("again", "last")];
    server.create(workflow("Rounds", steps, &edges)).await;
    let calls = || ["fetch", "store", "ask", "note", "last"].map(|name| stub.calls(name));
    let run = server.start_run("rounds", json!({})).await;
    server.until_run(&run, "completed").await;
    assert_eq!(calls(), [3, 3, 3, 3, 1]);

    let fork = async |step: &str| {
        let body = json!({ "step": step });
        let (status, forked) = server.post(&format!("/runs/{run}/fork"), body).await;
        assert_eq!(status, StatusCode::CREATED, "{forked}");
        let forked = forked["run_id"].as_str().expect("a run").to_owned();
        server.until_run(&forked, "completed").await
    };
    // Of the second item only what comes from there on; then whatever comes after the map.
    let forked = fork("each.1.store").await;
    assert_eq!(calls(), [3, 4, 6, 6, 2]);
    assert_eq!(forked["origin"]["run_id"], json!(run));
    assert_eq!(forked["origin"]["step"], "each.1.store");
    // The second round from its second step on, then the third: it builds on the second.
    fork("again.1.note").await;
    assert_eq!(calls(), [3, 4, 7, 8, 3]);

    for missing in ["each.7.store", "each.1.nobody", "again.1"] {
        let body = json!({ "step": missing });
        let (status, problem) = server.post(&format!("/runs/{run}/fork"), body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("not_forked")),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn a_fork_may_have_another_input() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut document = workflow(
        "Input",
        json!([stub.put("first", "ok/first"), { "id": "echo", "kind": "transform", "set": { "x": "$input.x" } }]),
        &[("first", "echo")],
    );
    document["inputs"] = json!({ "type": "object", "required": ["x"], "properties": { "x": { "type": "integer" } } });
    server.create(document).await;
    let run = server.start_run("input", json!({ "x": 1 })).await;
    server.until_run(&run, "completed").await;
    let path = format!("/runs/{run}/fork");
    let (status, problem) = server
        .post(&path, json!({ "step": "echo", "input": { "x": "one" } }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let (status, forked) = server
        .post(&path, json!({ "step": "echo", "input": { "x": 2 } }))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{forked}");
    let forked = forked["run_id"].as_str().expect("a run").to_owned();
    let ended = server.until_run(&forked, "completed").await;
    assert_eq!(ended["output"], json!({ "x": 2 }));
    assert_eq!(stub.calls("first"), 1, "it was taken over");
}

#[tokio::test]
async fn a_run_keeps_the_version_it_began_with() {
    let mut server = Server::start().await;
    let version = |says: &str| {
        let ask = json!({ "id": "ask", "kind": "human_gate" });
        let say = json!({ "id": "say", "kind": "transform", "set": { "says": says } });
        workflow("Versions", json!([ask, say]), &[("ask", "say")])
    };
    let slug = server.create(version("one")).await;
    let old = server.start_run(&slug, json!({})).await;
    let gate = server.gate(&old).await;
    let path = format!("/workflows/{slug}/versions");
    let (status, made) = server.post(&path, version("two")).await;
    assert_eq!((status, &made["version"]), (StatusCode::OK, &json!(2)));
    // What a version says is never changed: there is no way to.
    for method in [
        reqwest::Method::PUT,
        reqwest::Method::PATCH,
        reqwest::Method::DELETE,
    ] {
        let request = server.client.request(method, server.url(&path));
        let answer = request.json(&version("three")).send().await;
        let status = answer.expect("it answers").status();
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    }
    server.kill_and_restart().await;
    let new = server.start_run(&slug, json!({})).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    let gate = server.gate(&new).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    for (run, number, says) in [(&old, 1, "one"), (&new, 2, "two")] {
        let ended = server.until_run(run, "completed").await;
        assert_eq!(ended["version"], number);
        assert_eq!(ended["output"], json!({ "says": says }));
    }
}
