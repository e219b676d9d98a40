//! A PostgreSQL server for tests. One is shared by all tests of a binary, each with a database of its own; a test that
//! takes the server away has one to itself. `scripts/postgres.sh` starts it, and ends it when this process ends,
//! however it ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub struct PostgresServer {
    /// It ends when its standard input does, and that is when this process ends or drops it.
    script: Child,
    /// Of its socket and its data.
    folder: String,
    databases: AtomicU32,
}

impl PostgresServer {
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    pub fn start() -> Self {
        let mut script = command()
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/postgres.sh starts");
        let output = script.stdout.take().expect("it is piped");
        let ready = BufReader::new(output).lines().next();
        let folder = ready
            .expect("PostgreSQL starts; `make test-rust` installs it where it is missing")
            .expect("a line");
        Self {
            script,
            folder,
            databases: AtomicU32::new(0),
        }
    }

    /// The URL of a new and empty database.
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.tell(&["--create", &self.folder, &name]);
        format!("postgres://signalbox@localhost/{name}?host={}", self.folder)
    }

    /// At once, as a power cut would.
    pub fn break_off(&self) {
        self.tell(&["--stop", &self.folder]);
    }

    pub fn start_again(&self) {
        self.tell(&["--start", &self.folder]);
    }

    fn tell(&self, arguments: &[&str]) {
        let done = command()
            .args(arguments)
            .stdin(Stdio::null())
            .status()
            .expect("scripts/postgres.sh starts");
        assert!(done.success(), "scripts/postgres.sh {arguments:?}");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // It may have ended already.
        let _ = self.script.wait();
    }
}

fn command() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh"))
}
