//! What is run.

use serde_json::{Value, json};

/// What one trivial step is.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// A `transform`: computed by the engine, stored together with its neighbours.
    Pure,
    /// A tool that does nothing, of class `idempotent`: its call is on disk before it is made, and its result before
    /// the next call.
    Journaled,
}

impl Mode {
    pub const BOTH: [Mode; 2] = [Mode::Pure, Mode::Journaled];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Pure => "pure",
            Mode::Journaled => "journaled",
        }
    }

    fn step(self, id: &str) -> Value {
        match self {
            Mode::Pure => json!({ "id": id, "kind": "transform", "set": { "n": 1 } }),
            Mode::Journaled => json!({ "id": id, "kind": "tool_call", "tool": "util.noop" }),
        }
    }
}

/// One after the other.
pub fn chain(mode: Mode, steps: usize) -> Value {
    let ids = ids(steps);
    let made = ids.iter().map(|id| mode.step(id)).collect();
    document(
        format!("{} chain of {steps}", mode.name()),
        made,
        chained(&ids),
    )
}

/// One, then as many side by side, then one that waits for all.
pub fn fan(mode: Mode, width: usize) -> Value {
    let ids = ids(width);
    let mut steps = vec![mode.step("begin")];
    steps.extend(ids.iter().map(|id| mode.step(id)));
    steps.push(json!({ "id": "join", "kind": "join" }));
    let out = ids.iter().map(|id| json!({ "from": "begin", "to": id }));
    let back = ids.iter().map(|id| json!({ "from": id, "to": "join" }));
    document(
        format!("{} fan of {width}", mode.name()),
        steps,
        out.chain(back).collect(),
    )
}

/// One, then as many side by side, and nothing behind them: two edges for each would make the text too long.
pub fn burst(mode: Mode, width: usize) -> Value {
    let ids = ids(width);
    let mut steps = vec![mode.step("begin")];
    steps.extend(ids.iter().map(|id| mode.step(id)));
    let out = ids.iter().map(|id| json!({ "from": "begin", "to": id }));
    document(
        format!("{} burst of {width}", mode.name()),
        steps,
        out.collect(),
    )
}

/// One after the other, each a request to the service.
pub fn requests(steps: usize, host: &str) -> Value {
    let ids = ids(steps);
    let made = ids.iter().map(|id| request(id, host)).collect();
    document(format!("{steps} requests"), made, chained(&ids))
}

/// An approval, and nothing more.
pub fn asks_forever() -> Value {
    document("asks".to_owned(), vec![ask()], Vec::new())
}

/// Two steps for each item, then an approval: six events an item.
pub fn long_then_asks() -> Value {
    let body = json!({
        "steps": [Mode::Journaled.step("first"), Mode::Journaled.step("second")],
        "edges": [{ "from": "first", "to": "second" }],
    });
    let each = json!({ "id": "each", "kind": "map", "over": "$input.items", "body": body });
    let edges = vec![json!({ "from": "each", "to": "ask" })];
    let mut workflow = document("long".to_owned(), vec![each, ask()], edges);
    workflow["inputs"] = json!({ "type": "object" });
    workflow
}

/// One item after the other, each of which waits: four events an item.
pub fn waits_for_each(ms: u64) -> Value {
    let wait = json!({ "id": "wait", "kind": "wait", "for_ms": ms });
    each(wait, 1)
}

/// As fast as it goes: three events an item.
pub fn computes_each() -> Value {
    each(Mode::Pure.step("made"), 32)
}

fn each(step: Value, max_parallel: u32) -> Value {
    let body = json!({ "steps": [step] });
    let each = json!({ "id": "each", "kind": "map", "over": "$input.items", "max_parallel": max_parallel, "body": body });
    let mut workflow = document("each".to_owned(), vec![each], Vec::new());
    workflow["inputs"] = json!({ "type": "object" });
    workflow
}

fn ask() -> Value {
    json!({ "id": "ask", "kind": "human_gate", "message": "Go on?", "timeout_ms": "never" })
}

/// An approval, then a request to the service.
pub fn gated(host: &str) -> Value {
    let ask = json!({ "id": "ask", "kind": "human_gate", "message": "Go on?" });
    let edges = vec![json!({ "from": "ask", "to": "go" })];
    document("gated".to_owned(), vec![ask, request("go", host)], edges)
}

fn request(id: &str, host: &str) -> Value {
    let url = format!("http://{host}/");
    json!({ "id": id, "kind": "tool_call", "tool": "http.request", "with": { "url": url } })
}

fn ids(count: usize) -> Vec<String> {
    (1..=count).map(|at| format!("s{at}")).collect()
}

fn chained(ids: &[String]) -> Vec<Value> {
    ids.windows(2)
        .map(|pair| json!({ "from": pair[0], "to": pair[1] }))
        .collect()
}

fn document(name: String, steps: Vec<Value>, edges: Vec<Value>) -> Value {
    json!({ "name": name, "steps": steps, "edges": edges })
}
