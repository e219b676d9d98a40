//! The list of runs as a program narrows it, and the filters that have a name.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, answer, workflow};

crate::server::also_on_postgres!(
    runs_are_narrowed_by_what_they_are_and_what_they_were_given,
    pages_are_turned_by_a_cursor_while_runs_start,
    what_cannot_be_read_is_named_with_what_it_takes,
    filters_are_kept_renamed_and_removed,
    no_more_filters_are_kept_than_there_may_be,
);

/// A workflow whose runs wait for a person.
fn asking(name: &str, tags: &[&str]) -> Value {
    let mut new = workflow(name, json!([{ "id": "ask", "kind": "human_gate" }]), &[]);
    new["tags"] = json!(tags);
    new["inputs"] = json!({ "type": "object" });
    new
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    let page = server.get(&format!("/runs{query}")).await;
    let items = page["items"].as_array().expect("a list").iter();
    items
        .map(|run| run["run_id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn refused(server: &Server, query: &str) -> (StatusCode, Value) {
    let request = server.client.get(server.url(&format!("/runs{query}")));
    answer(request.send().await.expect("it answers")).await
}

#[tokio::test]
async fn runs_are_narrowed_by_what_they_are_and_what_they_were_given() {
    let server = Server::start().await;
    server.create(asking("Alpha", &["Ops", "a & b"])).await;
    server.create(asking("Beta", &["night"])).await;
    let large = "x".repeat(50_000);
    let inputs = [
        json!({ "host": "Web-1", "note": "50% off" }),
        json!({ "host": "web-2", "note": "50 off" }),
        json!({ "host": "\u{c4}pfel \u{1f600}", "note": format!("needle {large}") }),
    ];
    let mut runs = Vec::new();
    for (slug, input) in ["alpha", "alpha", "beta"].into_iter().zip(inputs) {
        let run = server.start_run(slug, input).await;
        server.gate(&run).await;
        runs.push(run);
    }
    let mut next = asking("Alpha", &["Ops", "a & b"]);
    next["description"] = json!("The next version.");
    let (status, body) = server.post("/workflows/alpha/versions", next).await;
    assert!(status.is_success(), "{body}");
    let newer = server.start_run("alpha", json!({ "host": "web-3" })).await;
    server.gate(&newer).await;
    runs.push(newer);
    assert_eq!(server.act(&runs[1], "cancel").await.0, StatusCode::OK);
    server.until_run(&runs[1], "cancelled").await;
    for (query, expected) in [
        ("", &[3, 2, 1, 0][..]),
        ("?workflow=alpha", &[3, 1, 0]),
        ("?workflow=alpha&version=1", &[1, 0]),
        ("?status=cancelled", &[1]),
        (
            "?status=cancelled&status=waiting&workflow=alpha",
            &[3, 1, 0],
        ),
        ("?tag=ops", &[3, 1, 0]),
        ("?tag=a+%26+b&status=waiting", &[3, 0]),
        ("?q=WEB", &[3, 1, 0]),
        ("?q=50%25", &[0]),
        ("?q=50+off", &[1, 0]),
        ("?q=%C3%84PFEL+%F0%9F%98%80", &[2]),
        ("?q=needle", &[2]),
        ("?q=host", &[]),
        ("?started_by=local&q=web-3", &[3]),
        ("?started_by=nobody", &[]),
        ("?from=2020-01-01&until=2999-12-31", &[3, 2, 1, 0]),
        ("?from=2999-01-01", &[]),
        ("?until=2020-01-01T00:00:00Z", &[]),
        ("?status=&tag=&version=&limit=2", &[3, 2]),
    ] {
        let expected: Vec<&str> = expected.iter().map(|at| runs[*at].as_str()).collect();
        assert_eq!(found(&server, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_are_turned_by_a_cursor_while_runs_start() {
    let server = Server::start().await;
    server.create(asking("Alpha", &[])).await;
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.push(server.start_run("alpha", json!({ "n": n })).await);
    }
    runs.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for page in 0.. {
        let answer = server
            .get(&format!("/runs?limit=2&workflow=alpha{cursor}"))
            .await;
        let items = answer["items"].as_array().expect("a list").iter();
        seen.extend(items.map(|run| run["run_id"].as_str().expect("an id").to_owned()));
        let Some(next) = answer["next"].as_str() else {
            assert_eq!(page, 2);
            break;
        };
        cursor = format!("&cursor={next}");
        server
            .start_run("alpha", json!({ "meanwhile": page }))
            .await;
    }
    assert_eq!(seen, runs);
}

#[tokio::test]
async fn what_cannot_be_read_is_named_with_what_it_takes() {
    let server = Server::start().await;
    for (query, status, says) in [
        (
            "?status=odd",
            422,
            "`status` is `odd`; it takes any of pending",
        ),
        ("?version=two", 422, "`version` is `two`"),
        ("?from=yesterday", 422, "a day such as 2026-11-23"),
        ("?until=2026-02-30", 422, "`until`"),
        ("?from=2026-02-02&until=2026-02-01", 422, "exchange the two"),
        ("?cursor=';--", 422, "first page"),
        ("?q=1+2+3+4+5+6+7+8+9+10+11", 422, "at most 10 words"),
        ("?workflow=none", 404, "no such workflow"),
        ("?odd=1", 400, "no field `odd`"),
        ("?newer=1.a", 400, "no field `newer`"),
        ("?limit=many", 400, "`limit` is `many`"),
        ("?limit=0", 400, "between 1 and 200"),
    ] {
        let (found, body) = refused(&server, query).await;
        assert_eq!(found.as_u16(), status, "{query}: {body}");
        let detail = body["detail"].as_str().expect("a sentence");
        assert!(detail.contains(says), "{query}: {detail}");
        assert!(body["request_id"].is_string());
    }
    let (_, body) = refused(&server, "?status=odd&from=x").await;
    let fields = body["errors"].as_array().expect("a list").iter();
    let fields: Vec<&Value> = fields.map(|error| &error["field"]).collect();
    assert_eq!(fields, ["status", "from"]);
    let long = format!("?q={}", "x".repeat(20_000));
    assert!(refused(&server, &long).await.0.is_client_error());
}

#[tokio::test]
async fn filters_are_kept_renamed_and_removed() {
    let mut server = Server::start().await;
    let put = async |server: &Server, name: &str, body: Value| {
        server.send("PUT", &format!("/filters/{name}"), body).await
    };
    let query = json!({ "query": "q=50%25&status=failed&status=running" });
    let (status, body) = put(&server, "Night%20%26%20day%2F%C3%BC", query.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["name"], "Night & day/\u{fc}");
    assert_eq!(body["query"], "status=failed&status=running&q=50%25");
    let again = put(&server, "Night%20%26%20day%2F%C3%BC", query).await;
    assert_eq!(again.0, StatusCode::OK);
    put(&server, "other", json!({ "query": "tag=ops" })).await;
    let taken = put(&server, "other", json!({ "name": "Night & day/\u{fc}" })).await;
    assert_eq!(
        (taken.0, &taken.1["code"]),
        (StatusCode::CONFLICT, &json!("filter_name_taken"))
    );
    let changed = put(&server, "other", json!({ "query": "tag=ops&version=2" })).await;
    assert_eq!(changed.0, StatusCode::OK, "{}", changed.1);
    let renamed = put(&server, "other", json!({ "name": "ops" })).await;
    assert_eq!(renamed.0, StatusCode::OK, "{}", renamed.1);
    assert_eq!(renamed.1["query"], "version=2&tag=ops");
    for (name, body, status) in [
        ("none", json!({ "name": "x" }), 404),
        ("x", json!({}), 400),
        // Half of it may be refused.
        ("x", json!({ "name": "ops", "query": "tag=a" }), 400),
        ("x", json!({ "query": "" }), 422),
        ("x", json!({ "query": "odd=1" }), 422),
        ("x", json!({ "query": "status=odd" }), 422),
        ("x", json!({ "query": "older=1.a" }), 422),
        ("%20", json!({ "query": "tag=a" }), 422),
        ("a%0Ab", json!({ "query": "tag=a" }), 422),
    ] {
        let (found, answer) = put(&server, name, body.clone()).await;
        assert_eq!(found.as_u16(), status, "{name} {body}: {answer}");
        assert!(answer["detail"].is_string());
    }
    server.kill_and_restart().await;
    let listed = server.get("/filters").await;
    let names = listed["items"].as_array().expect("a list").iter();
    let names: Vec<&Value> = names.map(|filter| &filter["name"]).collect();
    assert_eq!(names, ["Night & day/\u{fc}", "ops"]);
    assert_eq!(server.get("/filters/ops").await["changed_by"], "local");
    let remove = async || server.send("DELETE", "/filters/ops", Value::Null).await.0;
    assert_eq!(remove().await, StatusCode::NO_CONTENT);
    assert_eq!(remove().await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_more_filters_are_kept_than_there_may_be() {
    let server = Server::start().await;
    for number in 0..51 {
        let body = json!({ "query": format!("version={}", number + 1) });
        let (status, body) = server
            .send("PUT", &format!("/filters/f{number}"), body)
            .await;
        let expected = match number {
            50 => StatusCode::CONFLICT,
            _ => StatusCode::CREATED,
        };
        assert_eq!(status, expected, "{body}");
    }
}
