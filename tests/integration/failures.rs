//! What becomes of a run one of whose steps fails, takes too long, or leaves it open what it did.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};
use crate::stub::Stub;

crate::server::also_on_postgres!(
    a_failed_step_falls_back_and_the_way_without_failure_is_left_out,
    a_run_that_takes_too_long_fails_and_stops_what_it_does,
    an_undo_that_keeps_failing_is_put_to_a_person,
    a_person_says_what_became_of_a_call_nobody_saw_end,
);

/// Attempts that the step has made.
fn attempts(step: &Value) -> usize {
    step["attempts"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_failed_step_falls_back_and_the_way_without_failure_is_left_out() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let document = |name: &str, first: &str| {
        json!({
            "name": name,
            "steps": [
                stub.put("first", first),
                stub.put("usual", "ok/usual"),
                stub.put("instead", "ok/instead"),
                { "id": "met", "kind": "join", "rule": "none_failed_min_one_success" },
                { "id": "why", "kind": "transform", "set": { "failed": "=has(first.error) ? first.error.code : ''" } },
            ],
            "edges": [
                { "from": "first", "to": "usual" },
                { "from": "first", "to": "instead", "on": "failed" },
                { "from": "usual", "to": "met" },
                { "from": "instead", "to": "met" },
                { "from": "met", "to": "why" },
            ],
        })
    };
    server.create(document("Broken", "flaky/99/first")).await;
    let run = server.start_run("broken", json!({})).await;
    let ended = server.until_run(&run, "completed").await;
    assert_eq!(ended["output"], json!({ "failed": "unexpected_status" }));
    assert_eq!(server.step(&run, "first").await["status"], "failed");
    assert_eq!(server.step(&run, "usual").await["status"], "skipped");
    assert_eq!((stub.calls("usual"), stub.calls("instead")), (0, 1));

    server.create(document("Sound", "ok/first")).await;
    let run = server.start_run("sound", json!({})).await;
    let ended = server.until_run(&run, "completed").await;
    assert_eq!(ended["output"], json!({ "failed": "" }));
    assert_eq!(server.step(&run, "instead").await["status"], "skipped");
    assert_eq!((stub.calls("usual"), stub.calls("instead")), (1, 1));
}

#[tokio::test]
async fn a_run_goes_on_past_a_step_that_may_fail_and_skips_what_needs_it() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut weak = stub.put("weak", "flaky/99/weak");
    weak["on_error"] = json!("continue");
    let steps = json!([
        { "id": "both", "kind": "parallel" }, weak, stub.put("needs_it", "ok/needs_it"), stub.put("beside", "ok/beside"),
        { "id": "all", "kind": "join", "rule": "all_done" },
        { "id": "last", "kind": "transform", "set": { "weak": "$weak.error.code" } },
    ]);
    let edges = [
        ("both", "weak"),
        ("both", "beside"),
        ("weak", "needs_it"),
        ("needs_it", "all"),
        ("beside", "all"),
        ("all", "last"),
    ];
    server.create(workflow("Weak", steps, &edges)).await;
    let run = server.start_run("weak", json!({})).await;
    let ended = server.until_run(&run, "completed").await;
    assert_eq!(ended["output"], json!({ "weak": "unexpected_status" }));
    assert_eq!(server.step(&run, "needs_it").await["status"], "skipped");
    assert_eq!((stub.calls("needs_it"), stub.calls("beside")), (0, 1));
}

#[tokio::test]
async fn an_error_that_no_try_can_mend_is_not_tried_again() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let retried = |id: &str, no_retry: Value| {
        let mut step = stub.put(id, &format!("flaky/99/{id}"));
        step["retry"] =
            json!({ "max_attempts": 3, "base_ms": 1, "cap_ms": 1, "no_retry": no_retry });
        step
    };
    for (id, no_retry, tries) in [
        ("final", json!(["unexpected_status"]), 1),
        ("other", json!(["timeout"]), 3),
    ] {
        let steps = json!([retried(id, no_retry)]);
        server.create(workflow(id, steps, &[])).await;
        let run = server.start_run(id, json!({})).await;
        server.until_run(&run, "failed").await;
        assert_eq!(stub.calls(id), tries, "{id}");
        assert_eq!(attempts(&server.step(&run, id).await), tries, "{id}");
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped_and_tried_again() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let mut step = stub.get("ask", "slow/60000/ask");
    step["timeout_ms"] = json!(150);
    step["retry"] = json!({ "max_attempts": 2, "base_ms": 1, "cap_ms": 1 });
    server.create(workflow("Slow", json!([step]), &[])).await;
    let run = server.start_run("slow", json!({})).await;
    let ended = server.until_run(&run, "failed").await;
    assert_eq!(ended["reason"], "timeout");
    let step = server.step(&run, "ask").await;
    assert_eq!((attempts(&step), stub.calls("ask")), (2, 2));
    assert_eq!(step["error"]["code"], "timeout");
    let message = step["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("150 ms"), "{message}");
}

#[tokio::test]
async fn a_run_that_takes_too_long_fails_and_stops_what_it_does() {
    let mut server = Server::start().await;
    let sleep = json!([{ "id": "long", "kind": "tool_call", "tool": "util.sleep", "with": { "ms": 60_000 } },
        { "id": "after", "kind": "tool_call", "tool": "util.noop" }]);
    let mut document = workflow("Long", sleep, &[("long", "after")]);
    document["timeout_ms"] = json!(1_500);
    server.create(document).await;
    let run = server.start_run("long", json!({})).await;
    // The time goes on while no server is there.
    server.until_step(&run, "long", "in_progress").await;
    server.kill_and_restart().await;
    let ended = server.until_run(&run, "failed").await;
    assert_eq!(ended["reason"], "timeout");
    assert_eq!(ended["message"], "The run was not finished within 1500 ms.");
    assert_eq!(server.step(&run, "long").await["status"], "cancelled");
    assert_eq!(server.step(&run, "after").await["status"], "skipped");
    let (status, problem) = server.act(&run, "cancel").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("run_ended"))
    );
}

/// A step that is undone there when the one after it has failed.
fn undoable(stub: &Stub, undo: &str) -> Value {
    let mut first = stub.put("first", "ok/first");
    first["compensate"] = json!({
        "tool": "http.request",
        "with": { "url": format!("{}/{undo}", stub.address), "method": "PUT" },
        "retry": { "max_attempts": 2, "base_ms": 1, "cap_ms": 1 },
    });
    let mut last = stub.put("last", "flaky/99/last");
    last["on_error"] = json!("compensate");
    workflow(undo, json!([first, last]), &[("first", "last")])
}

#[tokio::test]
async fn an_undo_that_fails_is_tried_again() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let slug = server.create(undoable(&stub, "flaky/1/undo")).await;
    let run = server.start_run(&slug, json!({})).await;
    let ended = server.until_run(&run, "failed").await;
    let message = ended["message"].as_str().expect("a sentence");
    assert!(message.ends_with("was undone (1 step)."), "{message}");
    assert_eq!(stub.calls("undo"), 2);
}

#[tokio::test]
async fn an_undo_that_keeps_failing_is_put_to_a_person() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let slug = server.create(undoable(&stub, "flaky/2/undo")).await;
    let asked = async || {
        let run = server.start_run(&slug, json!({})).await;
        server
            .until_step(&run, "first.undo", "outcome_unknown")
            .await;
        assert_eq!(server.run(&run).await["status"], "waiting");
        run
    };
    let say = async |run: &str, resolution: &str| {
        let path = format!("/runs/{run}/steps/first.undo/outcome");
        let body = json!({ "resolution": resolution, "comment": "looked" });
        let (status, body) = server.post(&path, body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let ended = server.until_run(run, "failed").await;
        ended["message"].as_str().expect("a sentence").to_owned()
    };
    let run = asked().await;
    assert_eq!(stub.calls("undo"), 2);
    // Who says so has it tried once more.
    let message = say(&run, "retry").await;
    assert!(message.ends_with("was undone (1 step)."), "{message}");
    assert_eq!(stub.calls("undo"), 3);

    let slug = server.create(undoable(&stub, "flaky/99/never")).await;
    let run = server.start_run(&slug, json!({})).await;
    server
        .until_step(&run, "first.undo", "outcome_unknown")
        .await;
    let message = say(&run, "did_not").await;
    assert!(message.ends_with("0 of 1 steps were undone."), "{message}");
}

#[tokio::test]
async fn a_person_says_what_became_of_a_call_nobody_saw_end() {
    let (server, stub) = (Server::start().await, Stub::start().await);
    let in_doubt = async |name: &str, way: &str| {
        let mut order = stub.post("order", way);
        order["timeout_ms"] = json!(200);
        let steps = json!([order, stub.put("after", &format!("ok/after-{name}"))]);
        let slug = server
            .create(workflow(name, steps, &[("order", "after")]))
            .await;
        let run = server.start_run(&slug, json!({})).await;
        server.until_step(&run, "order", "outcome_unknown").await;
        let ended = server.run(&run).await;
        assert_eq!((&ended["status"], stub.calls(name)), (&json!("waiting"), 1));
        run
    };
    let say = async |run: &str, resolution: &str| {
        let path = format!("/runs/{run}/steps/order/outcome");
        let body = json!({ "resolution": resolution, "comment": "looked" });
        server.post(&path, body).await
    };

    let run = in_doubt("happened", "slow/60000/happened").await;
    let (status, _) = say(&run, "maybe").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(say(&run, "happened").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!(
        server.step(&run, "order").await["output"]["confirmed_by"],
        "local"
    );
    assert_eq!(
        (stub.calls("happened"), stub.calls("after-happened")),
        (1, 1)
    );

    let run = in_doubt("did-not", "slow/60000/did-not").await;
    assert_eq!(say(&run, "did_not").await.0, StatusCode::OK);
    server.until_run(&run, "failed").await;
    assert_eq!(
        server.step(&run, "order").await["error"]["code"],
        "did_not_happen"
    );
    assert_eq!((stub.calls("did-not"), stub.calls("after-did-not")), (1, 0));
    let (status, late) = say(&run, "happened").await;
    assert_eq!(status, StatusCode::CONFLICT, "{late}");

    let run = in_doubt("again", "first_slow/60000/again").await;
    assert_eq!(say(&run, "retry").await.0, StatusCode::OK);
    server.until_run(&run, "completed").await;
    assert_eq!((stub.calls("again"), stub.calls("after-again")), (2, 1));
}
