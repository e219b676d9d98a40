//! What the server tells of all its runs, read through the API after everything has come to its end.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::server::Server;

pub struct Run {
    pub workflow: String,
    /// From its input.
    pub id: String,
    pub status: String,
    pub reason: String,
    pub events: Vec<Value>,
}

impl Run {
    pub fn kinds<'r>(&'r self, kind: &'r str) -> impl Iterator<Item = &'r Value> + 'r {
        self.events
            .iter()
            .filter(move |event| event["kind"] == kind)
    }
}

pub type Runs = BTreeMap<String, Run>;

/// The rows of the list, over all its pages.
pub async fn summaries(server: &Server) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/runs?limit=200{cursor}")).await;
        found.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

pub async fn read(server: &Server) -> Runs {
    let mut runs = Runs::new();
    for summary in summaries(server).await {
        let text = |field: &str| summary[field].as_str().unwrap_or_default().to_owned();
        let run_id = text("run_id");
        let events = server.events(&run_id).await;
        let run = Run {
            workflow: text("workflow_slug"),
            id: events[0]["input"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            status: text("status"),
            reason: text("reason"),
            events,
        };
        runs.insert(run_id, run);
    }
    runs
}
