//! Copies made while the server works, and what can be started from them.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

use crate::server::Server;
use crate::stub::Stub;

fn signalbox(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .output()
        .expect("it can be called")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy(database: &str, target: &Path) -> Output {
    let target = target.display().to_string();
    signalbox(&["backup", &target, "--database", database])
}

#[tokio::test]
async fn a_copy_made_under_load_is_sound_and_a_server_goes_on_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
    let (server, stub) = (Server::on(&database, 700).await, Stub::start().await);
    let gated = json!({ "name": "Gated", "steps": [
        { "id": "ask", "kind": "human_gate" },
        { "id": "act", "kind": "tool_call", "tool": "http.request",
          "with": { "url": format!("{}/ok/act", stub.address), "method": "PUT" } },
    ], "edges": [{ "from": "ask", "to": "act" }] });
    server.create(gated).await;
    let busy = json!({ "name": "Busy", "steps": [{ "id": "each", "kind": "map", "over": "$input.items",
        "body": { "steps": [{ "id": "nap", "kind": "tool_call", "tool": "util.sleep", "with": { "ms": 5 } }] } }] });
    server.create(busy).await;
    let waiting = server.start_run("gated", json!({})).await;
    let items: Vec<usize> = (0..2_000).collect();
    let working = server.start_run("busy", json!({ "items": items })).await;

    let target = folder.path().join("copy.db");
    let made = copy(&database, &target);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(
        text(&made.stdout).contains("2 runs (2 of them open)"),
        "{}",
        text(&made.stdout)
    );
    let checked = signalbox(&["check", &target.display().to_string()]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let again = copy(&database, &target);
    assert!(
        !again.status.success(),
        "a file that is there is not written over"
    );
    assert!(text(&again.stderr).contains("exists"));

    server.until_run(&working, "completed").await;
    let restored = Server::on(&format!("sqlite:{}", target.display()), 700).await;
    let gate = restored.gate(&waiting).await;
    assert_eq!(restored.decide(&gate, "approve").await.0, StatusCode::OK);
    restored.until_run(&waiting, "completed").await;
    restored.until_run(&working, "completed").await;
}

#[tokio::test]
async fn a_spoilt_copy_is_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
    let server = Server::on(&database, 700).await;
    let steps: Vec<Value> = vec![json!({ "id": "ask", "kind": "human_gate" })];
    server
        .create(json!({ "name": "Asks", "steps": steps }))
        .await;
    server.start_run("asks", json!({})).await;
    let target = folder.path().join("copy.db");
    assert!(copy(&database, &target).status.success());
    let sound = std::fs::read(&target).expect("it can be read");
    let name = target.display().to_string();

    // A byte of an event, and the end of the file.
    let mut spoilt = sound.clone();
    let wanted = b"\"kind\":\"gate_opened\"";
    let at = sound
        .windows(wanted.len())
        .position(|bytes| bytes == wanted)
        .expect("the event is in there");
    spoilt[at..at + wanted.len()].fill(b'"');
    std::fs::write(&target, &spoilt).expect("it can be written");
    let found = signalbox(&["check", &name]);
    assert!(!found.status.success());
    assert!(
        text(&found.stderr).contains("is not sound"),
        "{}",
        text(&found.stderr)
    );

    std::fs::write(&target, &sound[..sound.len() / 2]).expect("it can be written");
    assert!(!signalbox(&["check", &name]).status.success());
    let missing = signalbox(&[
        "check",
        &folder.path().join("nothing.db").display().to_string(),
    ]);
    assert!(text(&missing.stderr).contains("there is no database file"));
}

#[tokio::test]
async fn large_values_are_checked_and_a_database_of_an_earlier_release_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
    let server = Server::on(&database, 700).await;
    server
        .create(json!({
            "name": "Asks",
            "inputs": { "type": "object" },
            "steps": [{ "id": "ask", "kind": "human_gate" }],
        }))
        .await;
    let input = json!({ "text": "long ".repeat(10_000) });
    let run = server.start_run("asks", input).await;
    server.until_run(&run, "waiting").await;
    let target = folder.path().join("copy.db");
    assert!(copy(&database, &target).status.success());
    let name = target.display().to_string();
    let change = |sql: &str| {
        let file = rusqlite::Connection::open(&target).expect("it opens");
        file.execute_batch(sql).expect("it is SQL");
    };
    change("UPDATE run_values SET content = '\"long\"'");
    let found = signalbox(&["check", &name]);
    let said = text(&found.stderr);
    assert!(
        !found.status.success() && said.contains("is spoilt"),
        "{said}"
    );
    change("DELETE FROM run_values");
    let said = text(&signalbox(&["check", &name]).stderr);
    assert!(said.contains("has lost a value"), "{said}");
    // As the release before had it: no values apart, no snapshots.
    change(
        "UPDATE run_events SET payload = json_set(payload, '$.input', json('{}')) WHERE large IS NOT NULL;
         ALTER TABLE run_events DROP COLUMN large;
         DROP TABLE run_values; DROP TABLE run_snapshots;
         DROP INDEX runs_resting; ALTER TABLE runs DROP COLUMN rests_until;",
    );
    let found = signalbox(&["check", &name]);
    assert!(found.status.success(), "{}", text(&found.stderr));
}
