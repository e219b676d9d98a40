//! Definitions that somebody made to hurt: too large, too deep, too many, odd letters, expensive expressions. One list for
//! all who try them: the compiler's tests say what is answered, the comparison of the two builds that both answer alike,
//! and `make bench` how long it takes.

mod texts;

use serde_json::{Map, Value, json};

use texts::{expressions, letters, references};

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
