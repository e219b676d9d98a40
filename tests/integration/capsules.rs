//! A run as one file: out of one server, into another that has never seen it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, answer, workflow};

crate::server::also_on_postgres!(a_capsule_is_opened_where_its_run_never_was);

async fn exported(server: &Server, run: &str) -> Vec<u8> {
    let address = server.url(&format!("/runs/{run}/capsule"));
    let response = server.client.get(address).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let name = response.headers()["content-disposition"].to_str();
    let name = name.expect("plain").to_owned();
    assert!(name.contains(run) && name.ends_with(".capsule\""), "{name}");
    response.bytes().await.expect("a file").to_vec()
}

async fn opened(server: &Server, file: Vec<u8>) -> (StatusCode, Value) {
    let sent = server.client.post(server.url("/capsules")).body(file);
    answer(sent.send().await.expect("an answer")).await
}

async fn fetched(server: &Server, path: &str) -> Vec<u8> {
    let response = server.client.get(server.url(path)).send().await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.bytes().await.expect("a body").to_vec()
}

/// A run that leaves a file and a large value, and has failed.
async fn failed_run(server: &Server) -> String {
    let large = "x".repeat(40_000);
    let steps = json!([
        { "id": "say", "kind": "tool_call", "tool": "report.write",
          "with": { "template_text": "# Hello", "file_name": "hello.md" } },
        { "id": "much", "kind": "transform", "set": { "text": large } },
        { "id": "fall", "kind": "transform", "set": { "number": "=int('So it is.')" } },
    ]);
    let edges = [("say", "much"), ("much", "fall")];
    server.create(workflow("Falls", steps, &edges)).await;
    let run = server.start_run("falls", json!({})).await;
    server.until_run(&run, "failed").await;
    run
}

#[tokio::test]
async fn a_capsule_is_opened_where_its_run_never_was() {
    let (one, other) = (Server::start().await, Server::start().await);
    let run = failed_run(&one).await;
    let file = exported(&one, &run).await;

    let (status, card) = opened(&other, file.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{card}");
    assert_eq!(card["run"]["run_id"], json!(run));
    assert_eq!(card["run"]["status"], "failed");
    assert_eq!(card["is_own_key"], false);
    assert_eq!(
        card["signed_with"],
        one.get("/capsules/key").await["fingerprint"]
    );
    // The same file again is the same capsule.
    assert_eq!(
        opened(&other, file.clone()).await,
        (StatusCode::OK, card.clone())
    );
    let id = card["id"].as_str().expect("an id");
    let listed = other.get("/capsules").await;
    assert_eq!(listed["items"], json!([card]));
    let path = format!("/runs/{run}");
    let (status, _) = other.send("GET", &path, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    // All of it is there: the log, the files, the large value apart from its event.
    let log = other.get(&format!("/capsules/{id}/events")).await;
    let written = one.events(&run).await;
    let kept = one.get(&format!("/runs/{run}/artifacts")).await;
    let artifact = kept["items"][0]["id"].as_str().expect("an id");
    assert_eq!(
        fetched(&other, &format!("/capsules/{id}/files/{artifact}")).await,
        fetched(&one, &format!("/runs/{run}/artifacts/{artifact}")).await
    );
    assert_eq!(log["items"].as_array(), Some(&written));
    let mut large = written
        .iter()
        .map(|event| &event["output"]["text"]["$large"]);
    let large = large.find(|place| place.is_object()).expect("a stand-in");
    let seq = large["event"].as_u64().expect("a number");
    let value = format!("/capsules/{id}/events/{seq}/value?at=/output/text");
    assert_eq!(fetched(&other, &value).await.len(), 40_002);
    let second = other
        .get(&format!("/capsules/{id}/events?after=1&limit=1"))
        .await;
    assert_eq!(second["items"], json!([written[1]]));
    assert_eq!(second["next"], "2");
    let definition = other.get(&format!("/capsules/{id}/definition")).await;
    assert_eq!(definition["name"], "Falls");
    assert_eq!(fetched(&other, &format!("/capsules/{id}/file")).await, file);

    // Where it was signed it is its own, and what is removed is gone.
    let (_, own) = opened(&one, file).await;
    assert_eq!(own["is_own_key"], true);
    let path = format!("/capsules/{id}");
    let (status, _) = other.send("DELETE", &path, json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = other.send("DELETE", &path, json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_capsule_that_was_changed_is_refused_and_the_place_named() {
    let server = Server::start().await;
    let run = failed_run(&server).await;
    let file = exported(&server, &run).await;
    let text = String::from_utf8(file.clone()).expect("text");
    let changed = text.replacen("So it is.", "So it was", 1);
    assert_ne!(changed, text);
    let (status, problem) = opened(&server, changed.into_bytes()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["code"], "capsule_refused");
    assert_eq!(problem["errors"][0]["flaw"], "changed");
    let line = problem["errors"][0]["line"].as_u64().expect("a line");
    let at = usize::try_from(line).expect("few") - 1;
    assert!(
        text.lines()
            .nth(at)
            .expect("the line")
            .contains("So it is.")
    );
    let detail = problem["detail"].as_str().expect("a sentence");
    assert!(
        detail.contains(&format!("line {line} has been changed")),
        "{detail}"
    );

    // One byte in the middle, whatever stands there.
    let mut flipped = file.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert_eq!(
        opened(&server, flipped).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    for no_capsule in [&b""[..], b"{}", b"PK\x03\x04", b"\xff\xfe\n\n"] {
        let (status, problem) = opened(&server, no_capsule.to_vec()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["errors"][0]["flaw"], "not_a_capsule");
    }
    assert_eq!(server.get("/capsules").await["items"], json!([]));
}

/// A browser without scripting, and one with: the form is the same.
#[tokio::test]
async fn the_form_says_why_a_file_is_refused() {
    let server = Server::start().await;
    let sent = async |body: String| {
        let request = server
            .client
            .post(format!("{}/capsules", server.address))
            .header("content-type", "multipart/form-data; boundary=cut")
            .header("origin", &server.address)
            .body(body);
        let response = request.send().await.expect("an answer");
        (response.status(), response.text().await.expect("a page"))
    };
    let part = |content: &str| {
        format!(
            "--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{content}\r\n--cut--\r\n"
        )
    };
    for (content, said) in [
        ("", "Choose a file first."),
        ("nothing", "this is no capsule"),
    ] {
        let (status, page) = sent(part(content)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            page.contains(said) && page.contains("capsule-form"),
            "{page}"
        );
    }
    let (status, page) = sent("--cut--\r\n".to_owned()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Choose a file first."), "{page}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_with_an_answer() {
    let server = Server::start().await;
    let large = vec![b'x'; 66 * 1024 * 1024];
    let (status, problem) = opened(&server, large.clone()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["code"], "body_too_large");
    let form = server.client.post(format!("{}/capsules", server.address));
    let response = form.body(large).send().await.expect("an answer");
    let page = response.text().await.expect("a page");
    assert!(page.contains("larger than a capsule may be"), "{page}");
}

#[tokio::test]
async fn a_run_that_waits_is_exported_as_it_stands_and_the_key_outlives_the_server() {
    let mut server = Server::start().await;
    let steps = json!([{ "id": "ask", "kind": "human_gate", "message": "Well?" }]);
    server.create(workflow("Asks", steps, &[])).await;
    let run = server.start_run("asks", json!({})).await;
    let gate = server.gate(&run).await;
    let (_, card) = opened(&server, exported(&server, &run).await).await;
    assert_eq!(card["run"]["status"], "waiting");
    let key = server.get("/capsules/key").await;

    server.kill_and_restart().await;
    assert_eq!(server.get("/capsules/key").await, key);
    assert_eq!(server.get("/capsules").await["items"], json!([card]));
    // The run goes on; the capsule does not.
    server.decide(&gate, "approve").await;
    server.until_run(&run, "completed").await;
    let id = card["id"].as_str().expect("an id");
    let still = server.get(&format!("/capsules/{id}")).await;
    assert_eq!(still["run"]["status"], "waiting");
}
