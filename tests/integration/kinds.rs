//! The kinds that hold others, wait or work elsewhere, as a program meets them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_map_asks_every_endpoint_and_lists_those_that_are_down,
    a_subworkflow_is_a_run_of_its_own,
    what_was_done_is_undone_in_reverse_order,
);

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
    let mut inner = workflow("Inner", json!([stub.put("do", "ok/inner")]), &[]);
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
    server.act(&run, "cancel").await;
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
        let mut step = stub.put(id, &format!("ok/{id}"));
        let url = format!("{}/ok/undo", stub.address);
        step["compensate"] =
            json!({ "tool": "http.request", "with": { "url": url, "method": "PUT", "body": id } });
        step
    };
    let mut last = stub.put("c", "flaky/99/c");
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
    let (status, problem) = server.act(&run, "retry").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("undone"))
    );
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

#[tokio::test]
async fn no_more_items_are_under_way_than_the_map_allows_and_one_that_fails_stops_the_others() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let each = |id: &str, over: Value, body: Value| json!({ "id": id, "kind": "map", "over": over, "max_parallel": 2, "body": { "steps": [body] } });
    let four = each(
        "four",
        json!([1, 2, 3, 4]),
        stub.put("ask", "slow/100/four"),
    );
    server.create(workflow("Four", json!([four]), &[])).await;
    let run = server.start_run("four", json!({})).await;
    server.until_run(&run, "completed").await;
    assert_eq!((stub.calls("four"), stub.most_at_once("four")), (4, 2));

    let ways = json!(["flaky/99/bad", "slow/60000/long", "ok/never"]);
    let mut ask = stub.get("ask", "");
    ask["with"]["url"] = json!(format!("='{}/' + item", stub.address));
    let strict = each("strict", ways, ask);
    server
        .create(workflow("Strict", json!([strict]), &[]))
        .await;
    let run = server.start_run("strict", json!({})).await;
    server.until_run(&run, "failed").await;
    assert_eq!(server.step(&run, "strict.0.ask").await["status"], "failed");
    assert_eq!(
        server.step(&run, "strict.1.ask").await["status"],
        "cancelled"
    );
    assert_eq!(stub.calls("never"), 0);
}

#[tokio::test]
async fn a_loop_that_never_gets_there_fails_after_its_last_round() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let again = json!({
        "id": "again", "kind": "loop", "until": "ask.status == 418", "max_iterations": 3,
        "body": { "steps": [stub.put("ask", "ok/round")] },
    });
    server.create(workflow("Vain", json!([again]), &[])).await;
    let run = server.start_run("vain", json!({})).await;
    server.until_run(&run, "failed").await;
    let error = server.step(&run, "again").await["error"].clone();
    assert_eq!(error["code"], "iterations_exhausted", "{error}");
    assert_eq!(stub.calls("round"), 3);
}

/// A map holds a loop, which holds a pause, another run, a job outside and a question.
#[tokio::test]
async fn every_kind_is_done_inside_the_others() {
    let server = Server::start().await;
    let inner = json!([{ "id": "twice", "kind": "map", "over": [1, 2], "body": { "steps": [
        { "id": "double", "kind": "transform", "set": { "n": "=item * 2" } },
    ] } }]);
    server.create(workflow("Inner", inner, &[])).await;
    let body = json!({
        "steps": [
            { "id": "pause", "kind": "wait", "for_ms": 20 },
            { "id": "sub", "kind": "subworkflow", "workflow": "inner" },
            { "id": "job", "kind": "external", "timeout_ms": 60_000 },
            { "id": "ask", "kind": "human_gate" },
        ],
        "edges": [
            { "from": "pause", "to": "sub" }, { "from": "sub", "to": "job" }, { "from": "job", "to": "ask" },
        ],
    });
    let rounds = json!({ "id": "rounds", "kind": "loop", "until": "index == 1", "body": body });
    let hosts =
        json!({ "id": "hosts", "kind": "map", "over": ["a", "b"], "body": { "steps": [rounds] } });
    server.create(workflow("Nested", json!([hosts]), &[])).await;
    let run = server.start_run("nested", json!({})).await;
    for round in 0..2 {
        for host in 0..2 {
            let inside = format!("hosts.{host}.rounds.{round}");
            server
                .until_step(&run, &format!("{inside}.job"), "waiting_for_external")
                .await;
            let path = format!("/runs/{run}/steps/{inside}.job/result");
            let done = json!({ "outcome": "succeeded", "output": host });
            let (status, body) = server.post(&path, done).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            server
                .until_step(&run, &format!("{inside}.ask"), "waiting_for_approval")
                .await;
            let gate = server.gate(&run).await;
            assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
        }
    }
    server.until_run(&run, "completed").await;
    let rounds = server.step(&run, "hosts.1.rounds").await;
    assert_eq!(rounds["output"]["iterations"], 2);
    let children = server.get("/runs?workflow=inner").await;
    assert_eq!(children["items"].as_array().map(Vec::len), Some(4));
}
