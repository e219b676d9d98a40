//! Workflows in files, tried by the real program without a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The template with the cases of somebody who has read the README.
const CASES: &str = r#"
cases:
  - name: a breach asks before it reports
    given:
      input: { endpoints: ["https://a.example"] }
      at: 2026-01-05T08:00:00Z
      steps:
        probe_endpoints: { fails: { code: unreachable, message: "no answer" }, after_ms: 2000 }
        probe_host: { returns: { disks: [{ mount: /, used_percent: 97 }], memory: { used_percent: 10 }, cpu: { load_1_per_cpu: 0.1 } } }
        publish: { decision: approve, by: ann, after_ms: 60000 }
    expect:
      state: completed
      steps: { report: completed, all_well: skipped }
      calls: { report: 1, probe_endpoints: 3 }
  - name: nothing is reported when it is rejected
    given:
      steps: { publish: { decision: reject, by: ann } }
    expect: { state: failed, reason: rejected, calls: { report: 0 } }
"#;

fn signalbox(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .output()
        .expect("it can be called")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn template() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/system-health-check.yaml");
    std::fs::read_to_string(file).expect("the template")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, content).expect("it can be written");
        path.display().to_string()
    }
}

#[test]
fn cases_that_hold_are_told_one_a_line() {
    let folder = Folder::new();
    let health = folder.file("health.yaml", &format!("{}{CASES}", template()));
    let without = folder.file("plain.yaml", &template());
    let ran = signalbox(&["simulate", &health, &without]);
    let said = text(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", text(&ran.stderr));
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            format!("ok      {health}: a breach asks before it reports"),
            format!("ok      {health}: nothing is reported when it is rejected"),
            format!("{without} has no test cases."),
        ]
    );
    let one = signalbox(&[
        "simulate",
        &health,
        "--case",
        "nothing is reported when it is rejected",
    ]);
    assert!(one.status.success());
    assert_eq!(text(&one.stdout).lines().count(), 1);
    let none = signalbox(&["simulate", &health, "--case", "another"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no file has a test case “another”"));
}

#[test]
fn a_case_that_does_not_hold_says_what_was_found() {
    let folder = Folder::new();
    let changed = CASES
        .replace("report: completed,", "report: skipped,")
        .replace(
            "{ steps: { publish: { decision: reject, by: ann } } }",
            "{}",
        )
        .replace(
            "      steps: { publish: { decision: reject, by: ann } }\n",
            "      input: { endpoints: 7 }\n",
        );
    let health = folder.file("health.yaml", &format!("{}{changed}", template()));
    let ran = signalbox(&["simulate", &health]);
    assert_eq!(ran.status.code(), Some(1));
    let said = text(&ran.stdout);
    assert!(said.contains("FAILED"), "{said}");
    assert!(
        said.contains("`report` should be skipped, but is completed."),
        "{said}"
    );
    assert!(said.contains("The input, `endpoints`:"), "{said}");
    assert!(
        text(&ran.stderr).contains("2 of 2 test cases do not hold"),
        "{}",
        text(&ran.stderr)
    );
}

#[test]
fn json_is_read_by_its_name_and_every_problem_of_a_file_is_told() {
    let folder = Folder::new();
    let fine = r#"{ "name": "W", "steps": [{ "id": "a", "kind": "tool_call", "tool": "util.noop" }],
        "cases": [{ "name": "it runs", "expect": { "state": "completed", "steps": { "a": "completed" } } }] }"#;
    let fine = folder.file("fine.json", fine);
    assert!(signalbox(&["simulate", &fine]).status.success());
    assert!(signalbox(&["validate", &fine]).status.success());
    let wrong = folder.file(
        "wrong.yaml",
        "name: W\nsteps:\n  - { id: a, kind: tool_call, tool: no.tool }\n  - { id: b, kind: transform, set: { x: $zzz } }\ncases:\n  - { name: c, expect: { steps: { nobody: completed } } }\n",
    );
    for command in ["simulate", "validate"] {
        let ran = signalbox(&[command, &fine, &wrong]);
        assert_eq!(ran.status.code(), Some(1), "{command}");
        let said = text(&ran.stdout);
        for part in [
            "WRONG",
            "step `a`, `tool`",
            "no.tool",
            "zzz",
            "step `nobody`, `cases.0.expect.steps.nobody`",
        ] {
            assert!(said.contains(part), "{command}, {part}: {said}");
        }
        assert!(text(&ran.stderr).contains("1 of 2 files cannot be used"));
    }
}

#[test]
fn what_cannot_be_read_names_the_line() {
    let folder = Folder::new();
    let start = "name: W\nsteps:\n  - { id: a, kind: tool_call, tool: util.noop }\ncases:\n  - name: c\n    given:\n      steps:\n";
    for (name, content, line, word) in [
        ("field.yaml", "name: W\nstepz: []\n".to_owned(), 2, "stepz"),
        (
            "answer.yaml",
            format!("{start}        a: {{ retunrs: 1 }}\n"),
            8,
            "retunrs",
        ),
        (
            "two.yaml",
            format!("{start}        a: {{ returns: 1, lost: x }}\n"),
            8,
            "exactly one of",
        ),
        (
            "list.yaml",
            format!(
                "{start}        a:\n          - returns: 1\n          - {{ decision: approve }}\n"
            ),
            10,
            "`by`",
        ),
        (
            "field.json",
            "{ \"name\": \"W\",\n \"stepz\": [] }".to_owned(),
            2,
            "stepz",
        ),
    ] {
        let file = folder.file(name, &content);
        let ran = signalbox(&["validate", &file]);
        assert_eq!(ran.status.code(), Some(1));
        let said = text(&ran.stdout);
        assert!(said.contains(&format!("line {line}")), "{said}");
        assert!(said.contains(word), "{said}");
    }
    let missing = signalbox(&["validate", "/nowhere/at/all.yaml"]);
    assert!(text(&missing.stdout).contains("cannot be read"));
    assert_eq!(
        signalbox(&["simulate"]).status.code(),
        Some(2),
        "a file is needed"
    );
}
