//! Workflows as files: out of one server and into another, by the API and by the command line.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::parity::corpus::good;
use crate::server::{Server, workflow};

crate::server::also_on_postgres!(
    a_workflow_exported_deleted_and_imported_is_equal_to_the_first,
    workflows_that_run_one_another_move_to_another_server,
);

fn signalbox(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .output()
        .expect("it can be called")
}

/// Exit state, and what it said on both channels.
fn exchange(act: &str, dir: &Path, server: &Server, more: &[&str]) -> (bool, String) {
    let dir = dir.display().to_string();
    let arguments = [&[act, &dir, "--server", &server.address], more].concat();
    let output = signalbox(&arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

/// Everything that a file has to keep.
fn odd() -> Value {
    json!({
        "name": "Odd: yes", "description": "one\ntwo\n", "tags": ["on", "1"],
        "inputs": { "type": "object", "properties": { "z": { "type": "string", "default": "2026-01-01" }, "a": { "type": "number", "default": 1.0 } } },
        "steps": [
            { "id": "set", "kind": "transform", "set": { "no": "null", "e": "\u{1f600} \u{0}", "long": "=size(input.z) > 0 ".repeat(12) + "&& true" } },
            { "id": "look", "kind": "tool_call", "tool": "http.request", "with": { "url": "http://a.example/" },
              "retry": { "max_attempts": 2 } },
            { "id": "fallback", "kind": "human_gate" },
        ],
        "edges": [{ "from": "set", "to": "look" }, { "from": "look", "to": "fallback", "on": "failed" }],
    })
}

#[tokio::test]
async fn a_workflow_exported_deleted_and_imported_is_equal_to_the_first() {
    let server = Server::start().await;
    let mut odd = odd();
    // The expression has to be one.
    odd["steps"][0]["set"]["long"] = json!(format!(
        "=size(input.z) > 0{}",
        " && size(input.z) > 0".repeat(12)
    ));
    let slug = server.create(odd).await;
    let own = format!("/workflows/{slug}");
    let first = server.get(&own).await;
    let text = async |path: &str| {
        let response = server
            .client
            .get(server.url(path))
            .send()
            .await
            .expect("it answers");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let media_type = response.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        (media_type, response.text().await.expect("text"))
    };
    let (media_type, yaml) = text(&format!("{own}/export")).await;
    assert_eq!(media_type, "application/yaml; charset=utf-8");
    let expected = format!(
        "# yaml-language-server: $schema={}/api/v1/schemas/workflow.json\nname: \"Odd: yes\"\nslug: odd-yes\ndescription: |\n  one\n  two\n",
        server.address
    );
    assert!(yaml.starts_with(&expected), "{yaml}");
    assert!(!yaml.contains("base_ms"), "{yaml}");
    let (media_type, json) = text(&format!("{own}/export?format=json&version=1")).await;
    assert_eq!(media_type, "application/json");
    let read: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["steps"][0], first["definition"]["steps"][0]);

    let folder = tempfile::tempdir().expect("a folder");
    let (done, said) = exchange("export", folder.path(), &server, &[]);
    assert!(done && said.contains("odd-yes.yaml: new"), "{said}");
    let (done, said) = exchange("export", folder.path(), &server, &[]);
    assert!(
        done && said.contains("odd-yes.yaml: unchanged") && said.contains("0 file(s)"),
        "{said}"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("odd-yes.yaml")).expect("a file"),
        yaml
    );

    server.send("DELETE", &own, Value::Null).await;
    let (done, said) = exchange("import", folder.path(), &server, &["--dry-run"]);
    assert!(
        done && said.contains("odd-yes: would be brought back, version 1")
            && said.contains("dry run"),
        "{said}"
    );
    assert!(server.get(&own).await["deleted_at"].is_string());
    let (done, said) = exchange("import", folder.path(), &server, &[]);
    assert!(
        done && said.contains("odd-yes: brought back, version 1"),
        "{said}"
    );
    assert_eq!(server.get(&own).await, first);

    // And on a server that has never seen it.
    let other = Server::start().await;
    let (done, said) = exchange("import", folder.path(), &other, &["--note", "from git"]);
    assert!(done && said.contains("odd-yes: created"), "{said}");
    let imported = other.get(&own).await;
    assert_eq!(
        imported["definition"].to_string(),
        first["definition"].to_string()
    );
    assert_eq!(
        other.get(&format!("{own}/versions")).await["items"][0]["note"],
        "from git"
    );
    let (done, said) = exchange("import", folder.path(), &other, &[]);
    assert!(done && said.contains("odd-yes: unchanged"), "{said}");
    fs::write(
        folder.path().join("odd-yes.yaml"),
        yaml.replace("two", "three"),
    )
    .expect("written");
    let (done, said) = exchange("import", folder.path(), &other, &[]);
    assert!(done && said.contains("odd-yes: version 2"), "{said}");
    assert_eq!(
        other.get(&own).await["definition"]["description"],
        "one\nthree\n"
    );
}

/// All there is to say in a workflow, its test cases included.
#[tokio::test]
async fn every_good_definition_of_the_corpus_comes_back_as_it_was() {
    let server = Server::start().await;
    let mut definitions = good();
    definitions.retain(|good| good.name.starts_with("good/"));
    // One that runs others comes after them; it wants the third version of one.
    definitions.sort_by_key(|good| good.name == "good/subworkflow");
    let mut slugs = Vec::new();
    for good in &definitions {
        let slug = server.create(good.document.clone()).await;
        let versions = if slug == "one-call" { 3 } else { 1 };
        for version in 2..=versions {
            let mut next = good.document.clone();
            next["description"] = json!(format!("version {version}"));
            let path = format!("/workflows/{slug}/versions");
            assert_eq!(server.post(&path, next).await.0, StatusCode::OK);
        }
        slugs.push(format!("/workflows/{slug}"));
    }
    let mut first = Vec::new();
    for own in &slugs {
        first.push(server.get(own).await);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (done, said) = exchange("export", folder.path(), &server, &[]);
    assert!(
        done && said.matches(".yaml: new").count() == slugs.len(),
        "{said}"
    );
    // Last come, first gone: what others run cannot go before them.
    for own in slugs.iter().rev() {
        let (status, problem) = server.send("DELETE", own, Value::Null).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
        assert!(server.get(own).await["deleted_at"].is_string(), "{own}");
    }
    let (done, said) = exchange("import", folder.path(), &server, &[]);
    assert!(
        done && said.matches(": brought back").count() == slugs.len(),
        "{said}"
    );
    for (own, first) in slugs.iter().zip(&first) {
        assert_eq!(server.get(own).await, *first, "{own}");
    }
}

#[tokio::test]
async fn workflows_that_run_one_another_move_to_another_server() {
    let server = Server::start().await;
    let leaf = |text: &str| {
        workflow(
            "Leaf",
            json!([{ "id": "set", "kind": "transform", "set": { "x": text } }]),
            &[],
        )
    };
    server.create(leaf("one")).await;
    server.post("/workflows/leaf/versions", leaf("two")).await;
    let runs = |slug: &str| json!([{ "id": "child", "kind": "subworkflow", "workflow": slug }]);
    server.create(workflow("Above", runs("leaf"), &[])).await;
    server
        .create(workflow(
            "Itself",
            json!([{ "id": "set", "kind": "transform", "set": {} }]),
            &[],
        ))
        .await;
    let (_, itself) = server
        .post(
            "/workflows/itself/versions",
            workflow("Itself", runs("itself"), &[]),
        )
        .await;
    assert_eq!(itself["definition"]["steps"][0]["version"], 2);

    let folder = tempfile::tempdir().expect("a folder");
    let (done, said) = exchange("export", folder.path(), &server, &[]);
    assert!(done, "{said}");
    let above = fs::read_to_string(folder.path().join("above.yaml")).expect("a file");
    assert!(!above.contains("version"), "{above}");
    let (done, said) = exchange("import", folder.path(), &server, &[]);
    assert!(done && said.matches(": unchanged").count() == 3, "{said}");
    let other = Server::start().await;
    let (done, said) = exchange("import", folder.path(), &other, &[]);
    assert!(done && said.matches(": created").count() == 3, "{said}");
    assert_eq!(
        other.get("/workflows/above").await["definition"]["steps"][0]["version"],
        1
    );
    let run = other.start_run("above", json!({})).await;
    other.until_run(&run, "completed").await;
    // A leaf that changes takes those above along.
    let mut changed = fs::read_to_string(folder.path().join("leaf.yaml")).expect("a file");
    changed = changed.replace("two", "three");
    fs::write(folder.path().join("leaf.yaml"), changed).expect("written");
    let (done, said) = exchange("import", folder.path(), &other, &[]);
    assert!(
        done && said.contains("above: version 2") && said.contains("leaf: version 2"),
        "{said}"
    );
    assert_eq!(
        other.get("/workflows/above").await["definition"]["steps"][0]["version"],
        2
    );
}

#[tokio::test]
async fn when_anything_is_wrong_with_one_file_nothing_is_imported() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    let good = "name: Good\nsteps:\n  - { id: ask, kind: human_gate }\n";
    write("good.yaml", good);
    let none = async || {
        let mine = server.get("/workflows?filter=mine").await;
        assert_eq!(mine["items"], json!([]));
    };
    for (name, text, says) in [
        (
            "bad.yaml",
            "name: Bad\nsteps:\n  - id: ask\n    kind: human_gate\n    colour: red\n",
            &["bad.yaml", "colour", "5"][..],
        ),
        (
            "bad.json",
            "{ \"name\": \"Bad\",\n \"stops\": [] }",
            &["bad.json", "stops", "line 2"],
        ),
        ("bad.yaml", "name: [\n", &["bad.yaml"]),
        ("bad.yaml", "name: Bad\nsteps: []\n", &["bad", "no steps"]),
        (
            "bad.yaml",
            "name: Bad\nslug: other\nsteps:\n  - { id: ask, kind: human_gate }\n",
            &["bad", "`other`"],
        ),
        ("Not A Slug.yaml", good, &["Call it `not-a-slug`"]),
        ("good.yml", good, &["good", "twice"]),
        (
            "bad.yaml",
            "name: Bad\nsteps:\n  - { id: child, kind: subworkflow, workflow: nobody }\n",
            &["bad, step child", "no workflow `nobody`"],
        ),
        (
            "endpoint-survey.yaml",
            good,
            &["endpoint-survey", "comes with the product"],
        ),
    ] {
        write(name, text);
        let (done, said) = exchange("import", folder.path(), &server, &[]);
        assert!(
            !done && says.iter().all(|word| said.contains(word)),
            "{name}: {said}"
        );
        assert!(said.contains("nothing was imported"), "{said}");
        none().await;
        fs::remove_file(folder.path().join(name)).expect("removed");
        if name == "good.yml" {
            write("good.yaml", good);
        }
    }
    write("README.md", "no workflow");
    write(".good.yaml.half", "no workflow");
    let (done, said) = exchange("import", folder.path(), &server, &[]);
    assert!(done && said.contains("good: created"), "{said}");

    let dir = folder.path().display().to_string();
    for (arguments, says) in [
        (
            &["import", "/none/such", "--server", server.address.as_str()][..],
            "/none/such",
        ),
        (
            &["import", &dir, "--server", "http://127.0.0.1:9"],
            "cannot be reached",
        ),
        (
            &["export", &dir, "--server", "not an address"],
            "no address of a server",
        ),
    ] {
        let output = signalbox(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(says),
            "{arguments:?}: {said}"
        );
    }
}

#[tokio::test]
async fn what_is_no_exchange_is_refused_by_the_api() {
    let server = Server::start().await;
    server
        .create(workflow(
            "There",
            json!([{ "id": "ask", "kind": "human_gate" }]),
            &[],
        ))
        .await;
    let item = json!({ "slug": "new", "definition": workflow("New", json!([{ "id": "ask", "kind": "human_gate" }]), &[]) });
    for (method, path, body, status, code) in [
        (
            "GET",
            "/workflows/none/export",
            Value::Null,
            404,
            "not_found",
        ),
        (
            "GET",
            "/workflows/there/export?version=9",
            Value::Null,
            404,
            "not_found",
        ),
        (
            "GET",
            "/workflows/there/export?format=xml",
            Value::Null,
            400,
            "bad_request",
        ),
        (
            "GET",
            "/workflows/there/export?formats=yaml",
            Value::Null,
            400,
            "bad_request",
        ),
        (
            "POST",
            "/workflows/import",
            json!({ "items": [], "force": true }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/workflows/import",
            json!({ "items": [{ "slug": "new" }] }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/workflows/import",
            json!({ "items": [], "note": "x".repeat(1_001) }),
            422,
            "invalid_field",
        ),
        (
            "POST",
            "/workflows/import",
            json!({ "items": [item, item] }),
            422,
            "not_imported",
        ),
        (
            "POST",
            "/workflows/import",
            json!({ "items": ["x".repeat(2_200_000)] }),
            413,
            "body_too_large",
        ),
    ] {
        let (answered, problem) = server.send(method, path, body).await;
        assert_eq!(
            (answered.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{method} {path}: {problem}"
        );
    }
    assert_eq!(
        server.send("GET", "/workflows/new", Value::Null).await.0,
        StatusCode::NOT_FOUND
    );
    let response = server
        .client
        .get(server.url("/schemas/workflow.json"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(
        response.headers()["content-type"],
        "application/schema+json"
    );
    let published = response.text().await.expect("text");
    let printed = signalbox(&["schema"]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout), published);
}
