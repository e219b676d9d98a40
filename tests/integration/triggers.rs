//! Runs that start by themselves, as a program meets them: schedules, messages of foreign programs, ends of runs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::server::{Server, answer, now};

fn echo(name: &str) -> Value {
    json!({
        "name": name,
        "inputs": { "type": "object" },
        "steps": [{ "id": "a", "kind": "transform", "set": { "got": "$input" } }],
    })
}

async fn create(server: &Server, slug: &str, trigger: Value) -> Value {
    let (status, body) = server
        .post(&format!("/workflows/{slug}/triggers"), trigger)
        .await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body
}

async fn send(server: &Server, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = server.client.request(method, server.url(path)).json(&body);
    answer(request.send().await.expect("it answers")).await
}

async fn runs_of(server: &Server, slug: &str) -> Vec<Value> {
    let page = server
        .get(&format!("/runs?workflow={slug}&limit=200"))
        .await;
    page["items"].as_array().expect("a list").clone()
}

/// The workflow's runs, once there are so many that have ended.
async fn until_ended(server: &Server, slug: &str, count: usize) -> Vec<Value> {
    let began = now();
    loop {
        let mut runs = runs_of(server, slug).await;
        runs.retain(|run| run["status"] == "completed");
        if runs.len() >= count {
            return runs;
        }
        assert!(began.elapsed().as_secs() < 30, "only {runs:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn id(item: &Value) -> &str {
    item["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_schedule_starts_real_runs_and_again_after_a_crash() {
    let mut server = Server::start().await;
    let slug = server.create(echo("Tick")).await;
    let trigger = json!({
        "kind": "schedule", "name": "Each second", "cron": "* * * * * *", "zone": "Europe/Berlin",
        "input": { "by": "clock" }, "missed": "all", "overlap": "allow",
    });
    let created = create(&server, &slug, trigger).await;
    let path = format!("/triggers/{}", id(&created));
    assert!(created["next_at"].is_string(), "{created}");
    let run = until_ended(&server, &slug, 2).await.remove(0);
    let run = server.run(run["run_id"].as_str().expect("an id")).await;
    assert_eq!(run["input"], json!({ "by": "clock" }));
    assert_eq!(run["origin"]["because"], "trigger");
    assert_eq!(run["origin"]["trigger_id"], created["id"]);

    let before = runs_of(&server, &slug).await.len();
    server.kill_and_restart().await;
    until_ended(&server, &slug, before + 2).await;
    let (status, off) = send(&server, Method::PATCH, &path, json!({ "enabled": false })).await;
    assert_eq!((status, &off["next_at"]), (StatusCode::OK, &Value::Null));
    // One run a moment: none was lost and none was made twice.
    let settled = server.get(&path).await;
    let (first, last) = (moment(&created["created_at"]), moment(&settled["fired_at"]));
    let runs = runs_of(&server, &slug).await.len() as i64;
    assert!(
        (last - first).abs_diff(runs) <= 2,
        "{runs} runs from {first} to {last}"
    );
    assert!(settled["last_run"].is_string() && settled["error"].is_null());
    assert_eq!(
        send(&server, Method::DELETE, &path, json!({})).await.0,
        StatusCode::NO_CONTENT
    );
    let gone = server
        .client
        .get(server.url(&path))
        .send()
        .await
        .expect("it answers");
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

/// Its second since 1970.
fn moment(text: &Value) -> i64 {
    let text = text.as_str().expect("a moment");
    let moment: jiff::Timestamp = text.parse().expect("a moment");
    moment.as_second()
}

#[tokio::test]
async fn what_is_no_trigger_is_refused_with_what_to_do() {
    let server = Server::start().await;
    let strict = json!({
        "name": "Strict",
        "inputs": { "type": "object", "required": ["day"], "properties": { "day": { "type": "string" } } },
        "steps": [{ "id": "a", "kind": "transform", "set": { "x": 1 } }],
    });
    let slug = server.create(strict).await;
    let path = format!("/workflows/{slug}/triggers");
    let good =
        json!({ "kind": "schedule", "name": "N", "cron": "0 6 * * *", "input": { "day": "x" } });
    for (field, value, status, says) in [
        ("cron", json!("every day"), 422, "such as `30 6 * * 1-5`"),
        ("cron", json!("0 0 30 2 *"), 422, "would never come"),
        ("zone", json!("Berlin"), 422, "Europe/Berlin"),
        ("input", json!({}), 422, "day"),
        ("name", json!(" "), 422, "give it a name"),
        ("missed", json!("some"), 400, "`latest`"),
        ("colour", json!("red"), 400, "colour"),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let (code, body) = server.post(&path, bad).await;
        let detail = body["detail"].as_str().unwrap_or_default();
        assert_eq!(code.as_u16(), status, "{field}: {body}");
        assert!(detail.contains(says), "{field}: {detail}");
    }
    for (bad, says) in [
        (
            json!({ "kind": "run_finished", "name": "N", "after": "nobody" }),
            "no workflow `nobody`",
        ),
        (
            json!({ "kind": "run_finished", "name": "N", "after": slug, "states": [] }),
            "at least one",
        ),
        (
            json!({ "kind": "run_finished", "name": "N", "after": slug, "input": "$input.x" }),
            "not known here",
        ),
    ] {
        let (code, body) = server.post(&path, bad).await;
        assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(
            body["detail"].as_str().unwrap_or_default().contains(says),
            "{body}"
        );
    }
    assert_eq!(
        server.get(&path).await,
        json!({ "items": [], "next": null })
    );
    let created = create(&server, &slug, good).await;
    let own = format!("/triggers/{}", id(&created));
    for bad in [json!({ "cron": "x" }), json!({ "states": ["failed"] })] {
        let (code, body) = send(&server, Method::PATCH, &own, bad).await;
        assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let (code, body) = send(&server, Method::PATCH, &own, json!({ "cron": "0 7 * * *" })).await;
    assert_eq!((code, &body["cron"]), (StatusCode::OK, &json!("0 7 * * *")));
    let (code, run) = send(&server, Method::POST, &format!("{own}/fire"), json!({})).await;
    assert_eq!(
        (code, &run["input"]),
        (StatusCode::CREATED, &json!({ "day": "x" }))
    );
    let (code, _) = send(&server, Method::POST, &format!("{own}/rotate"), json!({})).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A message with its headers, ready to be changed and sent.
#[derive(Clone)]
struct Signed {
    id: String,
    timestamp: i64,
    signature: String,
    body: String,
}

fn sign(key: &str, id: &str, ago_s: i64, body: &Value) -> Signed {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of a real process signs in real time"
    )]
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock that goes");
    let timestamp = i64::try_from(since.as_secs()).expect("a near day") - ago_s;
    let body = body.to_string();
    let bytes = BASE64
        .decode(key.trim_start_matches("whsec_"))
        .expect("a key");
    let mut hmac = Hmac::<Sha256>::new_from_slice(&bytes).expect("any key will do");
    hmac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64.encode(hmac.finalize().into_bytes()));
    Signed {
        id: id.to_owned(),
        timestamp,
        signature,
        body,
    }
}

async fn deliver(
    server: &Server,
    hook: &str,
    message: &Signed,
    headers: &[(&str, &str)],
) -> (StatusCode, Value) {
    let mut request = server
        .client
        .post(format!("{}{hook}", server.address))
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", message.timestamp.to_string())
        .header("webhook-signature", &message.signature)
        .body(message.body.clone());
    if headers.iter().all(|(name, _)| *name != "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.send().await.expect("it answers")).await
}

#[tokio::test]
async fn a_signed_message_starts_one_run_and_a_forged_one_none() {
    let (server, slug, own, hook, key) = hooked().await;
    let hook = hook.as_str();
    assert!(!server.get(&own).await.to_string().contains(&key));

    let content = json!({ "order": 7 });
    let good = sign(&key, "msg_1", 0, &content);
    let forged: Vec<(&str, Signed)> = vec![
        (
            "unsigned",
            Signed {
                signature: String::new(),
                ..good.clone()
            },
        ),
        (
            "without id",
            Signed {
                id: String::new(),
                ..good.clone()
            },
        ),
        (
            "other id",
            Signed {
                id: "msg_2".to_owned(),
                ..good.clone()
            },
        ),
        (
            "other time",
            Signed {
                timestamp: good.timestamp + 1,
                ..good.clone()
            },
        ),
        (
            "one byte",
            Signed {
                body: good.body.replace('7', "8"),
                ..good.clone()
            },
        ),
        (
            "wrong key",
            sign(
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "msg_1",
                0,
                &content,
            ),
        ),
        ("too old", sign(&key, "msg_1", 301, &content)),
        ("too new", sign(&key, "msg_1", -310, &content)),
    ];
    for (what, message) in &forged {
        let (status, body) = deliver(&server, hook, message, &[]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {body}");
        assert!(
            body["request_id"].is_string() && body["code"] == "not_accepted",
            "{what}: {body}"
        );
    }
    // Signed, and yet from another site's page, or not as JSON.
    for (headers, expected) in [
        ([("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        ([("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (
            [("content-type", "text/plain")],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        let (status, body) = deliver(&server, hook, &good, &headers).await;
        assert_eq!(status, expected, "{headers:?}: {body}");
    }
    let large = sign(&key, "msg_3", 0, &json!("x".repeat(1_000_000)));
    assert_eq!(
        deliver(&server, hook, &large, &[]).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let stranger = deliver(&server, "/hooks/none", &good, &[]).await;
    assert_eq!(
        (stranger.0, &stranger.1["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
    assert_eq!(runs_of(&server, &slug).await.len(), 0);

    let (status, first) = deliver(&server, hook, &good, &[]).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let run = server.run(first["run_id"].as_str().expect("an id")).await;
    assert_eq!(run["input"], json!({ "event": content }));
    assert_eq!(
        deliver(&server, hook, &good, &[]).await,
        (StatusCode::OK, first.clone())
    );
    let signed_anew = sign(&key, "msg_1", 5, &content);
    assert_eq!(
        deliver(&server, hook, &signed_anew, &[]).await,
        (StatusCode::OK, first)
    );
    let other = sign(&key, "msg_1", 0, &json!({ "order": 8 }));
    assert_eq!(
        deliver(&server, hook, &other, &[]).await.0,
        StatusCode::CONFLICT
    );
    assert_eq!(runs_of(&server, &slug).await.len(), 1);
}

/// A webhook on a new workflow: the server, the workflow, the trigger's path, where its messages go, and its key.
async fn hooked() -> (Server, String, String, String, String) {
    let server = Server::start().await;
    let slug = server.create(echo("Hook")).await;
    let webhook = json!({ "kind": "webhook", "name": "Shop", "field": "event" });
    let created = create(&server, &slug, webhook).await;
    let own = format!("/triggers/{}", id(&created));
    let text = |field: &str| created[field].as_str().expect("a text").to_owned();
    let (hook, key) = (text("path"), text("key"));
    (server, slug, own, hook, key)
}

#[tokio::test]
async fn two_keys_count_during_rotation_and_none_when_it_is_off() {
    let (server, slug, own, hook, key) = hooked().await;
    let content = json!({});
    let rotate = format!("{own}/rotate");
    let new = async || {
        send(&server, Method::POST, &rotate, json!({})).await.1["key"]
            .as_str()
            .expect("a key")
            .to_owned()
    };
    let second = new().await;
    for (message, key) in [("msg_4", &key), ("msg_5", &second)] {
        let (status, _) = deliver(&server, &hook, &sign(key, message, 0, &content), &[]).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{message}");
    }
    new().await;
    let (status, _) = deliver(&server, &hook, &sign(&key, "msg_6", 0, &content), &[]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    send(&server, Method::PATCH, &own, json!({ "enabled": false })).await;
    let (status, _) = deliver(&server, &hook, &sign(&second, "msg_7", 0, &content), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(runs_of(&server, &slug).await.len(), 2);
}

#[tokio::test]
async fn the_end_of_a_run_starts_another() {
    let server = Server::start().await;
    let first = server.create(echo("First")).await;
    let second = server.create(echo("Second")).await;
    let trigger = json!({
        "kind": "run_finished", "name": "Then", "after": first,
        "input": { "from": "$run.run_id", "got": "$run.output" },
    });
    create(&server, &second, trigger).await;
    let run = server.start_run(&first, json!({ "n": 1 })).await;
    let follower = until_ended(&server, &second, 1).await.remove(0);
    let follower = server
        .run(follower["run_id"].as_str().expect("an id"))
        .await;
    assert_eq!(follower["input"]["from"], json!(run));
    assert_eq!(follower["origin"]["depth"], 1);
}

#[tokio::test]
async fn the_page_sets_and_deletes_a_schedule_without_scripting() {
    let server = Server::start().await;
    let slug = server.create(echo("Paged")).await;
    let page = async || {
        let path = format!("{}/workflows/{slug}", server.address);
        let request = server.client.get(path).header("accept", "text/html");
        request
            .send()
            .await
            .expect("it answers")
            .text()
            .await
            .expect("a page")
    };
    assert!(page().await.contains("Nothing starts it by itself yet."));
    let post = async |endpoint: &str, fields: &[(&str, &str)]| {
        let mut form = String::new();
        for (name, value) in fields {
            form.push_str(&format!(
                "{name}={}&",
                value
                    .replace(' ', "+")
                    .replace('{', "%7B")
                    .replace('}', "%7D")
            ));
        }
        let request = server
            .client
            .post(format!("{}/rpc/{endpoint}", server.address))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .header("referer", format!("{}/workflows/{slug}", server.address))
            .body(form);
        request.send().await.expect("it answers").status()
    };
    let fields = [
        ("slug", slug.as_str()),
        ("name", "Nightly"),
        ("cron", "0 3 * * *"),
        ("zone", "Europe/Berlin"),
        ("missed", "latest"),
        ("overlap", "skip"),
        ("input", "{}"),
    ];
    post("add_schedule", &fields).await;
    let shown = page().await;
    assert!(
        shown.contains("Nightly") && shown.contains("0 3 * * *"),
        "{shown}"
    );
    let triggers = server.get(&format!("/workflows/{slug}/triggers")).await;
    let trigger = id(&triggers["items"][0]).to_owned();
    post(
        "act_on_trigger",
        &[("trigger_id", &trigger), ("act", "switch_off")],
    )
    .await;
    assert_eq!(
        server.get(&format!("/triggers/{trigger}")).await["enabled"],
        false
    );
    post(
        "act_on_trigger",
        &[("trigger_id", &trigger), ("act", "delete")],
    )
    .await;
    assert!(page().await.contains("Nothing starts it by itself yet."));
}

crate::server::also_on_postgres!(
    a_schedule_starts_real_runs_and_again_after_a_crash,
    what_is_no_trigger_is_refused_with_what_to_do,
    a_signed_message_starts_one_run_and_a_forged_one_none,
    two_keys_count_during_rotation_and_none_when_it_is_off,
    the_end_of_a_run_starts_another,
);
