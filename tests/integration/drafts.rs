//! Drafts: saved again and again, published once, and nothing lost on the way.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};

crate::server::also_on_postgres!(
    a_draft_is_written_and_becomes_a_workflow,
    an_outdated_tab_is_told_and_nothing_is_lost,
    a_publication_that_is_repeated_gives_the_same_answer_also_after_a_crash,
    a_crash_while_publishing_leaves_a_draft_or_one_version,
    publications_at_once_make_one_version,
    a_workflow_has_one_draft_and_its_publication_follows_what_it_began_as,
);

fn asking(name: &str) -> Value {
    workflow(name, json!([{ "id": "ask", "kind": "human_gate" }]), &[])
}

async fn begin(server: &Server, body: Value) -> (String, Value) {
    let (status, draft) = server.post("/drafts", body).await;
    assert_eq!(status, StatusCode::CREATED, "{draft}");
    let path = format!("/drafts/{}", draft["id"].as_str().expect("an id"));
    (path, draft)
}

async fn save(server: &Server, draft: &str, revision: u32, document: Value) -> (StatusCode, Value) {
    let body = json!({ "revision": revision, "document": document });
    server.send("PUT", draft, body).await
}

async fn publish(server: &Server, draft: &str, body: Value) -> (StatusCode, Value) {
    server.post(&format!("{draft}/publish"), body).await
}

#[tokio::test]
async fn a_draft_is_written_and_becomes_a_workflow() {
    let server = Server::start().await;
    let (path, draft) = begin(&server, json!({})).await;
    assert_eq!(draft["document"], json!({ "name": "", "steps": [] }));
    assert_eq!(
        (&draft["revision"], &draft["updated_by"]),
        (&json!(1), &json!("local"))
    );
    // Broken in every way that can be read.
    let broken = json!({ "name": "Half", "steps": [{ "id": "x", "kind": "map" }, { "id": "x", "kind": "join" }] });
    let (status, saved) = save(&server, &path, 1, broken.clone()).await;
    assert_eq!((status, &saved["revision"]), (StatusCode::OK, &json!(2)));
    assert!(saved["document"].is_null(), "{saved}");
    assert_eq!(server.get(&path).await["document"], broken);
    let (status, refusal) = publish(&server, &path, json!({ "revision": 2, "note": "" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refusal["code"], "invalid_workflow");
    assert!(
        refusal["errors"].to_string().contains("duplicate_step_id"),
        "{refusal}"
    );
    assert_eq!(server.get(&path).await["revision"], 2, "it stays a draft");

    assert_eq!(
        save(&server, &path, 2, asking("Whole")).await.0,
        StatusCode::OK
    );
    let listed = server.get("/drafts").await;
    assert_eq!(listed["items"][0]["name"], "Whole");
    let (status, published) = publish(
        &server,
        &path,
        json!({ "revision": 3, "note": " the first " }),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{published}");
    assert_eq!(
        (&published["version"], &published["is_new"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(published["workflow"]["slug"], "whole");
    let versions = server.get("/workflows/whole/versions").await;
    assert_eq!(versions["items"][0]["note"], "the first");
    assert_eq!(server.get("/drafts").await["items"], json!([]));
    server.start_run("whole", json!({})).await;
}

#[tokio::test]
async fn an_outdated_tab_is_told_and_nothing_is_lost() {
    let server = Server::start().await;
    let (path, _) = begin(&server, json!({ "document": asking("One") })).await;
    assert_eq!(
        save(&server, &path, 1, asking("Two")).await.0,
        StatusCode::OK
    );
    let (status, refusal) = save(&server, &path, 1, asking("Other tab")).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::CONFLICT, &json!("draft_stale"))
    );
    assert_eq!(refusal["errors"][0]["revision"], 2);
    assert!(
        refusal["detail"]
            .as_str()
            .is_some_and(|text| text.contains("by local")),
        "{refusal}"
    );
    // Its answer was lost: the same again is no conflict.
    let (status, again) = save(&server, &path, 1, asking("Two")).await;
    assert_eq!((status, &again["revision"]), (StatusCode::OK, &json!(2)));
    assert_eq!(server.get(&path).await["document"]["name"], "Two");
    let (status, refusal) = publish(&server, &path, json!({ "revision": 1 })).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::CONFLICT, &json!("draft_stale"))
    );

    let saves = (0..10).map(|tab| {
        let (server, path) = (&server, &path);
        async move { save(server, path, 2, asking(&format!("Tab {tab}"))).await.0 }
    });
    let answers = futures::future::join_all(saves).await;
    let won = answers
        .iter()
        .filter(|status| **status == StatusCode::OK)
        .count();
    assert_eq!(won, 1, "{answers:?}");
    assert_eq!(server.get(&path).await["revision"], 3);

    publish(&server, &path, json!({ "revision": 3 })).await;
    let (status, refusal) = save(&server, &path, 3, asking("Late")).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::CONFLICT, &json!("draft_published"))
    );
}

#[tokio::test]
async fn a_publication_that_is_repeated_gives_the_same_answer_also_after_a_crash() {
    let mut server = Server::start().await;
    let (path, _) = begin(&server, json!({ "document": asking("Once") })).await;
    let body = json!({ "revision": 1, "note": "n" });
    let first = publish(&server, &path, body.clone()).await;
    assert_eq!(first.0, StatusCode::OK, "{}", first.1);
    assert_eq!(publish(&server, &path, body.clone()).await, first);
    server.kill_and_restart().await;
    assert_eq!(publish(&server, &path, body).await, first);
    let versions = server.get("/workflows/once/versions").await;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1));
    let (status, _) = server.send("GET", &path, Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_crash_while_publishing_leaves_a_draft_or_one_version() {
    let mut server = Server::start().await;
    for round in 0..6_u64 {
        let name = format!("Cut {round}");
        let (path, _) = begin(&server, json!({ "document": asking(&name) })).await;
        let body = json!({ "revision": 1 });
        let cut_off = server
            .client
            .post(server.url(&format!("{path}/publish")))
            .json(&body)
            .send();
        let cut_off = tokio::spawn(cut_off);
        tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
        server.kill_and_restart().await;
        // However that ended, nobody knows here.
        let _ = cut_off.await;
        let (status, published) = publish(&server, &path, body).await;
        assert_eq!(status, StatusCode::OK, "{published}");
        assert_eq!(
            (&published["version"], &published["is_new"]),
            (&json!(1), &json!(true))
        );
        let mine = server
            .get(&format!("/workflows/cut-{round}/versions"))
            .await;
        assert_eq!(mine["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(server.get("/drafts").await["items"], json!([]));
    }
}

#[tokio::test]
async fn publications_at_once_make_one_version() {
    let server = Server::start().await;
    let (path, _) = begin(&server, json!({ "document": asking("Rush") })).await;
    let tries = (0..10).map(|_| publish(&server, &path, json!({ "revision": 1 })));
    let answers = futures::future::join_all(tries).await;
    for (status, answer) in &answers {
        assert_eq!((*status, answer), (StatusCode::OK, &answers[0].1));
    }
    let versions = server.get("/workflows/rush/versions").await;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_workflow_has_one_draft_and_its_publication_follows_what_it_began_as() {
    let server = Server::start().await;
    let slug = server.create(asking("Two Tabs")).await;
    let own = json!({ "workflow": slug });
    let (path, draft) = begin(&server, own.clone()).await;
    assert_eq!(draft["based_on"], 1);
    let (status, same) = server.post("/drafts", own.clone()).await;
    assert_eq!((status, &same["id"]), (StatusCode::OK, &draft["id"]));

    let changed = |text: &str| {
        let mut document = asking("Two Tabs");
        document["description"] = json!(text);
        document
    };
    let versions = format!("/workflows/{slug}/versions");
    server.post(&versions, changed("meanwhile")).await;
    assert_eq!(
        save(&server, &path, 1, changed("mine")).await.0,
        StatusCode::OK
    );
    let (status, refusal) = publish(&server, &path, json!({ "revision": 2 })).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::CONFLICT, &json!("version_conflict"))
    );
    assert_eq!(refusal["errors"][0]["current"], 2);
    let seen = json!({ "revision": 2, "expected_current": 2 });
    let (status, published) = publish(&server, &path, seen).await;
    assert_eq!(
        (status, &published["version"]),
        (StatusCode::OK, &json!(3)),
        "{published}"
    );

    // What says nothing new becomes no version, and says which it is.
    let (path, draft) = begin(&server, json!({ "workflow": slug, "version": 3 })).await;
    assert_eq!(draft["document"]["description"], "mine");
    let (_, published) = publish(&server, &path, json!({ "revision": 1 })).await;
    assert_eq!(
        (&published["version"], &published["is_new"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(
        server.get(&versions).await["items"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );

    // A draft outlives its workflow's deletion, and waits.
    let (path, _) = begin(&server, own.clone()).await;
    assert_eq!(
        save(&server, &path, 1, changed("later")).await.0,
        StatusCode::OK
    );
    server
        .send("DELETE", &format!("/workflows/{slug}"), Value::Null)
        .await;
    let (status, refusal) = publish(&server, &path, json!({ "revision": 2 })).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::GONE, &json!("workflow_deleted"))
    );
    server
        .send("POST", &format!("/workflows/{slug}/undelete"), Value::Null)
        .await;
    assert_eq!(
        publish(&server, &path, json!({ "revision": 2 })).await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_no_draft_is_refused() {
    let server = Server::start().await;
    let slug = server.create(asking("There")).await;
    let (path, _) = begin(&server, json!({ "document": asking("There") })).await;
    let large = json!({ "name": "L", "steps": [], "description": "x".repeat(1_000_000) });
    let own = format!("{path}/publish");
    for (method, at, body, status, code) in [
        (
            "POST",
            "/drafts",
            json!({ "documents": {} }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/drafts",
            json!({ "workflow": slug, "template": "x" }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/drafts",
            json!({ "version": 1 }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/drafts",
            json!({ "document": { "name": "n", "steps": [], "x": 1 } }),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/drafts",
            json!({ "document": large }),
            413,
            "workflow_too_large",
        ),
        (
            "POST",
            "/drafts",
            json!({ "workflow": "none" }),
            404,
            "not_found",
        ),
        (
            "POST",
            "/drafts",
            json!({ "workflow": slug, "version": 9 }),
            404,
            "not_found",
        ),
        (
            "POST",
            "/drafts",
            json!({ "template": slug }),
            404,
            "not_found",
        ),
        (
            "POST",
            "/drafts",
            json!({ "workflow": "endpoint-survey" }),
            409,
            "built_in_template",
        ),
        (
            "PUT",
            path.as_str(),
            json!({ "revision": 1, "document": large }),
            413,
            "workflow_too_large",
        ),
        (
            "PUT",
            path.as_str(),
            json!({ "revision": 4_294_967_295_u32, "document": asking("x") }),
            409,
            "draft_stale",
        ),
        (
            "PUT",
            path.as_str(),
            json!({ "document": asking("x") }),
            400,
            "bad_request",
        ),
        (
            "PUT",
            path.as_str(),
            json!({ "revision": -1, "document": asking("x") }),
            400,
            "bad_request",
        ),
        (
            "PUT",
            "/drafts/none",
            json!({ "revision": 1, "document": asking("x") }),
            404,
            "not_found",
        ),
        ("DELETE", "/drafts/none", Value::Null, 404, "not_found"),
        (
            "POST",
            "/drafts/none/publish",
            json!({ "revision": 1 }),
            404,
            "not_found",
        ),
        (
            "POST",
            own.as_str(),
            json!({ "revision": 1, "note": "x".repeat(1_001) }),
            422,
            "invalid_field",
        ),
        (
            "POST",
            own.as_str(),
            json!({ "revision": 1, "notes": "" }),
            400,
            "bad_request",
        ),
        (
            "POST",
            own.as_str(),
            json!({ "revision": 1 }),
            409,
            "slug_taken",
        ),
        ("GET", "/drafts?limit=0", Value::Null, 400, "bad_request"),
        ("GET", "/drafts?x=0", Value::Null, 400, "bad_request"),
    ] {
        let (answered, problem) = server.send(method, at, body).await;
        assert_eq!(
            (answered.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{method} {at}: {problem}"
        );
        assert!(problem["request_id"].is_string(), "{problem}");
    }
    assert_eq!(server.get(&path).await["revision"], 1);
    assert_eq!(
        server.send("DELETE", &path, Value::Null).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.send("GET", &path, Value::Null).await.0,
        StatusCode::NOT_FOUND
    );
}
