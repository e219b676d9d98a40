//! Each tool called twice, as after a crash whose next process makes the attempt again, leaves the world as one call
//! does. The same for what undoes it. A tool without a case here fails the test.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::any;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::testing::{Shelf, call, serve};
use super::toolbox;
use crate::driver::tool::{ToolOutcome, Toolbox};
use crate::engine::tool::{EffectClass, ToolSpec};

/// What a call may change: things under names, orders under the keys they came with, and files.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outside {
    things: BTreeMap<String, String>,
    orders: BTreeMap<String, String>,
    files: BTreeMap<(String, String, String), Vec<u8>>,
}

/// A receiver as `http.request` may meet it.
#[derive(Clone, Default)]
struct Receiver {
    outside: Arc<Mutex<Outside>>,
    /// Of every request that is not a mere question.
    keys: Arc<Mutex<Vec<String>>>,
}

struct World {
    receiver: Receiver,
    address: SocketAddr,
    shelf: Arc<Shelf>,
    tools: Toolbox,
}

/// One way of calling a tool.
struct Case {
    input: Value,
    /// What an author would write under `compensate`.
    undo: Option<Value>,
}

impl World {
    async fn new() -> Self {
        let receiver = Receiver::default();
        let thing = ("there".to_owned(), "as it was".to_owned());
        receiver
            .outside
            .lock()
            .expect("no panic")
            .things
            .extend([thing]);
        let routes = Router::new()
            .route("/things/{name}", any(things))
            .route("/orders", any(orders))
            .with_state(receiver.clone());
        let shelf = Arc::new(Shelf::default());
        Self {
            receiver,
            address: serve(routes).await,
            tools: toolbox(shelf.clone(), "test"),
            shelf,
        }
    }

    fn now(&self) -> Outside {
        let mut outside = self.receiver.outside.lock().expect("no panic").clone();
        let kept = self.shelf.kept.lock().expect("not poisoned");
        let files = kept.iter();
        outside.files = files
            .map(|(name, file)| (name.clone(), file.content.clone()))
            .collect();
        outside
    }

    /// One attempt of a step, with the key that all attempts of that step have.
    async fn attempt(&self, tool: &str, input: &Value, attempt: u32, key: &str) {
        let mut call = call(input.clone());
        call.attempt = attempt;
        call.was_interrupted = attempt > 1;
        call.idempotency_key = key.to_owned();
        let tool = self.tools.get(tool).expect("it is in the catalogue");
        match tool.call(call).await {
            ToolOutcome::Succeeded(_) => {}
            other => panic!("{} {input}, attempt {attempt}: {other:?}", tool.spec().name),
        }
    }
}

/// `PUT` puts, `DELETE` takes away (and says when there is nothing), the others only look.
async fn things(
    State(receiver): State<Receiver>,
    Path(name): Path<String>,
    method: Method,
    body: String,
) -> StatusCode {
    let mut outside = receiver.outside.lock().expect("no panic");
    let was_there = match method {
        Method::PUT => {
            outside.things.insert(name, body);
            true
        }
        Method::DELETE => outside.things.remove(&name).is_some(),
        _ => outside.things.contains_key(&name),
    };
    if was_there {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    }
}

/// One order for each key: the receiver honours them.
async fn orders(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let Some(key) = headers.get("idempotency-key") else {
        return StatusCode::BAD_REQUEST;
    };
    let key = key.to_str().expect("a text").to_owned();
    receiver.keys.lock().expect("no panic").push(key.clone());
    let mut outside = receiver.outside.lock().expect("no panic");
    outside.orders.entry(key).or_insert(body);
    StatusCode::CREATED
}

/// Every way of calling that tool which may differ in what it does to the world.
fn cases(spec: &ToolSpec, world: &World) -> Vec<Case> {
    let address = format!("http://{}", world.address);
    let only = |input: Value| vec![Case { input, undo: None }];
    match spec.name.as_str() {
        "http.request" => {
            let methods = spec.input_schema["properties"]["method"]["enum"].as_array();
            let methods = methods.expect("a list").iter();
            methods
                .map(|method| request(method.as_str().expect("a text"), &address))
                .collect()
        }
        "probe.dns" => only(json!({ "names": ["localhost"] })),
        "probe.host" => only(json!({})),
        "probe.http" => only(json!({ "urls": [format!("{address}/things/there")] })),
        "probe.tcp" => only(json!({ "targets": [world.address.to_string()] })),
        // Kept under run, step and name, so that the second file takes the place of the first. Not undone: it is the
        // run's own.
        "report.write" => only(json!({ "template_text": "# {{ title }}", "data": {} })),
        "util.noop" => only(json!({ "value": 1 })),
        "util.sleep" => only(json!({ "ms": 1 })),
        other => panic!("no case for {other}: say what makes a second call of it harmless"),
    }
}

fn request(method: &str, address: &str) -> Case {
    let there = format!("{address}/things/there");
    let new = format!("{address}/things/new");
    let put = json!({ "method": "PUT", "url": there, "body": "as it was" });
    let delete = |url: &str| json!({ "method": "DELETE", "url": url });
    let (input, undo) = match method {
        "GET" | "HEAD" | "OPTIONS" => (json!({ "method": method, "url": there }), None),
        "PUT" => (
            json!({ "method": "PUT", "url": new, "body": "made" }),
            Some(delete(&new)),
        ),
        "DELETE" => (delete(&there), Some(put)),
        // Class `effect`: harmless only where the receiver honours the key, which is why it is never made again
        // without a person.
        "POST" | "PATCH" => (
            json!({ "method": method, "url": format!("{address}/orders"), "body": "a lamp" }),
            Some(
                json!({ "method": "POST", "url": format!("{address}/orders"), "body": "no lamp" }),
            ),
        ),
        other => panic!("no case for {other}: say what makes a second request with it harmless"),
    };
    Case { input, undo }
}

#[tokio::test]
async fn every_tool_called_twice_leaves_the_world_as_one_call_does() {
    let catalogue = World::new().await.tools.catalogue();
    for spec in catalogue.iter() {
        for at in 0..cases(spec, &World::new().await).len() {
            let world = World::new().await;
            let before = world.now();
            let Case { input, .. } = cases(spec, &world).swap_remove(at);
            world.attempt(&spec.name, &input, 1, "run/step").await;
            let once = world.now();
            world.attempt(&spec.name, &input, 2, "run/step").await;
            assert_eq!(world.now(), once, "{} {input}", spec.name);

            let class = spec.effect_of(&input);
            let looks = matches!(class, EffectClass::Pure | EffectClass::Read);
            assert!(
                !looks || once == before,
                "{} {input} changed something",
                spec.name
            );
            let keys = world.receiver.keys.lock().expect("no panic").clone();
            if class == EffectClass::Effect {
                assert_eq!(keys, ["run/step", "run/step"], "{} {input}", spec.name);
                assert!(!class.repeatable());
            }
        }
    }
}

#[tokio::test]
async fn a_delete_that_finds_nothing_fails_unless_one_was_interrupted() {
    let world = World::new().await;
    let tool = world.tools.get("http.request").expect("it is there");
    let url = format!("http://{}/things/nowhere", world.address);
    let mut call = call(json!({ "method": "DELETE", "url": url }));
    call.attempt = 2;
    match tool.call(call).await {
        ToolOutcome::Failed(error) => assert_eq!(error.code, "unexpected_status"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn everything_that_undoes_called_twice_leaves_the_world_as_one_call_does() {
    let catalogue = World::new().await.tools.catalogue();
    let mut undone = BTreeSet::new();
    for spec in catalogue.iter() {
        for at in 0..cases(spec, &World::new().await).len() {
            let world = World::new().await;
            let before = world.now();
            let Case { input, undo } = cases(spec, &world).swap_remove(at);
            world.attempt(&spec.name, &input, 1, "run/step").await;
            let changed = world.now() != before;
            let Some(undo) = undo else {
                assert!(
                    !changed || spec.name == "report.write",
                    "{} {input}",
                    spec.name
                );
                continue;
            };
            world.attempt(&spec.name, &undo, 1, "run/step.undo").await;
            let once = world.now();
            assert_eq!(once.things, before.things, "{undo} undoes {input}");
            world.attempt(&spec.name, &undo, 2, "run/step.undo").await;
            assert_eq!(world.now(), once, "{undo}");
            undone.insert(input["method"].to_string());
        }
    }
    assert_eq!(
        undone.len(),
        4,
        "every way of changing something: {undone:?}"
    );
}
