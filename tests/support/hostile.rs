//! Definitions that somebody made to hurt: too large, too deep, too many, odd letters, expensive expressions. One list for
//! all who try them: the compiler's tests say what is answered, the comparison of the two builds that both answer alike,
//! and `make bench` how long it takes.

use serde_json::{Map, Value, json};

/// A document that is read without complaint, and the codes that are then reported: each once, sorted.
pub struct Hostile {
    pub name: &'static str,
    pub make: fn() -> Value,
    pub codes: &'static [&'static str],
}

/// A text that is refused before there is a document.
pub struct Unreadable {
    pub name: &'static str,
    pub media_type: &'static str,
    pub text: String,
}

const NONE: &[&str] = &[];
const MEGABYTES_10: usize = 10_000_000;

pub fn hostile() -> Vec<Hostile> {
    let families = [
        too_large(),
        edges(),
        graphs(),
        duplicates(),
        forks_gates_and_joins(),
        bodies(),
        letters(),
        expressions(),
        references(),
        schemas_and_lists(),
        cases_and_numbers(),
    ];
    let all = families.into_iter().flatten();
    all.map(|(name, codes, make)| Hostile { name, make, codes })
        .collect()
}

type Family = Vec<(&'static str, &'static [&'static str], fn() -> Value)>;

fn step(at: usize) -> Value {
    json!({ "id": format!("s{at}"), "kind": "tool_call", "tool": "util.noop" })
}

fn edge(from: usize, to: usize) -> Value {
    json!({ "from": format!("s{from}"), "to": format!("s{to}") })
}

fn steps(count: usize) -> Vec<Value> {
    (0..count).map(step).collect()
}

fn workflow(steps: Vec<Value>, edges: Vec<Value>) -> Value {
    json!({ "name": "W", "steps": steps, "edges": edges })
}

/// 5,000 steps and 10,000 edges.
fn pairs(made: fn(usize) -> (usize, usize)) -> Value {
    let edges = (0..10_000).map(made).map(|(from, to)| edge(from, to));
    workflow(steps(5_000), edges.collect())
}

fn chain(of: Vec<Value>) -> Value {
    let edges = (1..of.len()).map(|at| edge(at - 1, at)).collect();
    workflow(of, edges)
}

fn too_large() -> Family {
    vec![
        (
            "10 MB of description",
            &["too_large"],
            || json!({ "name": "W", "description": "x".repeat(MEGABYTES_10), "steps": steps(1) }),
        ),
        ("10 MB of references", &["too_large"], || {
            let many = vec![json!("$input.some.name"); 500_000];
            let mut reader = step(0);
            reader["with"] = json!({ "value": many });
            workflow(vec![reader], vec![])
        }),
        ("10 MB of expressions", &["too_large"], || {
            let many = vec![json!("=input.list.filter(x, x > 3).map(x, x * 2)"); 200_000];
            workflow(
                vec![json!({ "id": "a", "kind": "transform", "set": { "all": many } })],
                vec![],
            )
        }),
        ("12,000 steps", &["too_large"], || {
            workflow(steps(12_000), vec![])
        }),
        ("30,000 edges", &["too_large"], || {
            workflow(steps(2), vec![edge(0, 1); 30_000])
        }),
        ("10 MB of steps, 100,000 of them", &["too_large"], || {
            workflow(
                steps(100_000),
                (1..100_000).map(|at| edge(at - 1, at)).collect(),
            )
        }),
    ]
}

fn edges() -> Family {
    vec![
        ("10,000 edges forward", &["cycle", "duplicate_edge"], || {
            pairs(|at| (at / 2, (at / 2 + 1 + at % 2 * 17).min(4_999)))
        }),
        (
            "10,000 edges, half of them back",
            &["cycle", "duplicate_edge"],
            || pairs(|at| ((at / 2 + 1) % 5_000, at % 2 * (at / 2))),
        ),
        (
            "a ring of 5,000, twice",
            &["duplicate_edge", "too_many_problems"],
            || pairs(|at| (at % 5_000, (at % 5_000 + 1) % 5_000)),
        ),
        (
            "10,000 edges to nowhere",
            &["too_many_problems", "unknown_step"],
            || pairs(|at| (at % 5_000, at + 5_000)),
        ),
        (
            "a star, twice",
            &["duplicate_edge", "too_many_problems"],
            || pairs(|at| (0, at % 4_999 + 1)),
        ),
        (
            "20,000 edges between two steps",
            &["duplicate_edge", "too_many_problems"],
            || workflow(steps(2), vec![edge(0, 1); 20_000]),
        ),
    ]
}

fn graphs() -> Family {
    vec![
        ("a chain of 5,000", NONE, || chain(steps(5_000))),
        ("a chain of 9,000", NONE, || chain(steps(9_000))),
        (
            "5,000 steps apart",
            &["isolated_step", "too_many_problems"],
            || workflow(steps(5_000), vec![]),
        ),
        ("140 steps, each with each", NONE, || {
            let ways = (0..140).flat_map(|to| (0..to).map(move |from| edge(from, to)));
            workflow(steps(140), ways.collect())
        }),
        ("70 rows of 70, crossing", NONE, || {
            // Each leads to two of the next row, far apart, so that every pair of rows has thousands of crossings.
            let ways = (0..69).flat_map(|row| {
                (0..70).flat_map(move |at| {
                    let next = |to: usize| row * 70 + 70 + to % 70;
                    [
                        edge(row * 70 + at, next(at * 37)),
                        edge(row * 70 + at, next(at * 61 + 13)),
                    ]
                })
            });
            workflow(steps(4_900), ways.collect())
        }),
        ("a fan of 5,000 and a join", NONE, || {
            let mut list = steps(5_001);
            list.push(json!({ "id": "s5001", "kind": "join", "rule": "all_done" }));
            let ways = (1..=5_000).flat_map(|at| [edge(0, at), edge(at, 5_001)]);
            workflow(list, ways.collect())
        }),
        ("10,000 edges over all rows", NONE, || {
            // A chain, and from each of its steps a way to its end.
            let mut list = steps(5_000);
            list[4_999] = json!({ "id": "s4999", "kind": "join", "rule": "all_done" });
            let ways = (0..4_999).flat_map(|at| match at {
                4_998 => vec![edge(at, 4_999)],
                _ => vec![edge(at, at + 1), edge(at, 4_999)],
            });
            workflow(list, ways.collect())
        }),
        ("5,000 steps that a person must allow", NONE, || {
            let allowed = |at: usize| {
                let mut step = step(at);
                step["approval"] = json!({});
                step
            };
            chain((0..5_000).map(allowed).collect())
        }),
        ("5,000 steps that can be undone", NONE, || {
            let undone = |at: usize| {
                let mut step = step(at);
                step["compensate"] = json!({ "tool": "util.noop" });
                step
            };
            chain((0..5_000).map(undone).collect())
        }),
    ]
}

fn duplicates() -> Family {
    vec![
        (
            "5,000 times one id",
            &["duplicate_step_id", "too_many_problems"],
            || workflow(vec![step(0); 5_000], vec![]),
        ),
        (
            "2,500 ids, each twice, and as many edges",
            &["duplicate_step_id", "too_many_problems"],
            || {
                let list = (0..5_000).map(|at| step(at / 2)).collect();
                workflow(
                    list,
                    (1..5_000).map(|at| edge((at - 1) / 2, at / 2)).collect(),
                )
            },
        ),
        ("5,000 steps of one name", NONE, || {
            let named = |at: usize| {
                let mut step = step(at);
                step["name"] = json!("The same");
                step
            };
            chain((0..5_000).map(named).collect())
        }),
        ("3,000 maps whose items have one name", NONE, || {
            let map = |at: usize| {
                json!({ "id": format!("s{at}"), "kind": "map", "over": [1], "as": "it",
                            "body": { "steps": [{ "id": format!("b{at}"), "kind": "tool_call", "tool": "util.noop",
                                                  "with": { "value": "$it" } }] } })
            };
            chain((0..3_000).map(map).collect())
        }),
    ]
}

/// Gates, conditions and joins in rows: whatever looks at pairs of them has millions to look at.
fn forks_gates_and_joins() -> Family {
    vec![
        (
            "a thousand forks in a row",
            &["isolated_step", "no_default_branch"],
            || {
                let condition = |at: usize| json!({ "id": format!("s{at}"), "kind": "condition", "expression": "true" });
                let list = (0..2_000).map(|at| if at % 2 == 0 { condition(at) } else { step(at) });
                let ways = (0..999).flat_map(|at| {
                    let (from, to) = (2 * at, 2 * at + 2);
                    let mut when = edge(from, to);
                    when["when"] = json!("true");
                    let mut other = edge(from, from + 1);
                    other["default"] = json!(true);
                    [when, other]
                });
                workflow(list.collect(), ways.collect())
            },
        ),
        (
            "1,500 gates and joins in a row",
            &["duplicate_edge", "gate_bypassed", "too_many_problems"],
            || {
                let gate = |at: usize| match at % 2 {
                    0 => json!({ "id": format!("s{at}"), "kind": "human_gate" }),
                    _ => json!({ "id": format!("s{at}"), "kind": "join", "rule": "one_success" }),
                };
                let ways = (0..3_000usize).step_by(2).flat_map(|at| {
                    let past = edge(at.saturating_sub(1), at + 1);
                    [edge(at, at + 1), past, edge(at + 1, at + 2)]
                });
                workflow((0..3_001).map(gate).collect(), ways.collect())
            },
        ),
        (
            "2,000 gates into one join",
            &["gate_bypassed", "too_many_problems"],
            || {
                let mut list = steps(4_000);
                for gate in (1..3_998).step_by(2) {
                    list[gate] = json!({ "id": format!("s{gate}"), "kind": "human_gate" });
                }
                list[3_999] = json!({ "id": "s3999", "kind": "join", "rule": "one_success" });
                let ways = (1..3_999).flat_map(|at| [edge(0, at), edge(at, 3_999)]);
                workflow(list, ways.collect())
            },
        ),
        (
            "2,000 joins behind one fork",
            &["never_runs", "too_many_problems"],
            || {
                let mut list =
                    vec![json!({ "id": "s0", "kind": "condition", "expression": "true" })];
                list.extend((1..3).map(step));
                list.extend((3..2_003).map(|at| json!({ "id": format!("s{at}"), "kind": "join" })));
                let mut when = edge(0, 1);
                when["when"] = json!("true");
                let mut other = edge(0, 2);
                other["default"] = json!(true);
                let ways = (3..2_003).flat_map(|at| [edge(1, at), edge(2, at)]);
                workflow(list, [when, other].into_iter().chain(ways).collect())
            },
        ),
    ]
}

fn bodies() -> Family {
    vec![
        ("maps 12 deep", &["nested_too_deep"], || {
            let deep = (0..12).fold(step(0), |inner, depth| {
                json!({ "id": format!("m{depth}"), "kind": "map", "over": [1], "body": { "steps": [inner] } })
            });
            workflow(vec![deep], vec![])
        }),
        ("a value 70 deep", &["bad_value"], || {
            let mut reader = step(0);
            reader["with"] =
                json!({ "value": (0..70).fold(json!(1), |inner, _| json!({ "a": inner })) });
            workflow(vec![reader], vec![])
        }),
        ("1,200 loops in a row", NONE, || {
            let round = |at: usize| {
                json!({ "id": format!("s{at}"), "kind": "loop", "until": format!("b{at}.value == {at}"),
                        "body": { "steps": [{ "id": format!("b{at}"), "kind": "tool_call", "tool": "util.noop" }] } })
            };
            chain((0..1_200).map(round).collect())
        }),
        ("a body of 5,000 steps, four deep", NONE, || {
            let body = chain(steps(5_000));
            let body = json!({ "steps": body["steps"], "edges": body["edges"] });
            let deep = (0..4).fold(body, |body, depth| {
                json!({ "steps": [{ "id": format!("m{depth}"), "kind": "map", "over": [1], "body": body }] })
            });
            json!({ "name": "W", "steps": deep["steps"] })
        }),
    ]
}

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

fn letters() -> Family {
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

fn expressions() -> Family {
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

fn references() -> Family {
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

fn schemas_and_lists() -> Family {
    vec![
        (
            "20,000 inputs",
            &["bad_input_schema", "too_many_problems"],
            || {
                let fields: Map<String, Value> = (0..12_000)
                    .map(|at| (format!("field_{at}"), json!({ "type": "string" })))
                    .collect();
                let required: Vec<String> = (0..20_000).map(|at| format!("other_{at}")).collect();
                let shown: Vec<String> =
                    (0..5_000).map(|at| format!("$input.feild_{at}")).collect();
                json!({ "name": "W", "inputs": { "type": "object", "properties": fields, "required": required },
                        "steps": [{ "id": "a", "kind": "human_gate", "show": shown }] })
            },
        ),
        (
            "5,000 misspelt inputs of 12,000",
            &["too_many_problems", "unknown_path"],
            || {
                let fields: Map<String, Value> = (0..12_000)
                    .map(|at| (format!("field_{at}"), json!({ "type": "string" })))
                    .collect();
                let shown: Vec<String> =
                    (0..5_000).map(|at| format!("$input.feild_{at}")).collect();
                json!({ "name": "W", "inputs": { "type": "object", "properties": fields },
                    "steps": [{ "id": "a", "kind": "human_gate", "show": shown }] })
            },
        ),
        ("40,000 shown values", NONE, || {
            let shown: Vec<String> = (0..40_000).map(|at| format!("$input.{at}")).collect();
            workflow(
                vec![json!({ "id": "a", "kind": "human_gate", "show": shown })],
                vec![],
            )
        }),
        (
            "40,000 unknown fields",
            &["too_many_problems", "unknown_field"],
            || {
                let given: Map<String, Value> = (0..40_000)
                    .map(|at| (format!("vlaue{at}"), json!(1)))
                    .collect();
                workflow(
                    vec![
                        json!({ "id": "a", "kind": "tool_call", "tool": "util.noop", "with": given }),
                    ],
                    vec![],
                )
            },
        ),
        (
            "5,000 tools that there are not",
            &["too_many_problems", "unknown_tool"],
            || {
                let call = |at: usize| json!({ "id": format!("s{at}"), "kind": "tool_call", "tool": format!("tool.{at}") });
                chain((0..5_000).map(call).collect())
            },
        ),
        (
            "100,000 tags",
            NONE,
            || json!({ "name": "W", "tags": vec!["tag"; 100_000], "steps": steps(1) }),
        ),
        ("60,000 constants", NONE, || {
            let constants: Map<String, Value> = (0..60_000)
                .map(|at| (format!("c{at}"), json!(at)))
                .collect();
            json!({ "name": "W", "variables": constants, "steps": steps(1) })
        }),
    ]
}

fn cases_and_numbers() -> Family {
    fn numbers(most: u64) -> Value {
        let extreme = if most > 1 { u64::MAX } else { most };
        json!({ "name": "W", "timeout_ms": extreme, "max_in_flight": most, "concurrency": { "max": most },
            "steps": [
              { "id": "a", "kind": "tool_call", "tool": "util.noop", "timeout_ms": extreme, "weight": most,
                "retry": { "max_attempts": most, "base_ms": extreme, "cap_ms": extreme },
                "concurrency": { "max": most } },
              { "id": "b", "kind": "map", "over": [1], "max_parallel": most, "max_failed": most,
                "on_item_error": "continue", "body": { "steps": [
                  { "id": "c", "kind": "loop", "until": "true", "max_iterations": most, "every_ms": extreme,
                    "body": { "steps": [{ "id": "d", "kind": "wait", "for_ms": extreme }] } }] } },
              { "id": "e", "kind": "wait", "tool": "util.noop", "until": "true", "every_ms": extreme, "timeout_ms": extreme },
              { "id": "f", "kind": "subworkflow", "workflow": "w", "version": most, "timeout_ms": extreme }],
            "edges": [{ "from": "a", "to": "b" }, { "from": "b", "to": "e" }, { "from": "e", "to": "f" }] })
    }
    vec![
        ("numbers that are nought", &["bad_number"], || numbers(0)),
        ("numbers that are one", &["bad_number"], || numbers(1)),
        ("numbers at their end", &["bad_number"], || {
            numbers(u64::from(u32::MAX))
        }),
        ("a test case of 300 kB", &["case_too_large"], || {
            let large =
                json!([{ "name": "c", "given": { "input": { "x": "x".repeat(300_000) } } }]);
            json!({ "name": "W", "steps": steps(1), "cases": large })
        }),
        ("5,000 test cases", &["too_many_cases"], || {
            let cases: Vec<Value> = (0..5_000)
                .map(|at| json!({ "name": format!("c{at}") }))
                .collect();
            json!({ "name": "W", "steps": steps(1), "cases": cases })
        }),
        (
            "100 test cases that name 20,000 unknown steps",
            &["too_many_problems", "unknown_step"],
            || {
                let case = |at: usize| {
                    let calls: Map<String, Value> = (0..200)
                        .map(|step| (format!("no{step}"), json!(1)))
                        .collect();
                    json!({ "name": format!("c{at}"), "expect": { "calls": calls } })
                };
                json!({ "name": "W", "steps": steps(1), "cases": (0..100).map(case).collect::<Vec<_>>() })
            },
        ),
    ]
}

pub fn unreadable() -> Vec<Unreadable> {
    const JSON: &str = "application/json";
    const YAML: &str = "application/yaml";
    let bodies = |open: &str, close: &str| {
        format!(
            "{}{}{}",
            r#"{"name":"W","steps":["#,
            open.repeat(1_000),
            close.repeat(1_000)
        )
    };
    let maps = bodies(
        r#"{"id":"m","kind":"map","over":[1],"body":{"steps":["#,
        "]}}",
    );
    let laughs = {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..12 {
            let again = vec![format!("*a{}", at - 1); 10].join(", ");
            text += &format!("a{at}: &a{at} [{again}]\n");
        }
        text
    };
    let indented: String = (0..1_000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    [
        ("1,000 maps, one in another", JSON, maps.clone()),
        ("1,000 maps, one in another", YAML, maps),
        ("900,000 open brackets", JSON, "[".repeat(900_000)),
        ("900,000 open brackets", YAML, "[".repeat(900_000)),
        ("10 MB of blanks", JSON, " ".repeat(MEGABYTES_10)),
        ("10 MB of blanks", YAML, " ".repeat(MEGABYTES_10)),
        ("aliases of aliases, 10^12 in all", YAML, laughs),
        ("1,000 levels of indentation", YAML, indented),
        ("900,000 dashes", YAML, "- ".repeat(450_000)),
        (
            "100,000 anchors",
            YAML,
            (0..80_000).map(|at| format!("- &a{at}\n")).collect(),
        ),
        ("300,000 question marks", YAML, "? ".repeat(300_000)),
        ("900 kB of tags", YAML, "!!".repeat(450_000)),
        (
            "an unknown field behind 900 kB",
            JSON,
            format!(r#"{{"name":"{}","stesp":[]}}"#, "x".repeat(900_000)),
        ),
        (
            "an unknown field behind 900 kB",
            YAML,
            format!("name: {}\nstesp: []\n", "x".repeat(900_000)),
        ),
    ]
    .into_iter()
    .map(|(name, media_type, text)| Unreadable {
        name,
        media_type,
        text,
    })
    .collect()
}
