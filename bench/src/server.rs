//! The built server as its users run it: a process of its own, on an SQLite file in a fresh folder.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

use crate::http::Client;

pub struct Server {
    process: Child,
    pub host: String,
    pub folder: TempDir,
}

impl Server {
    pub async fn start(binary: &Path) -> Self {
        let folder = tempfile::tempdir_in(".").expect("a folder on the disk that is measured");
        Self::start_in(binary, folder).await
    }

    /// On the database that the folder may have.
    pub async fn start_in(binary: &Path, folder: TempDir) -> Self {
        let mut process = launch(binary, &folder);
        let output = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let host = lines
            .find_map(|line| {
                line.strip_prefix("Signalbox is ready at http://")
                    .map(|host| host.trim().trim_end_matches('/').to_owned())
            })
            .expect("the server says where it is");
        // Goes on reading, so that the server never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            host,
            folder,
        }
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.host).await.expect("it listens")
    }

    /// Stops it and leaves its folder.
    pub fn stop(mut self) -> TempDir {
        self.end();
        let unused = tempfile::tempdir().expect("a folder");
        std::mem::replace(&mut self.folder, unused)
    }

    fn end(&mut self) {
        // With time to close its database; it may have ended already.
        let process = self.process.id().to_string();
        let _ = Command::new("kill").arg(process).status();
        let _ = self.process.wait();
    }

    /// What the process has in memory now, and what it has had at the most, in bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.unwrap_or(0_u64) * 1_024
        };
        (kib("VmRSS:"), kib("VmHWM:"))
    }

    /// What all its threads have had of the processors so far, the kernel's work for them included.
    pub fn processor(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))
            .unwrap_or_default();
        // Behind the name, which may hold anything: fields 14 and 15 of proc_pid_stat(5).
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        Duration::from_secs_f64(ticks / TICKS_A_SECOND)
    }
}

/// As the kernel counts processor time for those who read `/proc`, whatever its own clock is.
const TICKS_A_SECOND: f64 = 100.0;

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("signalbox.db")
}

fn launch(binary: &Path, folder: &TempDir) -> Child {
    let database = format!("sqlite:{}", database(folder).display());
    Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
        .args(["--database", &database])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts")
}

/// Answers the slug.
pub async fn create(client: &mut Client, workflow: &Value) -> String {
    let created = client.post("/api/v1/workflows", workflow).await;
    created["slug"].as_str().expect("a slug").to_owned()
}

/// Starts a run and waits, within the one request, until it has completed.
pub async fn run_to_the_end(client: &mut Client, workflow: &str) -> Value {
    let body = json!({ "workflow": workflow });
    let run = client.post("/api/v1/runs?wait=30s", &body).await;
    assert_eq!(run["status"], "completed", "{run}");
    run
}
