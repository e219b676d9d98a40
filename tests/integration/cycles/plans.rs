//! The workflows of the load: small ones, each with something that a crash may hurt.

use serde_json::{Value, json};

/// In the order in which they are made: `outer` runs `inner`.
pub fn all(sink: &str) -> Vec<Value> {
    vec![
        chain(sink),
        pay(sink),
        fan(sink),
        timed(sink),
        asked(sink),
        saga(sink),
        inner(sink),
        outer(),
    ]
}

/// What the load starts.
pub const STARTED: &[&str] = &["chain", "pay", "fan", "timed", "asked", "saga", "outer"];

/// Items of the map in `fan`.
const ITEMS: usize = 6;

/// The places where something has taken place when this workflow has completed with that input.
pub fn places(workflow: &str, id: &str) -> Vec<String> {
    let of = |names: &[&str]| names.iter().map(|name| format!("{id}/{name}")).collect();
    match workflow {
        "chain" => of(&["a", "b", "c"]),
        "pay" => of(&["a", "pay", "b"]),
        "fan" => (0..ITEMS).map(|item| format!("{id}/item/{item}")).collect(),
        "timed" => of(&["left", "right", "end"]),
        "asked" => of(&["done"]),
        "saga" => of(&["a", "b", "undo_a", "undo_b"]),
        "inner" => of(&["x", "y"]),
        "outer" => Vec::new(),
        other => panic!("no such workflow: {other}"),
    }
}

fn call(step: &str, method: &str, address: String) -> Value {
    json!({ "id": step, "kind": "tool_call", "tool": "http.request", "with": request(method, address) })
}

fn request(method: &str, address: String) -> Value {
    json!({ "url": address, "method": method, "timeout_ms": 20_000 })
}

/// `http://…/keep/5/<the run's id in the input>/<name>`, as an expression.
fn at(sink: &str, way: &str, name: &str) -> String {
    format!("=\"{sink}/{way}/\" + input.id + \"/{name}\"")
}

fn workflow(name: &str, steps: Vec<Value>, edges: &[(&str, &str)]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    json!({ "name": name, "steps": steps, "edges": edges })
}

/// One call after the other; the second is refused once and tried again.
fn chain(sink: &str) -> Value {
    let mut flaky = call("b", "PUT", at(sink, "flaky", "b"));
    flaky["retry"] = json!({ "max_attempts": 4, "base_ms": 40, "cap_ms": 200 });
    let steps = vec![
        call("a", "PUT", at(sink, "keep/40", "a")),
        flaky,
        call("c", "PUT", at(sink, "keep/40", "c")),
    ];
    workflow("Chain", steps, &[("a", "b"), ("b", "c")])
}

/// An effect that nobody may repeat without asking, between two that may be.
fn pay(sink: &str) -> Value {
    let steps = vec![
        call("a", "PUT", at(sink, "keep/0", "a")),
        call("pay", "POST", at(sink, "count/120", "pay")),
        call("b", "PUT", at(sink, "keep/0", "b")),
    ];
    workflow("Pay", steps, &[("a", "pay"), ("pay", "b")])
}

fn fan(sink: &str) -> Value {
    let address = format!("=\"{sink}/keep/60/\" + input.id + \"/item/\" + string(item)");
    let items: Vec<usize> = (0..ITEMS).collect();
    let each = json!({
        "id": "each", "kind": "map", "over": items, "max_parallel": 3,
        "body": { "steps": [call("put", "PUT", address)] },
    });
    workflow("Fan", vec![each], &[])
}

/// Two branches, one of which waits, and a wait behind both.
fn timed(sink: &str) -> Value {
    let steps = vec![
        json!({ "id": "pause", "kind": "wait", "for_ms": 150 }),
        call("left", "PUT", at(sink, "keep/5", "left")),
        call("right", "PUT", at(sink, "keep/60", "right")),
        json!({ "id": "both", "kind": "join" }),
        json!({ "id": "rest", "kind": "wait", "for_ms": 80 }),
        call("end", "PUT", at(sink, "keep/0", "end")),
    ];
    let edges = [
        ("pause", "left"),
        ("left", "both"),
        ("right", "both"),
        ("both", "rest"),
        ("rest", "end"),
    ];
    workflow("Timed", steps, &edges)
}

fn asked(sink: &str) -> Value {
    let gate = json!({ "id": "ask", "kind": "human_gate", "show": ["$input.id"] });
    let steps = vec![gate, call("done", "PUT", at(sink, "keep/5", "done"))];
    workflow("Asked", steps, &[("ask", "done")])
}

/// Two steps are done, the third is refused, and both are undone.
fn saga(sink: &str) -> Value {
    let undoable = |step: &str| {
        let mut done = call(step, "PUT", at(sink, "keep/5", step));
        let undo = at(sink, "keep/80", &format!("undo_{step}"));
        done["compensate"] = json!({ "tool": "http.request", "with": request("PUT", undo) });
        done
    };
    let mut refused = call("refused", "PUT", at(sink, "refuse", "refused"));
    refused["on_error"] = json!("compensate");
    let steps = vec![undoable("a"), undoable("b"), refused];
    workflow("Saga", steps, &[("a", "b"), ("b", "refused")])
}

fn inner(sink: &str) -> Value {
    let steps = vec![
        call("x", "PUT", at(sink, "keep/5", "x")),
        json!({ "id": "nap", "kind": "wait", "for_ms": 60 }),
        call("y", "PUT", at(sink, "keep/5", "y")),
    ];
    workflow("Inner", steps, &[("x", "nap"), ("nap", "y")])
}

fn outer() -> Value {
    let sub = |step: &str| {
        json!({ "id": step, "kind": "subworkflow", "workflow": "inner",
                "with": { "id": format!("=input.id + \"-{step}\"") } })
    };
    workflow("Outer", vec![sub("one"), sub("two")], &[("one", "two")])
}
