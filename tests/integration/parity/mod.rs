//! The server refuses exactly what the browser refuses. The definitions of `tests/corpus` go through the engine as it is
//! compiled here, through a real server, and through the workbench that ships, as WASM; through both builds of the engine
//! also each of the good ones with any one of its parts left out, and those that are made to hurt.
//!
//! The workbench runs in Node and not in a page: WASM leaves nothing to whoever runs it, the engine is Chromium's, Node
//! builds the client anyway, and thousands of definitions are asked in seconds with the native answers at hand.
//! `make test-parity` builds it and says where it is; without that the engine and the server are compared alone.

pub mod corpus;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::hostile_definitions::{hostile, unreadable};
use crate::server::{Server, answer};
use corpus::{Definition, Expected, good, with_something_missing, written};
use signalbox::engine::tool::Catalogue;
use signalbox::tools::catalogue;
use signalbox::workbench::{Ask, Bench};

/// Where `workbench.js` and `workbench_bg.wasm` are.
const WORKBENCH: &str = "SIGNALBOX_WORKBENCH";

#[test]
fn every_definition_is_answered_as_the_corpus_says() {
    let mut bench = bench();
    let mut differ = Vec::new();
    let written = written();
    assert!(written.len() >= 200, "{} definitions", written.len());
    for definition in &written {
        let answer = parsed(&bench.answer_json(&ask(&definition.document)));
        let checked = answer.get("checked");
        let found = if let Some(checked) = checked {
            Expected::Codes(codes(&checked["findings"]))
        } else {
            Expected::Unreadable
        };
        if found != definition.expected {
            differ.push(format!("{}: {answer}", definition.name));
        }
    }
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
}

/// A new code needs a definition.
#[test]
fn every_code_is_in_the_corpus() {
    let sources =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/compile"));
    let sources = sources.expect("a folder").filter_map(|entry| {
        // The tests and the repairs are folders.
        std::fs::read_to_string(entry.expect("an entry").path()).ok()
    });
    let mut known: BTreeSet<String> = ["bad_expression", "bad_value"].map(str::to_owned).into();
    for source in sources {
        let made = source.split("Diagnostic::new(").skip(1);
        let code = |text: &str| {
            text.trim_start()
                .strip_prefix('"')?
                .split('"')
                .next()
                .map(str::to_owned)
        };
        known.extend(made.filter_map(code));
    }
    let written = written()
        .into_iter()
        .flat_map(|definition| match definition.expected {
            Expected::Codes(codes) => codes,
            Expected::Unreadable | Expected::Anything => Vec::new(),
        });
    let hostile = hostile().into_iter().flat_map(|hostile| hostile.codes);
    let hit: BTreeSet<String> = written
        .chain(hostile.map(|code| (*code).to_owned()))
        .collect();
    assert_eq!(known, hit);
}

/// Every word that the published schema knows for a workflow stands in a good one.
#[test]
fn every_feature_is_in_the_corpus() {
    let good: String = good().into_iter().filter_map(|good| good.text).collect();
    let schema: Value =
        serde_json::from_str(include_str!("../../../src/api/schemas/workflow.json")).expect("JSON");
    let mut words = BTreeSet::new();
    collect_words(&schema, &mut words);
    let said = |word: &&String| {
        good.match_indices(word.as_str()).any(|(at, _)| {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !good[..at].ends_with(part) && !good[at + word.len()..].starts_with(part)
        })
    };
    let missing: Vec<&String> = words.iter().filter(|word| !said(word)).collect();
    assert!(words.len() > 100, "{words:?}");
    assert_eq!(missing, Vec::<&String>::new());
}

/// Names of properties, and the words that a field may be.
fn collect_words(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                words.extend(properties.keys().cloned());
            }
            for word in [fields.get("const"), fields.get("enum")]
                .into_iter()
                .flatten()
            {
                let list = word
                    .as_array()
                    .map_or(std::slice::from_ref(word), Vec::as_slice);
                words.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            // Examples are not rules.
            let inside = fields
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "examples" | "default"));
            inside.for_each(|(_, inside)| collect_words(inside, words));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_words(item, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_server_refuses_what_the_engine_refuses() {
    let server = Server::start().await;
    let tools = server.get("/tools").await;
    let ours: Vec<Value> = catalogue().iter().map(|spec| json!(spec)).collect();
    assert_eq!(tools["items"], json!(ours));
    let mut bench = bench();
    let mut differ = Vec::new();
    for definition in written() {
        let answer = parsed(&bench.answer_json(&ask(&definition.document)));
        let sent = [
            Some(("application/json", definition.document.to_string())),
            definition.text.map(|text| ("application/yaml", text)),
        ];
        for (media_type, text) in sent.into_iter().flatten() {
            let (status, verdict) = validate(&server, media_type, text).await;
            let same = if let Some(checked) = answer.get("checked") {
                status == 200 && verdict["errors"] == checked["findings"]
            } else {
                status == 400 && verdict["code"] == "unreadable_workflow"
            };
            if !same {
                differ.push(format!(
                    "{} as {media_type}: {status} {verdict}\n{answer}",
                    definition.name
                ));
            }
        }
    }
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
    for text in unreadable() {
        let (status, problem) = validate(&server, text.media_type, text.text).await;
        assert!(
            matches!(status, 400 | 413),
            "{}: {status} {problem}",
            text.name
        );
    }
}

#[test]
fn the_workbench_that_ships_answers_as_the_engine_does() {
    let Some(folder) = std::env::var_os(WORKBENCH) else {
        println!("{WORKBENCH} is not set: only `make test-parity` knows a workbench to ask.");
        return;
    };
    let mut definitions = small_definitions();
    definitions.extend(hostile_definitions());
    let mut questions = vec![tools()];
    questions.extend(
        definitions
            .iter()
            .map(|definition| ask(&definition.document)),
    );
    let answers = asked_as_wasm(Path::new(&folder), &questions);
    assert_eq!(answers.len(), questions.len(), "it has answered everything");
    let mut bench = Bench::default();
    let mut differ = Vec::new();
    let names = std::iter::once("the tools").chain(definitions.iter().map(|one| one.name.as_str()));
    for ((name, question), (_, answer)) in names.clone().zip(&questions).zip(&answers) {
        let native = bench.answer_json(question);
        if native != *answer {
            differ.push(format!("{name}:\n{native}\n{answer}"));
        }
    }
    println!(
        "{} definitions, the slowest in the workbench:",
        definitions.len()
    );
    let mut times: Vec<(f64, &str)> = answers.iter().map(|(took, _)| *took).zip(names).collect();
    times.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (took, name) in times.iter().take(10) {
        println!("{took:7.1} ms  {name}");
    }
    assert!(
        differ.is_empty(),
        "{} differ:\n{}",
        differ.len(),
        differ[..differ.len().min(5)].join("\n")
    );
}

/// What `node` answers, and how many milliseconds each answer took.
fn asked_as_wasm(folder: &Path, questions: &[String]) -> Vec<(f64, String)> {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/parity/workbench.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let (mut input, output) = (
        node.stdin.take().expect("piped"),
        node.stdout.take().expect("piped"),
    );
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for question in questions {
                // It stops listening when it breaks down, and then answers are missing.
                let _ = writeln!(input, "{question}");
            }
        });
        let lines = BufReader::new(output).lines();
        lines
            .map(|line| serde_json::from_str(&line.expect("text")).expect("a time and an answer"))
            .collect()
    });
    assert!(node.wait().expect("it ends").success());
    answers
}

/// Those of the corpus, and the good ones with something missing.
fn small_definitions() -> Vec<Definition> {
    let mut all = written();
    all.extend(with_something_missing(&good()));
    all
}

fn hostile_definitions() -> impl Iterator<Item = Definition> {
    hostile().into_iter().map(|hostile| Definition {
        name: format!("hostile: {}", hostile.name),
        document: (hostile.make)(),
        text: None,
        expected: Expected::Anything,
    })
}

async fn validate(server: &Server, media_type: &str, text: String) -> (u16, Value) {
    let request = server.client.post(server.url("/workflows/validate"));
    let response = request.header("content-type", media_type).body(text).send();
    let (status, body) = answer(response.await.expect("it answers")).await;
    (status.as_u16(), body)
}

fn tools() -> String {
    let catalogue: Catalogue = catalogue();
    serde_json::to_string(&Ask::Tools { catalogue }).expect("JSON")
}

fn bench() -> Bench {
    let mut bench = Bench::default();
    bench.answer_json(&tools());
    bench
}

/// Not by way of `Ask`: the document may be no workflow.
fn ask(document: &Value) -> String {
    json!({ "check": { "revision": 1, "workflow": document } }).to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn codes(findings: &Value) -> Vec<String> {
    let findings = findings.as_array().into_iter().flatten();
    findings
        .map(|finding| finding["code"].as_str().expect("a code").to_owned())
        .collect()
}
