//! The real server as a process of its own, on a free port and a database that is thrown away.

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::postgres_server::PostgresServer;

/// The longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a killed server keeps the next one off a PostgreSQL database.
const LEASE_MS: u64 = 700;

/// Makes the named tests of this file a second time, on PostgreSQL.
macro_rules! also_on_postgres {
    ($($test:ident),* $(,)?) => {
        mod on_postgres {
            $(#[test]
            fn $test() {
                crate::server::with_postgres(super::$test);
            })*
        }
    };
}
pub(crate) use also_on_postgres;

thread_local! {
    /// What `Server::start` takes. A test and its runtime stay on one thread.
    static ON_POSTGRES: Cell<bool> = const { Cell::new(false) };
}

pub fn with_postgres(test: fn()) {
    ON_POSTGRES.set(true);
    test();
}

pub struct Server {
    process: Child,
    pub address: String,
    pub client: Client,
    database: String,
    lease_ms: u64,
    // Dropped last: the process has ended by then.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    pub async fn start() -> Self {
        if ON_POSTGRES.get() {
            return Self::on(&PostgresServer::shared().new_database(), LEASE_MS).await;
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let database = format!("sqlite:{}", folder.path().join("signalbox.db").display());
        let mut server = Self::on(&database, LEASE_MS).await;
        server._folder = Some(folder);
        server
    }

    pub async fn on(database: &str, lease_ms: u64) -> Self {
        let process = launch(database, "127.0.0.1:0", lease_ms, &[]);
        let mut server = Self::of(process, database).await;
        server.lease_ms = lease_ms;
        server
    }

    /// A server that somebody else has launched on that database, with its output piped.
    pub async fn of(process: Child, database: &str) -> Self {
        let (process, address) = ready(process).await;
        Self {
            process,
            address,
            client: client(),
            database: database.to_owned(),
            lease_ms: LEASE_MS,
            _folder: None,
        }
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.process_id().to_string()])
            .status();
        assert!(sent.expect("kill can be called").success());
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let started = now();
        loop {
            if let Some(status) = self.process.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it never ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`, then a new process on the same database and port.
    pub async fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it has ended");
    }

    /// A new process on the same database and port, after the last one has ended.
    pub async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    /// The same, with further words on its command line.
    pub async fn restart_with(&mut self, words: &[&str]) {
        let listen = self.address.trim_start_matches("http://").to_owned();
        let (process, address) = ready(launch(&self.database, &listen, self.lease_ms, words)).await;
        self.process = process;
        assert_eq!(address, self.address);
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self
            .client
            .get(self.url(path))
            .send()
            .await
            .expect("the server answers");
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(
            self.client
                .post(self.url(path))
                .json(&body)
                .send()
                .await
                .expect("the server answers"),
        )
        .await
    }

    /// Without a body when it is null.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, self.url(path));
        if !body.is_null() {
            request = request.json(&body);
        }
        answer(request.send().await.expect("the server answers")).await
    }

    /// Posts what is done to a run, such as `cancel`, without saying why.
    pub async fn act(&self, run: &str, act: &str) -> (StatusCode, Value) {
        self.post(&format!("/runs/{run}/{act}"), json!({})).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.address)
    }

    pub async fn create(&self, workflow: Value) -> String {
        let (status, body) = self.post("/workflows", workflow).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["slug"].as_str().expect("a slug").to_owned()
    }

    pub async fn start_run(&self, workflow: &str, input: Value) -> String {
        let (status, body) = self
            .post("/runs", json!({ "workflow": workflow, "input": input }))
            .await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["run_id"].as_str().expect("an id").to_owned()
    }

    pub async fn run(&self, id: &str) -> Value {
        self.get(&format!("/runs/{id}")).await
    }

    /// The run's step with this id.
    pub async fn step(&self, run: &str, step: &str) -> Value {
        self.find_step(run, step).await.expect("the step is there")
    }

    async fn find_step(&self, run: &str, step: &str) -> Option<Value> {
        let steps = self.get(&format!("/runs/{run}/steps")).await;
        let mut items = steps["items"].as_array().expect("a list").iter();
        items.find(|item| item["id"] == step).cloned()
    }

    pub async fn until_run(&self, id: &str, status: &str) -> Value {
        self.until_run_within(PATIENCE, id, status).await
    }

    /// For a run that has much to compute, in a build that is not optimised.
    pub async fn until_run_within(&self, patience: Duration, id: &str, status: &str) -> Value {
        let ask = async || self.run(id).await;
        self.until(patience, ask, |run| run["status"] == status)
            .await
    }

    /// The step may come to be only now, such as one of an item or an undo.
    pub async fn until_step(&self, run: &str, step: &str, status: &str) -> Value {
        self.until(
            PATIENCE,
            async || self.find_step(run, step).await.unwrap_or_default(),
            |step| step["status"] == status,
        )
        .await
    }

    /// Asks again until the answer is as wanted.
    async fn until(
        &self,
        patience: Duration,
        ask: impl AsyncFn() -> Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = now();
        loop {
            let answer = ask().await;
            if wanted(&answer) {
                return answer;
            }
            assert!(
                started.elapsed() < patience,
                "it never became as wanted: {answer:#}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run's open gate.
    pub async fn gate(&self, run: &str) -> Value {
        let gates = self
            .until(
                PATIENCE,
                async || self.get(&format!("/gates?run={run}")).await,
                |gates| gates["items"][0].is_object(),
            )
            .await;
        gates["items"][0].clone()
    }

    pub async fn decide(&self, gate: &Value, decision: &str) -> (StatusCode, Value) {
        let path = format!("/gates/{}/decision", gate["id"].as_str().expect("an id"));
        self.post(
            &path,
            json!({ "decision": decision, "plan_hash": gate["plan_hash"] }),
        )
        .await
    }

    pub async fn events(&self, run: &str) -> Vec<Value> {
        let page = self.get(&format!("/runs/{run}/events")).await;
        page["items"].as_array().expect("a list").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A workflow of these steps, with plain edges.
pub fn workflow(name: &str, steps: Value, edges: &[(&str, &str)]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    json!({ "name": name, "steps": steps, "edges": edges })
}

/// The tools choose their TLS themselves, so the crate sets no provider for the whole process.
fn client() -> Client {
    // Fails when another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        // An answer that never comes fails its test; streams say more often that they are still there.
        .read_timeout(2 * PATIENCE)
        .build()
        .expect("a client")
}

pub async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.unwrap_or_default())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test of a real process waits in real time"
)]
pub fn now() -> Instant {
    Instant::now()
}

fn launch(database: &str, listen: &str, lease_ms: u64, words: &[&str]) -> Child {
    command(database, lease_ms)
        .args(["--listen", listen, "--log", "warn"])
        .args(words)
        .spawn()
        .expect("the server starts")
}

/// `signalbox serve` on that database.
pub fn command(database: &str, lease_ms: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command
        .args(["serve", "--database", database])
        .args(["--lease-ms", &lease_ms.to_string()])
        .stdout(Stdio::piped());
    command
}

/// Waits for the line in which the server says that it is ready, and where.
async fn ready(mut process: Child) -> (Child, String) {
    let output = process.stdout.take().expect("it is piped");
    let reading = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(output).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Signalbox is ready at ")
                .map(|address| address.trim().to_owned())
        });
        // Goes on reading, so that the server never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        address
    });
    let address = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("in time")
        .expect("no panic");
    (process, address.expect("the server says where it is"))
}
