//! Programs and people who use the server while it dies: they start runs, decide and say what became of effects, try
//! again when nobody answers, and remember what was acknowledged.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::dice::Dice;
use super::plans;
use super::sink::Sink;

/// Programs that start runs at the same time, and how long each rests after a start.
const STARTERS: u64 = 2;
const REST_MS: u64 = 180;
/// How often people look for what waits for them.
const LOOK_MS: u64 = 120;
/// How long anybody waits before trying a server again that did not answer.
const AGAIN_MS: u64 = 60;

#[derive(Clone, Debug)]
pub struct Start {
    pub workflow: String,
    /// In the run's input.
    pub id: String,
    pub run_id: String,
}

#[derive(Clone, Debug)]
pub struct Decided {
    pub run_id: String,
    pub gate: String,
    pub decision: String,
}

#[derive(Clone, Debug)]
pub struct Resolved {
    pub run_id: String,
    pub step: String,
    pub resolution: String,
}

/// What the server has acknowledged: it was answered with 2xx.
#[derive(Default)]
pub struct Acknowledged {
    pub starts: Vec<Start>,
    pub decisions: Vec<Decided>,
    pub resolutions: Vec<Resolved>,
    /// How often somebody *asked* for an effect to be made again, by its place; the answer may have been lost.
    pub asked_again: BTreeMap<String, usize>,
}

/// Everybody together.
pub struct Load {
    crowd: Crowd,
    starters: JoinSet<()>,
    people: JoinSet<()>,
}

#[derive(Clone)]
struct Crowd {
    address: String,
    client: Client,
    sink: Sink,
    book: Arc<Mutex<Acknowledged>>,
    no_more_starts: CancellationToken,
    go_home: CancellationToken,
}

impl Load {
    /// `name` tells the ids of this load's runs from those of others.
    pub fn begin(address: &str, client: &Client, sink: &Sink, name: &str, dice: &mut Dice) -> Self {
        let mut load = Self::of_people(address, client, sink, dice);
        for starter in 0..STARTERS {
            let (crowd, dice) = (load.crowd.clone(), dice.for_another());
            let name = format!("{name}{starter}");
            load.starters
                .spawn(async move { crowd.keep_starting(name, dice).await });
        }
        load
    }

    /// Nobody who starts anything: only those who clear what waits.
    pub fn of_people(address: &str, client: &Client, sink: &Sink, dice: &mut Dice) -> Self {
        let crowd = Crowd {
            address: address.to_owned(),
            client: client.clone(),
            sink: sink.clone(),
            book: Arc::default(),
            no_more_starts: CancellationToken::new(),
            go_home: CancellationToken::new(),
        };
        let mut people = JoinSet::new();
        let (approver, chance) = (crowd.clone(), dice.for_another());
        people.spawn(async move { approver.keep_deciding(chance).await });
        let (operator, chance) = (crowd.clone(), dice.for_another());
        people.spawn(async move { operator.keep_resolving(chance).await });
        Self {
            crowd,
            starters: JoinSet::new(),
            people,
        }
    }

    /// Returns when every start that was tried has been acknowledged. People go on.
    pub async fn start_no_more(&mut self) {
        self.crowd.no_more_starts.cancel();
        while let Some(ended) = self.starters.join_next().await {
            ended.expect("a program found nothing wrong");
        }
    }

    pub async fn end(mut self) -> Acknowledged {
        self.start_no_more().await;
        self.crowd.go_home.cancel();
        while let Some(ended) = self.people.join_next().await {
            ended.expect("a person found nothing wrong");
        }
        std::mem::take(&mut *self.crowd.book())
    }
}

impl Crowd {
    fn book(&self) -> MutexGuard<'_, Acknowledged> {
        self.book.lock().expect("no panic")
    }

    /// `None`: nobody answered, or the server said that it cannot now.
    async fn ask(&self, path: &str, body: Option<(&str, Value)>) -> Option<(StatusCode, Value)> {
        let url = format!("{}/api/v1{path}", self.address);
        let request = match body {
            None => self.client.get(url),
            Some((key, body)) => self
                .client
                .post(url)
                .header("idempotency-key", key)
                .json(&body),
        };
        let response = request.timeout(Duration::from_secs(20)).send().await.ok()?;
        let status = response.status();
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let answer = response.json().await.ok()?;
        (!status.is_server_error()).then_some((status, answer))
    }

    async fn keep_starting(&self, name: String, mut dice: Dice) {
        let mut number = 0;
        while !self.no_more_starts.is_cancelled() {
            number += 1;
            let which = dice.within(0..plans::STARTED.len() as u64);
            let workflow = plans::STARTED[usize::try_from(which).expect("a few")];
            let id = format!("{name}-{number}");
            let run_id = self.start(workflow, &id).await;
            if dice.percent(10) {
                // A program that did not trust the answer.
                assert_eq!(
                    self.start(workflow, &id).await,
                    run_id,
                    "one key, two runs: {id}"
                );
            }
            self.book().starts.push(Start {
                workflow: workflow.to_owned(),
                id,
                run_id,
            });
            tokio::time::sleep(Duration::from_millis(REST_MS)).await;
        }
    }

    /// Asks until it is acknowledged, always with the same key.
    async fn start(&self, workflow: &str, id: &str) -> String {
        let body = json!({ "workflow": workflow, "input": { "id": id } });
        loop {
            if let Some((status, run)) = self.ask("/runs", Some((id, body.clone()))).await {
                assert_eq!(status, StatusCode::CREATED, "{workflow} {id}: {run}");
                return run["run_id"].as_str().expect("an id").to_owned();
            }
            tokio::time::sleep(Duration::from_millis(AGAIN_MS)).await;
        }
    }

    /// False: it is time to go home.
    async fn rest(&self) -> bool {
        tokio::select! {
            () = self.go_home.cancelled() => false,
            () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => true,
        }
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let answer = self.ask(path, None).await;
        let page = answer.map(|(_, page)| page["items"].clone());
        page.and_then(|items| items.as_array().cloned())
            .unwrap_or_default()
    }

    async fn keep_deciding(&self, mut dice: Dice) {
        while self.rest().await {
            for gate in self.items("/gates?limit=50").await {
                let decision = if dice.percent(80) {
                    "approve"
                } else {
                    "reject"
                };
                self.decide(&gate, decision).await;
            }
        }
    }

    async fn decide(&self, gate: &Value, decision: &str) {
        let id = gate["id"].as_str().expect("an id");
        let path = format!("/gates/{id}/decision");
        let body = json!({ "decision": decision, "plan_hash": gate["plan_hash"] });
        // A conflict: an earlier answer arrived, and what came back was lost.
        if let Some((StatusCode::OK, _)) = self.ask(&path, Some(("", body))).await {
            self.book().decisions.push(Decided {
                run_id: gate["run_id"].as_str().expect("an id").to_owned(),
                gate: id.to_owned(),
                decision: decision.to_owned(),
            });
        }
    }

    async fn keep_resolving(&self, mut dice: Dice) {
        while self.rest().await {
            for run in self
                .items("/runs?workflow=pay&status=waiting&limit=100")
                .await
            {
                let run_id = run["run_id"].as_str().expect("an id");
                for step in self.items(&format!("/runs/{run_id}/steps")).await {
                    if step["status"] == "outcome_unknown" {
                        self.resolve(run_id, &step["id"], dice.percent(30)).await;
                    }
                }
            }
        }
    }

    /// The person asks the receiver, and says the truth; or has it made again whatever the receiver says.
    async fn resolve(&self, run_id: &str, step: &Value, again: bool) {
        let step = step.as_str().expect("an id");
        let events = self.items(&format!("/runs/{run_id}/events")).await;
        let Some(id) = events
            .first()
            .and_then(|started| started["input"]["id"].as_str())
        else {
            return;
        };
        let place = format!("{id}/{step}");
        let happened = self.sink.applied(&place) > 0;
        let resolution = if happened && !again {
            "happened"
        } else {
            *self.book().asked_again.entry(place).or_default() += 1;
            "retry"
        };
        let path = format!("/runs/{run_id}/steps/{step}/outcome");
        let body = json!({ "resolution": resolution, "comment": "asked the receiver" });
        if let Some((StatusCode::OK, _)) = self.ask(&path, Some(("", body))).await {
            self.book().resolutions.push(Resolved {
                run_id: run_id.to_owned(),
                step: step.to_owned(),
                resolution: resolution.to_owned(),
            });
        }
    }
}
