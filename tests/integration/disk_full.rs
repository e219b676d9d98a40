//! A disk without room: what was acknowledged stays, nothing is acknowledged that is not stored, and the server goes on
//! by itself when there is room again. Made full in two ways: a small file system of the server's own, and a limit on
//! the size of its files, which every system lets us set.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::server::{Server, answer, command, now};
use crate::stub::Stub;

/// The whole small disk. The database takes a part of it before the first run.
const DISK: &str = "4m";
/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than the calls take that are under way when the disk is full.
const ANSWERED: Duration = Duration::from_millis(2_800);
/// Left free on the small disk, where events have room and the file does not.
const LITTLE_BYTES: u64 = 150_000;

/// How the server's disk is filled.
enum Disk {
    /// A file system in memory, which only the server sees.
    Small { folder: PathBuf },
    /// No file of the process may become longer.
    Limited,
}

impl Disk {
    fn fill(&self, server: &Server) {
        match self {
            Disk::Small { .. } => {
                let mut ballast = File::create(self.ballast(server)).expect("it can be made");
                let error = std::io::copy(&mut std::io::repeat(b'.'), &mut ballast);
                let error = error.expect_err("the disk is small");
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
            }
            Disk::Limited => limit(server, "1:unlimited"),
        }
    }

    fn make_room(&self, server: &Server) {
        match self {
            Disk::Small { .. } => std::fs::remove_file(self.ballast(server)).expect("it is there"),
            Disk::Limited => limit(server, "unlimited:unlimited"),
        }
    }

    fn ballast(&self, server: &Server) -> PathBuf {
        match self {
            Disk::Small { folder } => seen_by(server, folder).join("ballast"),
            Disk::Limited => unreachable!("nothing is put on it"),
        }
    }

    /// The limit is on the log too, which must not hurt.
    fn has_room_for_logs(&self) -> bool {
        matches!(self, Disk::Small { .. })
    }

    /// What the API says while it is full. Only a disk that is full says so itself.
    fn refusal(&self) -> (StatusCode, &'static str) {
        match self {
            Disk::Small { .. } => (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
            Disk::Limited => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
        }
    }
}

/// The folder as the server sees it, which may be mounted for it alone.
fn seen_by(server: &Server, folder: &Path) -> PathBuf {
    let root = format!("/proc/{}/root", server.process_id());
    Path::new(&root).join(folder.strip_prefix("/").expect("an absolute path"))
}

fn limit(server: &Server, bytes: &str) {
    let set = Command::new("prlimit")
        .args(["--pid", &server.process_id().to_string()])
        .arg(format!("--fsize={bytes}"))
        .status();
    assert!(set.expect("prlimit can be called").success());
}

/// `signalbox serve`, called by this script; what it says of its troubles goes to `log`.
async fn serve(before: &[&str], script: &str, database: &str, log: &Path) -> Server {
    let serve = command(database, 700);
    let (shell, words) = match before.split_first() {
        Some((first, more)) => (*first, [more, &["sh"][..]].concat()),
        None => ("sh", Vec::new()),
    };
    let process = Command::new(shell)
        .args(words)
        .args(["-c", &format!("{script}; exec \"$0\" \"$@\"")])
        .arg(serve.get_program())
        .args(serve.get_args())
        .args(["--listen", "127.0.0.1:0", "--log", "info"])
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(File::create(log).expect("it can be made"))
        .spawn();
    Server::of(process.expect("it starts"), database).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_a_full_disk_nothing_is_lost_and_it_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (disk, log) = (folder.path().join("disk"), folder.path().join("log"));
    std::fs::create_dir(&disk).expect("it is new");
    let mount = format!("mount -t tmpfs -o size={DISK} none {}", disk.display());
    let Some(before) = may_mount(&mount) else {
        eprintln!("NOT TRIED: this system lets nobody mount a small disk; the limit on files is.");
        return;
    };
    let database = format!("sqlite:{}", disk.join("signalbox.db").display());
    let server = serve(&before, &mount, &database, &log).await;
    let inside = seen_by(&server, &disk);
    let disk = Disk::Small { folder: disk };
    live_through(&server, &disk, &log).await;
    a_file_waits_for_room(&server, &disk).await;
    // The disk goes away with the server. All runs have ended, so that nobody writes while it is copied.
    for file in ["signalbox.db", "signalbox.db-wal"] {
        std::fs::copy(inside.join(file), folder.path().join(file)).expect("it can be copied");
    }
    assert_sound(&folder.path().join("signalbox.db"));
}

/// As whom a file system can be mounted that only the process sees.
fn may_mount(mount: &str) -> Option<Vec<&'static str>> {
    let ways = [
        vec!["unshare", "--mount"],
        vec!["unshare", "--mount", "--map-root-user"],
    ];
    ways.into_iter().find(|way| {
        let tried = Command::new(way[0])
            .args(&way[1..])
            .args(["sh", "-c", mount])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn when_no_file_may_grow_nothing_is_lost_and_it_goes_on_when_they_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, log) = (
        folder.path().join("signalbox.db"),
        folder.path().join("log"),
    );
    let database = format!("sqlite:{}", file.display());
    // Without this the system ends a process that writes past its limit.
    let mut server = serve(&[], "trap '' XFSZ", &database, &log).await;
    let runs = live_through(&server, &Disk::Limited, &log).await;
    server.kill_and_restart().await;
    for run in runs {
        assert!(server.run(&run).await["finished_at"].is_string(), "{run}");
    }
    server.kill();
    assert_sound(&file);
}

/// Answers the runs that were acknowledged, which have all ended.
async fn live_through(server: &Server, disk: &Disk, log: &Path) -> Vec<String> {
    let stub = Stub::start().await;
    let gated = make_workflows(server, &stub).await;
    let gate = server.gate(&gated).await;
    // Under way when the disk is full: their answers come when nothing can be stored.
    let asking = server.start_run("asks", json!({})).await;
    let paying = server.start_run("pays", json!({})).await;
    until(async || stub.calls("asked") + stub.calls("paid") == 2).await;
    let mut runs = vec![gated.clone(), asking.clone(), paying.clone()];

    disk.fill(server);
    let refused = until_refused(server, &mut runs).await;
    assert_eq!(refused, expected(disk));
    let (status, problem) = server.decide(&gate, "approve").await;
    assert_eq!((status, code(&problem)), expected(disk));
    let (status, problem) = server.post("/workflows", named("Too much")).await;
    assert_eq!((status, code(&problem)), expected(disk), "{problem}");
    let (status, problem) = ask(server, "/ready").await;
    assert_eq!((status, code(&problem)), expected(disk));
    assert_eq!(ask(server, "/health").await.0, StatusCode::OK);
    for run in [&gated, &asking, &paying] {
        assert!(server.run(run).await["finished_at"].is_null(), "{run}");
    }
    let said = std::fs::read_to_string(log).expect("it can be read");
    assert_eq!(
        said.contains("nothing can be stored"),
        disk.has_room_for_logs(),
        "{said}"
    );

    // By now both calls have been answered, and what they said cannot be stored.
    tokio::time::sleep(ANSWERED).await;
    disk.make_room(server);
    until(async || ask(server, "/ready").await.0 == StatusCode::OK).await;
    server.until_run(&asking, "completed").await;
    server.until_run(&paying, "completed").await;
    assert_eq!(server.gate(&gated).await, gate, "it still waits");
    assert_eq!(server.decide(&gate, "approve").await.0, StatusCode::OK);
    runs.push(server.start_run("quick", json!({ "id": "again" })).await);
    for run in &runs {
        server.until_run(run, "completed").await;
    }
    assert_eq!((stub.calls("asked"), stub.calls("paid")), (1, 1));
    let listed = server.get("/runs?limit=200").await;
    let listed = listed["items"].as_array().expect("a list").len();
    assert_eq!(listed, runs.len(), "what was refused left no run");
    let said = std::fs::read_to_string(log).expect("it can be read");
    assert!(said.contains("turns can be stored again"), "{said}");
    runs
}

/// A report is written, and for a while there is room for everything but it.
async fn a_file_waits_for_room(server: &Server, disk: &Disk) {
    let long = "{% for line in data %}".to_owned() + &"x".repeat(900) + "{% endfor %}";
    let mut prints = named("Prints");
    prints["steps"][0]["tool"] = json!("report.write");
    prints["steps"][0]["with"] = json!({ "template_text": long, "data": vec![0; 1_000] });
    server.create(prints).await;
    disk.fill(server);
    leave(LITTLE_BYTES, &disk.ballast(server));
    let run = server.start_run("prints", json!({})).await;
    tokio::time::sleep(ANSWERED).await;
    let step = server.step(&run, "a").await;
    assert_eq!(step["status"], "in_progress", "{step}");
    disk.make_room(server);
    server.until_run(&run, "completed").await;
    let files = server.get(&format!("/runs/{run}/artifacts")).await;
    assert_eq!(files["items"].as_array().map(Vec::len), Some(1));
    let attempts = server.step(&run, "a").await["attempts"].clone();
    assert_eq!(attempts.as_array().map(Vec::len), Some(1), "{attempts}");
}

/// Closes it too: a file that is open takes its room even when it has been removed.
fn leave(bytes: u64, ballast: &Path) {
    let ballast = File::options().write(true).open(ballast);
    let ballast = ballast.expect("it is there");
    let length = ballast.metadata().expect("it is there").len();
    ballast.set_len(length - bytes).expect("it can be cut");
}

fn expected(disk: &Disk) -> (StatusCode, String) {
    let (status, code) = disk.refusal();
    (status, code.to_owned())
}

fn named(name: &str) -> Value {
    json!({ "name": name, "steps": [{ "id": "a", "kind": "tool_call", "tool": "util.noop" }] })
}

/// Answers a run that waits at a gate.
async fn make_workflows(server: &Server, stub: &Stub) -> String {
    let call = |way: &str, method: &str| {
        let url = format!("{}/{way}", stub.address);
        json!({ "id": "call", "kind": "tool_call", "tool": "http.request", "with": { "url": url, "method": method } })
    };
    let report = json!({ "id": "write", "kind": "tool_call", "tool": "report.write",
                         "with": { "template_text": "# Done", "data": {} } });
    let mut asks = named("Asks");
    asks["steps"] = json!([call("slow/2500/asked", "PUT"), report]);
    asks["edges"] = json!([{ "from": "call", "to": "write" }]);
    let mut pays = named("Pays");
    pays["steps"] = json!([call("slow/2500/paid", "POST")]);
    let mut gated = named("Gated");
    gated["steps"] = json!([{ "id": "ask", "kind": "human_gate" }]);
    for workflow in [asks, pays, gated, named("Quick")] {
        server.create(workflow).await;
    }
    server.start_run("gated", json!({})).await
}

/// Starts runs until one is refused: the last bytes may still take some.
async fn until_refused(server: &Server, runs: &mut Vec<String>) -> (StatusCode, String) {
    loop {
        let filler = "x".repeat(20_000);
        let body = json!({ "workflow": "quick", "input": { "filler": filler } });
        let (status, answer) = server.post("/runs", body).await;
        if status != StatusCode::CREATED {
            return (status, code(&answer));
        }
        runs.push(answer["run_id"].as_str().expect("an id").to_owned());
    }
}

fn code(problem: &Value) -> String {
    problem["code"].as_str().unwrap_or_default().to_owned()
}

async fn ask(server: &Server, path: &str) -> (StatusCode, Value) {
    let asked = server.client.get(server.url(path)).send().await;
    answer(asked.expect("the server answers")).await
}

async fn until(wanted: impl AsyncFn() -> bool) {
    let begun = now();
    while !wanted().await {
        assert!(begun.elapsed() < PATIENCE, "it never became so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn assert_sound(file: &Path) {
    let checked = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .arg("check")
        .arg(file)
        .output()
        .expect("it can be called");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}
