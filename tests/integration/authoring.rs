//! What becomes of a workflow over time: versions, deletion and return, templates, and how it is found.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, workflow};

crate::server::also_on_postgres!(
    versions_have_notes_and_open_runs_and_are_restored,
    of_several_who_publish_at_once_one_wins,
    a_deleted_workflow_starts_nothing_and_comes_back_with_its_triggers,
    templates_are_used_counted_and_made,
    a_template_of_ones_own_can_stop_being_one,
    workflows_are_found_page_by_page,
);

fn asking(name: &str, description: &str) -> Value {
    let mut asking = workflow(name, json!([{ "id": "ask", "kind": "human_gate" }]), &[]);
    asking["description"] = json!(description);
    asking
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    let items = list["items"].as_array().expect("a list").iter();
    items
        .map(|item| item[field].as_str().expect("a text").to_owned())
        .collect()
}

async fn until(wanted: impl AsyncFn() -> bool) {
    for _ in 0..1_000 {
        if wanted().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it never became as wanted");
}

#[tokio::test]
async fn versions_have_notes_and_open_runs_and_are_restored() {
    let server = Server::start().await;
    let slug = server.create(asking("Many", "one")).await;
    let versions = format!("/workflows/{slug}/versions");
    let first = server.start_run(&slug, json!({})).await;
    let noted = format!("{versions}?note=because%20of%20it&expected_current=1");
    let (status, saved) = server.post(&noted, asking("Many", "two")).await;
    assert_eq!(
        (status, &saved["version"]),
        (StatusCode::OK, &json!(2)),
        "{saved}"
    );
    assert_eq!(saved["is_new"], true);
    // Its answer was lost: no other version, and no conflict.
    let (status, again) = server.post(&noted, asking("Many", "two")).await;
    assert_eq!(
        (status, &again["version"]),
        (StatusCode::OK, &json!(2)),
        "{again}"
    );
    assert_eq!(again["is_new"], false);
    let (status, refusal) = server.post(&noted, asking("Many", "three")).await;
    assert_eq!(
        (status, &refusal["code"]),
        (StatusCode::CONFLICT, &json!("version_conflict"))
    );

    let restore = format!("{versions}/1/restore");
    let (status, restored) = server.post(&restore, json!({ "note": "" })).await;
    assert_eq!(
        (status, &restored["version"]),
        (StatusCode::OK, &json!(3)),
        "{restored}"
    );
    let (_, again) = server.post(&restore, json!({ "note": "again" })).await;
    assert_eq!(
        (&again["version"], &again["is_new"]),
        (&json!(3), &json!(false))
    );
    let listed = server.get(&versions).await;
    assert_eq!(
        texts(&listed, "note"),
        ["Version 1 restored.", "because of it", ""]
    );
    let item = |at: usize| &listed["items"][at];
    assert_eq!(
        (&item(0)["current"], &item(2)["current"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(item(0)["hash"], item(2)["hash"]);
    let open: Vec<&Value> = (0..3).map(|at| &item(at)["open_runs"]).collect();
    assert_eq!(open, [0, 0, 1]);
    let old = server.get(&format!("{versions}/2")).await;
    assert_eq!(
        (&old["definition"]["description"], &old["created_by"]),
        (&json!("two"), &json!("local"))
    );
    let page = server.get(&format!("{versions}?limit=2")).await;
    let next = page["next"].as_str().expect("there is more");
    let rest = server
        .get(&format!("{versions}?limit=2&cursor={next}"))
        .await;
    assert_eq!(
        (&rest["items"][0]["number"], &rest["next"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(server.run(&first).await["version"], 1);

    for (method, path, body, status, code) in [
        (
            "GET",
            format!("{versions}/9"),
            Value::Null,
            404,
            "not_found",
        ),
        (
            "GET",
            format!("{versions}/x"),
            Value::Null,
            404,
            "not_found",
        ),
        (
            "GET",
            "/workflows/none/versions".to_owned(),
            Value::Null,
            404,
            "not_found",
        ),
        (
            "POST",
            format!("{versions}/9/restore"),
            json!({}),
            404,
            "not_found",
        ),
        (
            "POST",
            format!("{versions}/1/restore"),
            json!({ "why": "" }),
            400,
            "bad_request",
        ),
        (
            "POST",
            format!("{versions}?notes=x"),
            asking("Many", "x"),
            400,
            "bad_request",
        ),
        (
            "POST",
            format!("{versions}?note={}", "x".repeat(1_001)),
            asking("Many", "x"),
            422,
            "invalid_field",
        ),
        (
            "POST",
            "/workflows/endpoint-survey/versions".to_owned(),
            asking("x", "x"),
            409,
            "built_in_template",
        ),
    ] {
        let (answered, problem) = server.send(method, &path, body).await;
        assert_eq!(
            (answered.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{method} {path}: {problem}"
        );
    }
}

#[tokio::test]
async fn of_several_who_publish_at_once_one_wins() {
    let server = Server::start().await;
    let slug = server.create(asking("Race", "start")).await;
    let path = format!("/workflows/{slug}/versions");
    let first = format!("{path}?expected_current=1");
    let tries = (0..10).map(|author| {
        let (server, first) = (&server, &first);
        async move {
            server
                .post(first, asking("Race", &format!("by {author}")))
                .await
                .0
        }
    });
    let answers = futures::future::join_all(tries).await;
    let won = answers
        .iter()
        .filter(|status| **status == StatusCode::OK)
        .count();
    let beaten = answers
        .iter()
        .filter(|status| **status == StatusCode::CONFLICT)
        .count();
    assert_eq!((won, beaten), (1, 9), "{answers:?}");
    // Without asking, each comes after the other, and the same twice makes one.
    let tries = (0..10).map(|author| {
        let (server, path) = (&server, &path);
        async move {
            server
                .post(path, asking("Race", &format!("then {}", author / 2)))
                .await
        }
    });
    for (status, answer) in futures::future::join_all(tries).await {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let listed = server.get(&path).await;
    let numbers: Vec<&Value> = listed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| &item["number"])
        .collect();
    let count = numbers.len();
    assert!((7..=12).contains(&count), "{numbers:?}");
    assert_eq!(numbers[0], count);
}

#[tokio::test]
async fn a_deleted_workflow_starts_nothing_and_comes_back_with_its_triggers() {
    let server = Server::start().await;
    let slug = server.create(asking("Going", "")).await;
    let own = format!("/workflows/{slug}");
    let above = json!([{ "id": "below", "kind": "subworkflow", "workflow": slug }]);
    let parent = server.create(workflow("Above", above.clone(), &[])).await;
    let triggers = format!("{own}/triggers");
    let every_second =
        json!({ "kind": "schedule", "name": "Often", "cron": "* * * * * *", "overlap": "allow" });
    let hook = json!({ "kind": "webhook", "name": "Hook" });
    let mut made = Vec::new();
    for trigger in [every_second, hook] {
        let (status, trigger) = server.post(&triggers, trigger).await;
        assert_eq!(status, StatusCode::CREATED, "{trigger}");
        made.push(trigger);
    }
    let open = server.start_run(&slug, json!({})).await;
    let before = server.get(&own).await;

    let delete = async || server.send("DELETE", &own, Value::Null).await.0;
    assert_eq!(delete().await, StatusCode::NO_CONTENT);
    assert_eq!(
        delete().await,
        StatusCode::NO_CONTENT,
        "again is no mistake"
    );
    let listed = server.get("/workflows?filter=mine").await;
    assert_eq!(texts(&listed, "slug"), ["above"]);
    let gone = server.get("/workflows?filter=deleted").await;
    assert_eq!(texts(&gone, "slug"), ["going"]);
    let count = async || {
        let runs = server
            .get(&format!("/runs?workflow={slug}&limit=200"))
            .await;
        runs["items"].as_array().map(Vec::len)
    };
    let runs = count().await;
    let again = format!("/runs/{open}/again");
    let fork = format!("/runs/{open}/fork");
    let fire = format!("/triggers/{}/fire", made[0]["id"].as_str().expect("an id"));
    let change = format!("/triggers/{}", made[0]["id"].as_str().expect("an id"));
    let versions = format!("{own}/versions");
    for (method, path, body) in [
        ("POST", "/runs", json!({ "workflow": slug })),
        ("POST", "/runs", json!({ "workflow": slug, "version": 1 })),
        ("POST", again.as_str(), json!({})),
        ("POST", fork.as_str(), json!({ "step": "ask" })),
        ("POST", fire.as_str(), json!({})),
        ("PATCH", change.as_str(), json!({ "enabled": true })),
        (
            "POST",
            triggers.as_str(),
            json!({ "kind": "webhook", "name": "Late" }),
        ),
        ("POST", versions.as_str(), asking("Going", "on")),
        ("POST", "/drafts", json!({ "workflow": slug })),
        ("POST", &format!("{own}/duplicate"), Value::Null),
        ("POST", &format!("{own}/template"), json!({})),
        ("POST", &format!("{versions}/1/restore"), json!({})),
    ] {
        let (status, problem) = server.send(method, path, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::GONE, &json!("workflow_deleted")),
            "{path}: {problem}"
        );
    }
    let (status, problem) = server.post("/workflows", asking("Going", "anew")).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("slug_taken"))
    );
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("deleted")),
        "{problem}"
    );
    let (status, problem) = server
        .post("/workflows", workflow("Other", above.clone(), &[]))
        .await;
    assert_eq!(
        (status, &problem["errors"][0]["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("deleted_workflow"))
    );

    // Its schedule is quiet, its hook answers nobody, and what runs goes on.
    let posted = server.client.post(format!(
        "{}{}",
        server.address,
        made[1]["path"].as_str().expect("a path")
    ));
    assert_eq!(
        posted
            .json(&json!({}))
            .send()
            .await
            .expect("it answers")
            .status(),
        StatusCode::NOT_FOUND
    );
    let gate = server.gate(&open).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.until_run(&open, "completed").await;
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    assert_eq!(count().await, runs, "nothing has started");
    // A workflow that runs it as a step goes on doing so, and may be changed.
    server.start_run(&parent, json!({})).await;
    until(async || count().await == runs.map(|runs| runs + 1)).await;
    let mut pinned = above;
    pinned[0]["version"] = json!(1);
    let (status, saved) = server
        .post("/workflows/above/versions?note=x", {
            let mut next = workflow("Above", pinned, &[]);
            next["description"] = json!("next");
            next
        })
        .await;
    assert_eq!(status, StatusCode::OK, "{saved}");

    let undelete = format!("{own}/undelete");
    let (status, back) = server.send("POST", &undelete, Value::Null).await;
    assert_eq!((status, back), (StatusCode::OK, before));
    let shown = server.get(&triggers).await;
    let on: Vec<&Value> = shown["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| &item["enabled"])
        .collect();
    assert_eq!(on, [true, true]);
    // Its schedule starts it again.
    until(async || count().await > runs.map(|runs| runs + 1)).await;
}

#[tokio::test]
async fn templates_are_used_counted_and_made() {
    let server = Server::start().await;
    let template = "endpoint-survey";
    let (status, problem) = server
        .send("DELETE", &format!("/workflows/{template}"), Value::Null)
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("built_in_template"))
    );
    let (status, draft) = server
        .post("/drafts", json!({ "template": template }))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{draft}");
    let shown = server.get(&format!("/workflows/{template}")).await;
    assert_eq!(
        (&draft["made_from"], &shown["uses"]),
        (&shown["id"], &json!(0))
    );
    assert_eq!(draft["document"]["name"], "Endpoint survey 2");
    let publish = format!("/drafts/{}/publish", draft["id"].as_str().expect("an id"));
    let (status, published) = server.post(&publish, json!({ "revision": 1 })).await;
    assert_eq!(status, StatusCode::OK, "{published}");
    assert_eq!(published["workflow"]["made_from"], shown["id"]);
    assert_eq!(
        server.get(&format!("/workflows/{template}")).await["uses"],
        1
    );

    // One of one's own, made of a workflow, which stays what it is.
    let made = "/workflows/endpoint-survey-2/template";
    let (status, own) = server.post(made, json!({ "name": "My survey" })).await;
    assert_eq!(
        (status, &own["slug"]),
        (StatusCode::CREATED, &json!("my-survey")),
        "{own}"
    );
    assert_eq!(
        (&own["is_template"], &own["built_in"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(own["definition"]["steps"], shown["definition"]["steps"]);
    let (status, problem) = server.post(made, json!({ "name": "My survey" })).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("slug_taken"))
    );
    let (_, unnamed) = server.post(made, json!({})).await;
    assert_eq!(unnamed["name"], "Endpoint survey 2 template");
    let (status, again) = server.post(made, json!({})).await;
    assert_eq!(
        (status, &again["name"]),
        (StatusCode::CREATED, &json!("Endpoint survey 2 template 2"))
    );
    let (_, draft) = server
        .post("/drafts", json!({ "template": "my-survey" }))
        .await;
    assert_eq!(draft["made_from"], own["id"]);
    assert_eq!(
        server
            .send("DELETE", "/workflows/my-survey", Value::Null)
            .await
            .0,
        StatusCode::NO_CONTENT
    );

    let (status, copy) = server
        .send(
            "POST",
            "/workflows/endpoint-survey-2/duplicate",
            Value::Null,
        )
        .await;
    assert_eq!(
        (status, &copy["document"]["name"]),
        (StatusCode::CREATED, &json!("Endpoint survey 2 2"))
    );
    assert_eq!(
        (&copy["made_from"], &copy["workflow_id"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_template_of_ones_own_can_stop_being_one() {
    let server = Server::start().await;
    let slug = server.create(asking("Mine", "")).await;
    let (_, own) = server
        .post(&format!("/workflows/{slug}/template"), json!({}))
        .await;
    assert_eq!(own["slug"], "mine-template");
    let withdraw = async |slug: &str| {
        let path = format!("/workflows/{slug}/template");
        server.send("DELETE", &path, Value::Null).await
    };
    for _ in 0..2 {
        let (status, withdrawn) = withdraw("mine-template").await;
        assert_eq!(
            (status, &withdrawn["is_template"]),
            (StatusCode::OK, &json!(false)),
            "{withdrawn}"
        );
    }
    let mine = server.get("/workflows?filter=mine").await;
    assert_eq!(texts(&mine, "slug"), [slug.as_str(), "mine-template"]);
    let (status, _) = server
        .post("/drafts", json!({ "template": "mine-template" }))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(texts(&server.get("/workflows?filter=shared").await, "slug").is_empty());
    server
        .send("DELETE", "/workflows/mine-template", Value::Null)
        .await;
    for (slug, status, code) in [
        ("endpoint-survey", 409, "built_in_template"),
        ("mine-template", 410, "workflow_deleted"),
        ("none", 404, "not_found"),
    ] {
        let (answer, problem) = withdraw(slug).await;
        assert_eq!((answer.as_u16(), &problem["code"]), (status, &json!(code)));
    }
}

#[tokio::test]
async fn workflows_are_found_page_by_page() {
    let server = Server::start().await;
    for number in 0..5 {
        let mut one = asking(&format!("Own {number}"), "finds \u{dc}mlauts");
        one["tags"] = json!([format!("t{number}"), "Mine"]);
        server.create(one).await;
    }
    let found =
        async |query: &str| texts(&server.get(&format!("/workflows?{query}")).await, "slug");
    assert_eq!(found("filter=mine").await.len(), 5);
    assert_eq!(found("filter=all&limit=200").await.len(), 10);
    assert!(
        found("filter=templates")
            .await
            .iter()
            .all(|slug| !slug.starts_with("own"))
    );
    assert_eq!(found("tag=T3").await, ["own-3"]);
    assert_eq!(found("tag=mine&q=own%204").await, ["own-4"]);
    assert_eq!(found("q=%C3%BCMLAUTS").await.len(), 5);
    assert_eq!(
        found("q=probe.host").await,
        ["cron-health-check", "system-health-check"]
    );
    assert!(found("q=%25").await.is_empty());
    let mut seen = Vec::new();
    let mut path = "/workflows?filter=mine&limit=2".to_owned();
    loop {
        let page = server.get(&path).await;
        seen.extend(texts(&page, "slug"));
        match page["next"].as_str() {
            Some(next) => path = format!("/workflows?filter=mine&limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["own-0", "own-1", "own-2", "own-3", "own-4"]);
    let long = format!("q={}", "x".repeat(201));
    for bad in [
        "filter=others",
        "limit=201",
        "cursor=x",
        "cursor=WzFd",
        "sort=name",
        long.as_str(),
    ] {
        let (status, problem) = server
            .send("GET", &format!("/workflows?{bad}"), Value::Null)
            .await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_request")),
            "{bad}: {problem}"
        );
    }
}
