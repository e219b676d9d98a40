//! What a schedule does with moments that pass while no server is there, or while its last run has not ended.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

use crate::server::{Server, workflow};

crate::server::also_on_postgres!(
    moments_that_passed_while_no_server_was_there_are_treated_as_asked
);

/// A moment that is later than this when it is noticed has been missed; see `driver/triggers/schedule.rs`.
const LATE: Duration = Duration::from_secs(10);

#[expect(
    clippy::disallowed_methods,
    reason = "a test of a real process waits in real time"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Three moments, a second apart, of which the first is soon. As cron; and the last one.
fn three_moments() -> (String, jiff::Timestamp) {
    // Time enough to say it three times, also where the machine has other work: a moment that has passed by then is none
    // of the schedule's.
    let first = now() + jiff::SignedDuration::from_secs(6);
    let moments = [0, 1, 2].map(|later| first + jiff::SignedDuration::from_secs(later));
    let seconds = moments.map(|moment| moment.as_second().rem_euclid(60).to_string());
    (format!("{} * * * * *", seconds.join(",")), moments[2])
}

async fn until(moment: jiff::Timestamp) {
    let left = moment.duration_since(now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// Makes a workflow of that name that waits for an answer, with a schedule.
async fn scheduled(server: &Server, name: &str, cron: &str, policy: Value) -> String {
    let ask = json!([{ "id": "ask", "kind": "human_gate" }]);
    let slug = server.create(workflow(name, ask, &[])).await;
    let mut schedule = json!({ "kind": "schedule", "name": "Soon", "cron": cron });
    for (field, value) in policy.as_object().expect("fields") {
        schedule[field] = value.clone();
    }
    let path = format!("/workflows/{slug}/triggers");
    let (status, made) = server.post(&path, schedule).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    format!("/triggers/{}", made["id"].as_str().expect("an id"))
}

async fn runs(server: &Server, slug: &str) -> Vec<String> {
    let page = server.get(&format!("/runs?workflow={slug}")).await;
    let items = page["items"].as_array().expect("a list").iter();
    items
        .map(|run| run["run_id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn until_runs(server: &Server, slug: &str, count: usize) -> Vec<String> {
    let last = now() + jiff::SignedDuration::from_secs(20);
    loop {
        let runs = runs(server, slug).await;
        if runs.len() >= count {
            return runs;
        }
        assert!(now() < last, "{slug}: only {runs:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn moments_that_passed_while_no_server_was_there_are_treated_as_asked() {
    let mut server = Server::start().await;
    let (cron, last) = three_moments();
    let expected = [("skip", 0), ("latest", 1), ("all", 3)];
    for (missed, _) in expected {
        let policy = json!({ "missed": missed, "overlap": "allow" });
        scheduled(&server, missed, &cron, policy).await;
    }
    server.kill();
    // Beyond the time for which even the last one is merely late.
    until(last + jiff::SignedDuration::try_from(LATE).expect("a while")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.restart().await;
    for (missed, count) in expected {
        until_runs(&server, missed, count).await;
    }
    // What starts too much would have done so by now: all are looked at in the same turn.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (missed, count) in expected {
        assert_eq!(runs(&server, missed).await.len(), count, "{missed}");
    }
}

#[tokio::test]
async fn a_run_that_has_not_ended_meets_the_next_moment_as_asked() {
    let server = Server::start().await;
    let (cron, last) = three_moments();
    let mut triggers = Vec::new();
    for overlap in ["allow", "skip", "queue"] {
        let policy = json!({ "overlap": overlap });
        triggers.push(scheduled(&server, overlap, &cron, policy).await);
    }
    until_runs(&server, "allow", 3).await;
    until(last + jiff::SignedDuration::from_millis(500)).await;
    for overlap in ["skip", "queue"] {
        assert_eq!(runs(&server, overlap).await.len(), 1, "{overlap}");
    }
    for overlap in ["skip", "queue"] {
        let run = until_runs(&server, overlap, 1).await.remove(0);
        let gate = server.gate(&run).await;
        assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
        server.until_run(&run, "completed").await;
    }
    // One waited, and only one.
    let mut queued = until_runs(&server, "queue", 2).await;
    let second = queued.remove(0);
    let gate = server.gate(&second).await;
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    server.until_run(&second, "completed").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (overlap, count) in [("allow", 3), ("skip", 1), ("queue", 2)] {
        assert_eq!(runs(&server, overlap).await.len(), count, "{overlap}");
    }
    for trigger in triggers {
        let request = server.client.request(Method::DELETE, server.url(&trigger));
        let gone = request.send().await.expect("it answers").status();
        assert_eq!(gone, StatusCode::NO_CONTENT);
    }
}
