//! The kinds that hold others, wait or work elsewhere, and what people do to runs, as a program meets them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, now};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_map_asks_every_endpoint_and_lists_those_that_are_down,
    a_subworkflow_is_a_run_of_its_own,
    what_was_done_is_undone_in_reverse_order,
    a_failed_run_is_retried_and_keeps_what_was_done,
);

fn call(id: &str, stub: &Stub, way: &str) -> Value {
    let url = format!("{}/{way}", stub.address);
    json!({ "id": id, "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": "PUT" } })
}

fn workflow(name: &str, steps: Value, edges: &[(&str, &str)]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    json!({ "name": name, "steps": steps, "edges": edges })
}

async fn act(server: &Server, run: &str, act: &str) -> (StatusCode, Value) {
    server.post(&format!("/runs/{run}/{act}"), json!({})).await
}

#[tokio::test]
async fn a_map_asks_every_endpoint_and_lists_those_that_are_down() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let endpoints = json!([
        format!("{}/ok/one", stub.address),
        "http://127.0.0.1:9/",
        format!("{}/ok/two", stub.address),
    ]);
    let run = server
        .start_run("endpoint-survey", json!({ "endpoints": endpoints }))
        .await;
    let output = server.until_run(&run, "completed").await["output"].clone();
    assert_eq!(output["asked"], 3);
    assert_eq!(output["up"].as_array().map(Vec::len), Some(2));
    assert_eq!(output["down"][0]["endpoint"], "http://127.0.0.1:9/");
    let asked = server.step(&run, "survey.1.ask").await;
    assert_eq!(asked["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(server.step(&run, "survey").await["output"]["failed"], 1);
}

#[tokio::test]
async fn a_loop_goes_round_until_it_is_healthy_and_a_wait_asks_again() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let body = json!({ "steps": [{
        "id": "ask", "kind": "tool_call", "tool": "http.request", "on_error": "continue",
        "with": { "url": format!("{}/flaky/2/a", stub.address) },
    }] });
    let again = json!({
        "id": "again", "kind": "loop", "until": "has(ask.status) && ask.status == 200", "every_ms": 50, "body": body,
    });
    let wait = json!({
        "id": "until_up", "kind": "wait", "tool": "http.request", "every_ms": 100,
        "with": { "url": format!("{}/flaky/3/b", stub.address) }, "until": "result.status == 200",
    });
    let pause = json!({ "id": "pause", "kind": "wait", "for_ms": 50 });
    let slug = server
        .create(workflow(
            "Patient",
            json!([again, wait, pause]),
            &[("again", "until_up"), ("until_up", "pause")],
        ))
        .await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_run(&run, "completed").await;
    assert_eq!(server.step(&run, "again").await["output"]["iterations"], 3);
    assert_eq!((stub.calls("a"), stub.calls("b")), (3, 4));
    let template = server
        .start_run("wait-until-healthy", json!({ "settle_seconds": 0 }))
        .await;
    server.until_run(&template, "completed").await;
}

#[tokio::test]
async fn a_subworkflow_is_a_run_of_its_own() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut inner = workflow("Inner", json!([call("do", &stub, "ok/inner")]), &[]);
    inner["inputs"] = json!({ "type": "object", "required": ["x"], "properties": { "x": { "type": "integer" } } });
    server.create(inner).await;
    let sub = |with: Value| json!({ "id": "sub", "kind": "subworkflow", "workflow": "inner", "with": with });
    let (status, created) = server
        .post(
            "/workflows",
            workflow("Outer", json!([sub(json!({ "x": 5 }))]), &[]),
        )
        .await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    assert_eq!(
        created["definition"]["steps"][0]["version"], 1,
        "it is pinned"
    );
    let run = server.start_run("outer", json!({})).await;
    let ended = server.until_run(&run, "completed").await;
    assert_eq!(ended["output"]["status"], 200);
    let attempt = server.step(&run, "sub").await["attempts"][0].clone();
    let child = attempt["by"]["run_id"].as_str().expect("a run").to_owned();
    let child = server.run(&child).await;
    assert_eq!(child["origin"]["run_id"], json!(run));
    assert_eq!(child["input"], json!({ "x": 5 }));
    assert_eq!(stub.calls("inner"), 1);

    let wrong = workflow("Wrong", json!([sub(json!({ "x": "five" }))]), &[]);
    server.create(wrong).await;
    let run = server.start_run("wrong", json!({})).await;
    server.until_run(&run, "failed").await;
    assert_eq!(
        server.step(&run, "sub").await["error"]["code"],
        "invalid_input"
    );

    let missing = json!([{ "id": "sub", "kind": "subworkflow", "workflow": "nobody" }]);
    let (status, problem) = server
        .post("/workflows", workflow("Missing", missing, &[]))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["code"], "unknown_workflow");
}

#[tokio::test]
async fn cancelling_a_run_cancels_the_runs_it_started() {
    let server = Server::start().await;
    let inner = workflow("Inner", json!([{ "id": "ask", "kind": "human_gate" }]), &[]);
    server.create(inner).await;
    let sub = json!([{ "id": "sub", "kind": "subworkflow", "workflow": "inner" }]);
    server.create(workflow("Outer", sub, &[])).await;
    let run = server.start_run("outer", json!({})).await;
    let sub = server.until_step(&run, "sub", "in_progress").await;
    let child = sub["attempts"][0]["by"]["run_id"]
        .as_str()
        .expect("a run")
        .to_owned();
    server.gate(&child).await;
    act(&server, &run, "cancel").await;
    server.until_run(&run, "cancelled").await;
    server.until_run(&child, "cancelled").await;
}

#[tokio::test]
async fn somebody_outside_reports_an_external_step() {
    let server = Server::start().await;
    let job = json!([{ "id": "job", "kind": "external", "timeout_ms": 60_000 }]);
    server.create(workflow("Job", job, &[])).await;
    let run = server.start_run("job", json!({})).await;
    let step = format!("/runs/{run}/steps/job");
    let progress = json!({ "percent": 40, "doing": "row 4 of 10" });
    assert_eq!(
        server.post(&format!("{step}/progress"), progress).await.0,
        StatusCode::OK
    );
    assert_eq!(server.step(&run, "job").await["percent"], 40);
    assert_eq!(server.run(&run).await["status"], "waiting");
    let (status, _) = server
        .post(&format!("{step}/progress"), json!({ "percent": 101 }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let done = json!({ "outcome": "succeeded", "output": { "rows": 10 } });
    assert_eq!(
        server.post(&format!("{step}/result"), done.clone()).await.0,
        StatusCode::OK
    );
    assert_eq!(server.run(&run).await["output"], json!({ "rows": 10 }));
    let (status, late) = server.post(&format!("{step}/result"), done).await;
    assert_eq!(
        (status, &late["code"]),
        (StatusCode::CONFLICT, &json!("run_ended"))
    );
}

#[tokio::test]
async fn what_was_done_is_undone_in_reverse_order() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let undoable = |id: &str| {
        let mut step = call(id, &stub, &format!("ok/{id}"));
        let url = format!("{}/ok/undo", stub.address);
        step["compensate"] =
            json!({ "tool": "http.request", "with": { "url": url, "method": "PUT", "body": id } });
        step
    };
    let mut last = call("c", &stub, "flaky/99/c");
    last["on_error"] = json!("compensate");
    let steps = json!([undoable("a"), undoable("b"), last]);
    server
        .create(workflow("Saga", steps, &[("a", "b"), ("b", "c")]))
        .await;
    let run = server.start_run("saga", json!({})).await;
    let ended = server.until_run(&run, "failed").await;
    let message = ended["message"].as_str().expect("a sentence");
    assert!(message.ends_with("was undone (2 steps)."), "{message}");
    assert_eq!(stub.calls("undo"), 2);
    let begun = |step: Value| step["started_at"].as_str().expect("it began").to_owned();
    let first = begun(server.step(&run, "b.undo").await);
    assert!(first <= begun(server.step(&run, "a.undo").await));
    let (status, problem) = act(&server, &run, "retry").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("undone"))
    );
}

#[tokio::test]
async fn a_paused_run_starts_nothing_until_it_is_resumed() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([call("a", &stub, "slow/300/a"), call("b", &stub, "ok/b")]);
    server.create(workflow("Held", steps, &[("a", "b")])).await;
    let run = server.start_run("held", json!({})).await;
    assert_eq!(act(&server, &run, "pause").await.0, StatusCode::OK);
    let (status, again) = act(&server, &run, "pause").await;
    assert_eq!(
        (status, &again["code"]),
        (StatusCode::CONFLICT, &json!("already_paused"))
    );
    server.until_run(&run, "paused").await;
    assert_eq!(server.step(&run, "a").await["status"], "completed");
    assert_eq!(stub.calls("b"), 0);
    assert_eq!(act(&server, &run, "resume").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!(act(&server, &run, "resume").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_failed_run_is_retried_and_keeps_what_was_done() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([call("a", &stub, "ok/a"), call("b", &stub, "flaky/1/b")]);
    server.create(workflow("Twice", steps, &[("a", "b")])).await;
    let run = server.start_run("twice", json!({})).await;
    server.until_run(&run, "failed").await;
    assert_eq!(act(&server, &run, "retry").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!((stub.calls("a"), stub.calls("b")), (1, 2));
    let (status, problem) = act(&server, &run, "retry").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("not_failed"))
    );
}

#[tokio::test]
async fn a_failed_step_is_skipped_by_hand_with_a_reason() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let steps = json!([call("a", &stub, "flaky/99/a"), call("b", &stub, "ok/b")]);
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
    let steps = |way: &str| json!([call("a", &stub, "ok/a"), call("b", &stub, way)]);
    let edges = &[("a", "b")];
    let slug = server
        .create(workflow("Forked", steps("flaky/99/b"), edges))
        .await;
    let run = server.start_run(&slug, json!({})).await;
    server.until_run(&run, "failed").await;

    let (status, again) = act(&server, &run, "again").await;
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
async fn runs_and_calls_wait_for_their_turn() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut step = call("a", &stub, "slow/100/a");
    step["concurrency"] = json!({ "max": 1, "key": "db" });
    server.create(workflow("Calls", json!([step]), &[])).await;
    let mut single = workflow("Runs", json!([call("a", &stub, "slow/100/b")]), &[]);
    single["concurrency"] = json!({ "max": 1 });
    server.create(single).await;
    for slug in ["calls", "runs"] {
        let started = now();
        let mut runs = Vec::new();
        for _ in 0..4 {
            runs.push(server.start_run(slug, json!({})).await);
        }
        for run in &runs {
            server.until_run(run, "completed").await;
        }
        // Four calls of a tenth of a second each, one after the other, whatever the machine.
        assert!(started.elapsed().as_millis() >= 400, "{slug}");
    }
}

#[tokio::test]
async fn a_long_step_that_is_cancelled_ends_within_the_grace_time() {
    let server = Server::start().await;
    let sleep = json!([{ "id": "long", "kind": "tool_call", "tool": "util.sleep", "with": { "ms": 10_000 } }]);
    server.create(workflow("Long", sleep, &[])).await;
    let run = server.start_run("long", json!({})).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    act(&server, &run, "cancel").await;
    let started = now();
    let ended = server.until_run(&run, "cancelled").await;
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(ended["reason"], "cancelled_by_user");
    assert_eq!(server.step(&run, "long").await["status"], "cancelled");
}

#[tokio::test]
async fn the_rehearsed_deploy_succeeds_and_is_undone() {
    let server = Server::start().await;
    let run = server.start_run("deploy-rehearsal", json!({})).await;
    assert_eq!(
        server.until_run(&run, "completed").await["output"]["hosts"],
        2
    );
    let dead = json!({ "version": "v3", "health_url": "http://127.0.0.1:9/" });
    let run = server.start_run("deploy-rehearsal", dead).await;
    let ended = server.until_run(&run, "failed").await;
    let message = ended["message"].as_str().expect("a sentence");
    assert!(message.ends_with("was undone (3 steps)."), "{message}");
    let undone = server.step(&run, "rollout.1.switch.undo").await;
    assert_eq!(
        undone["output"]["value"],
        json!({ "host": "web-2", "now": "v1" })
    );
}
