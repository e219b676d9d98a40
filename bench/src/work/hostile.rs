//! Definitions that somebody made to hurt: how long the engine and the server need for an answer. The list is that of the
//! tests, which look at what is answered.

use hyper::body::Bytes;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use signalbox::engine::compile::compile;
use signalbox::engine::layout::SIZES;
use signalbox::engine::layout::{Graph, layout};
use signalbox::engine::reading::from_json;
use signalbox::engine::tool::Catalogue;
use signalbox::engine::yaml;

use super::row;
use crate::families::{hostile, unreadable};
use crate::figures::{Row, time};
use crate::http::Client;
use crate::server::Server;

const ROUNDS: usize = 5;

/// How long the slowest of some took, and which it was.
#[derive(Default)]
struct Slowest(Duration, String);

impl Slowest {
    fn add(&mut self, took: Duration, name: &str) {
        if took > self.0 {
            *self = Slowest(took, name.to_owned());
        }
    }

    fn row(self, work: String) -> Row {
        row(
            "W11",
            work,
            format!("{} ({})", time(self.0), self.1),
            "≤ 50 ms",
        )
    }
}

pub async fn w11_hostile(binary: PathBuf) -> Vec<Row> {
    let server = Server::start(&binary).await;
    let mut client = server.client().await;
    let catalogue = catalogue(&mut client).await;
    let (mut read, mut compiled, mut drawn) = <(Slowest, Slowest, Slowest)>::default();
    let (mut as_json, mut as_yaml) = <(Slowest, Slowest)>::default();
    let families = hostile();
    let count = families.len();
    for family in families {
        let document = (family.make)();
        let text = document.to_string();
        let reading = median(|| drop(black_box(from_json(text.as_bytes()))));
        let (compiling, drawing) = match from_json(text.as_bytes()) {
            Ok(workflow) => {
                let is_good = compile(&workflow, &catalogue).is_ok();
                assert_eq!(is_good, family.codes.is_empty(), "{}", family.name);
                (
                    median(|| drop(black_box(compile(&workflow, &catalogue)))),
                    median(|| drop(black_box(layout(&Graph::of_workflow(&workflow), &SIZES)))),
                )
            }
            Err(_) => (Duration::ZERO, Duration::ZERO),
        };
        let json = validated(&mut client, "application/json", &text).await;
        let written = yaml::write(&document);
        let yaml = validated(&mut client, "application/yaml", &written).await;
        eprintln!(
            "  {}: read {}, compiled {}, drawn {}; over HTTP as JSON {}, as YAML {}",
            family.name,
            time(reading),
            time(compiling),
            time(drawing),
            time(json),
            time(yaml)
        );
        read.add(reading, family.name);
        compiled.add(compiling, family.name);
        drawn.add(drawing, family.name);
        as_json.add(json, family.name);
        as_yaml.add(yaml, family.name);
    }
    let mut refused = Slowest::default();
    let texts = unreadable();
    let texts_count = texts.len();
    for text in texts {
        let took = validated(&mut client, text.media_type, &text.text).await;
        eprintln!("  {}, {}: {}", text.name, text.media_type, time(took));
        refused.add(took, text.name);
    }
    vec![
        read.row(format!("{count} hostile definitions: the slowest to read")),
        compiled.row("the slowest to compile".to_owned()),
        drawn.row("the slowest to draw".to_owned()),
        as_json.row("the slowest answer of the server, sent as JSON".to_owned()),
        as_yaml.row("the slowest answer of the server, sent as YAML".to_owned()),
        refused.row(format!(
            "{texts_count} hostile texts: the slowest to be refused by the server"
        )),
    ]
}

/// The tools of the server, for the compiler of this process.
async fn catalogue(client: &mut Client) -> Catalogue {
    let tools = client.get_json("/api/v1/tools").await;
    let specs = tools["items"].as_array().expect("a list").iter();
    Catalogue::new(specs.map(|spec| serde_json::from_value(spec.clone()).expect("a declaration")))
}

/// How long the server needs to say what it thinks of the text.
async fn validated(client: &mut Client, media_type: &str, text: &str) -> Duration {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let body = Bytes::from(text.to_owned());
        let began = Instant::now();
        let status = client.validate(media_type, body).await;
        took.push(began.elapsed());
        assert!(!status.is_server_error(), "{status}");
    }
    middle(took)
}

fn median(mut work: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed()
    });
    middle(times.collect())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
