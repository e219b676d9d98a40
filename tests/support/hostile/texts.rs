//! Those whose texts hurt: odd letters, expressions, references.

use serde_json::{Value, json};

use super::{Family, NONE, chain, edge, step, steps, workflow};

const ODD: &[&str] = &[
    "\u{202e}evil",
    "a\u{200b}b",
    "e\u{301}tape",
    "nul\0",
    "👍",
    "\u{feff}",
    "a\nb",
    "İ",
    "ſtep",
    "",
];

pub(super) fn letters() -> Family {
    vec![
        (
            "odd letters",
            &["bad_step_id", "bad_value", "isolated_step", "unknown_tool"],
            || {
                let named = ODD.iter().map(|id| {
                    json!({ "id": id, "name": id, "kind": "tool_call", "tool": id, "with": { *id: format!("${id}.x") } })
                });
                workflow(named.collect(), vec![])
            },
        ),
        (
            "an id of 90 kB",
            &["bad_step_id", "cycle", "unknown_tool"],
            || {
                let id = "\u{202e}".repeat(30_000);
                workflow(
                    vec![json!({ "id": id, "kind": "tool_call", "tool": id })],
                    vec![json!({ "from": id, "to": id })],
                )
            },
        ),
        (
            "5,000 ids of 90 odd letters",
            &["bad_step_id", "too_many_problems"],
            || {
                let id = |at: usize| format!("{at}{}", "e\u{301}".repeat(30));
                let named = (0..5_000).map(|at| json!({ "id": id(at), "kind": "human_gate" }));
                workflow(named.collect(), vec![])
            },
        ),
        (
            "300 kB of marks on one letter",
            &["bad_expression", "no_default_branch", "unknown_tool"],
            || {
                let text = format!("e{}", "\u{301}".repeat(100_000));
                let call =
                    json!({ "id": "s0", "kind": "tool_call", "tool": text, "name": "e\u{301}" });
                let look = json!({ "id": "s1", "kind": "condition", "expression": text });
                workflow(vec![call, look], vec![edge(0, 1)])
            },
        ),
    ]
}

pub(super) fn expressions() -> Family {
    vec![
        (
            "expression bombs",
            &["bad_expression", "bad_value", "duplicate_edge"],
            || {
                let mut ways = Vec::new();
                for bomb in bombs() {
                    let mut way = edge(0, 1);
                    way["when"] = json!(bomb);
                    ways.push(way);
                }
                let only = json!({ "id": "s1", "kind": "transform", "set": { "x": format!("={}", bombs()[0]) } });
                workflow(vec![step(0), only], ways)
            },
        ),
        ("5,000 different conditions", &["too_large"], || {
            conditions(5_000, |at| format!("input.n > {at}"))
        }),
        ("5,000 conditions of one text", &["too_large"], || {
            conditions(5_000, |_| {
                "input.n > 1 && input.m < 2 || has(input.x)".to_owned()
            })
        }),
        ("5,000 nested macros", &["too_large"], || {
            conditions(5_000, macros)
        }),
        ("1,500 different conditions", NONE, || {
            conditions(1_500, |at| format!("input.n > {at}"))
        }),
        ("200 nested macros", NONE, || conditions(200, macros)),
        (
            "1,500 misspelt conditions",
            &["too_many_problems", "unknown_reference"],
            || conditions(1_500, |at| format!("inptu.n > {at}")),
        ),
        (
            "1,000 broken conditions",
            &["bad_expression", "too_many_problems"],
            || conditions(1_000, |at| format!("input.n > > {at}")),
        ),
        (
            "200 conditions of 4,000 characters",
            &["bad_expression"],
            || {
                let long = |at: usize| {
                    let terms: Vec<String> = (0..180)
                        .map(|term| format!("input.field_{at} > {term}"))
                        .collect();
                    terms.join(" || ")
                };
                let ways = (1..200).map(|at| {
                    let mut way = edge(0, at);
                    way["when"] = json!(long(at));
                    way
                });
                workflow(steps(200), ways.collect())
            },
        ),
        ("a list of 40,000 expressions", &["too_large"], || {
            let many: Vec<String> = (0..40_000).map(|at| format!("=input.n > {at}")).collect();
            workflow(
                vec![json!({ "id": "s0", "kind": "transform", "set": { "all": many } })],
                vec![],
            )
        }),
        ("four expressions that list 1,000 numbers", NONE, || {
            let list = format!("=[{}]", vec!["7"; 999].join(","));
            workflow(
                vec![json!({ "id": "s0", "kind": "transform", "set": { "all": vec![list; 4] } })],
                vec![],
            )
        }),
        (
            "an expression that lists 1,000 numbers, 200 times",
            &["too_large"],
            || {
                let list = |at: usize| {
                    let numbers: Vec<String> = (0..1_000)
                        .map(|number| (number % 10 + at % 2).to_string())
                        .collect();
                    format!("=[{}]", numbers.join(","))
                };
                let many: Vec<String> = (0..200).map(list).collect();
                workflow(
                    vec![json!({ "id": "s0", "kind": "transform", "set": { "all": many } })],
                    vec![],
                )
            },
        ),
    ]
}

fn macros(at: usize) -> String {
    format!("input.a.filter(x, x > {at}).map(y, input.b.exists(z, z == y)).all(w, w)")
}

/// A star whose ways have conditions.
fn conditions(count: usize, condition: fn(usize) -> String) -> Value {
    let ways = (1..count).map(|at| {
        let mut way = edge(0, at);
        way["when"] = json!(condition(at));
        way
    });
    workflow(steps(count), ways.collect())
}

fn bombs() -> Vec<String> {
    vec![
        "(".repeat(4_096),
        format!("{}1{}", "(".repeat(31), ")".repeat(31)),
        format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000)),
        vec!["1"; 2_000].join("+"),
        "!".repeat(4_000),
        format!("'{}'", "x".repeat(100_000)),
        "a.map(x, ".repeat(30) + "1" + &")".repeat(30),
        "a?b:".repeat(900) + "c",
        "1e999999999 + 99999999999999999999999999".to_owned(),
        format!("a{}", ".b".repeat(2_000)),
        "'\\".repeat(1_000),
        "\0\u{202e}".repeat(100),
        "{".repeat(4_000),
        "a.b(".repeat(1_000),
        "[[1],".repeat(800),
        "\"".repeat(4_001),
        "-".repeat(4_000) + "1",
        "1 < ".repeat(1_000) + "1",
        "a in ".repeat(800) + "a",
        "x.all(x, ".repeat(31) + "x" + &")".repeat(31),
    ]
}

pub(super) fn references() -> Family {
    vec![
        ("5,000 steps, each reading the one before", NONE, || {
            let reader = |at: usize| match at {
                0 => json!({ "id": "s0", "kind": "transform", "set": { "x": 1 } }),
                at => {
                    json!({ "id": format!("s{at}"), "kind": "transform", "set": { "x": format!("$s{}.x", at - 1) } })
                }
            };
            chain((0..5_000).map(reader).collect())
        }),
        (
            "a chain of 1,000 whose last reads all, again and again",
            NONE,
            || {
                let mut list: Vec<Value> = (0..1_000)
                .map(|at| json!({ "id": format!("s{at}"), "kind": "transform", "set": { "x": 1 } }))
                .collect();
                let all: Vec<String> = (0..50_000).map(|at| format!("$s{}.x", at % 999)).collect();
                list[999]["set"] = json!({ "all": all });
                chain(list)
            },
        ),
        (
            "5,000 steps, each reading the one behind",
            &["not_upstream", "too_many_problems"],
            || {
                let reader = |at: usize| json!({ "id": format!("s{at}"), "kind": "transform", "set": { "x": format!("$s{}.x", (at + 1) % 5_000) } });
                chain((0..5_000).map(reader).collect())
            },
        ),
        (
            "1,000 steps, each reading two misspelt ones",
            &["too_many_problems", "unknown_reference"],
            || {
                let reader = |at: usize| json!({ "id": format!("s{at}"), "kind": "transform", "set": { "x": format!("=t{at}.x + u{at}.x") } });
                chain((0..1_000).map(reader).collect())
            },
        ),
        (
            "5,000 steps, each reading a field that is not there",
            &["too_many_problems", "unknown_path"],
            || {
                let reader = |at: usize| match at {
                    0 => json!({ "id": "s0", "kind": "transform", "set": { "x": 1 } }),
                    at => {
                        json!({ "id": format!("s{at}"), "kind": "transform", "set": { "x": format!("$s{}.y", at - 1) } })
                    }
                };
                chain((0..5_000).map(reader).collect())
            },
        ),
        ("a reference of 300 kB", &["bad_value"], || {
            let long = format!("$input{}", ".a".repeat(150_000));
            workflow(
                vec![
                    json!({ "id": "s0", "kind": "transform", "set": { "x": long, "y": format!("{long}.") } }),
                ],
                vec![],
            )
        }),
    ]
}
