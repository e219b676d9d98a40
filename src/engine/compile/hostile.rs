//! Definitions that somebody made to hurt: too large, too deep, too many, odd letters, expensive expressions. Each is
//! answered with reports that a person can read, without a panic, on a stack as small as a browser's, and says how long
//! it took.

use serde_json::{Value, json};

use super::compile;
use crate::engine::binding::Binding;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::limits::{
    DEFINITION_BYTES_MAX, EXPRESSION_BYTES_MAX, MESSAGE_CHARS_MAX, PROBLEMS_MAX,
};
use crate::engine::reading;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

/// What a page has for everything, optimised; here it has to do for unoptimised code.
const STACK_BYTES: usize = 1024 * 1024;

/// Compiles on a small stack; answers the codes that were reported, each once.
#[expect(
    clippy::disallowed_methods,
    reason = "prints how long it took; nothing depends on it"
)]
fn codes(family: &str, document: impl FnOnce() -> Value + Send + 'static) -> Vec<String> {
    let family = family.to_owned();
    let work = move || {
        let workflow: Workflow = serde_json::from_value(document()).expect("well-formed");
        let began = std::time::Instant::now();
        let compiled = compile(&workflow, &catalogue());
        let took = began.elapsed();
        let problems = compiled.err().unwrap_or_default();
        println!("{family}: {took:?}, {} problems", problems.len());
        for problem in &problems {
            check_readable(problem);
        }
        assert!(problems.len() <= PROBLEMS_MAX + 1, "{family}");
        let mut codes: Vec<String> = problems.into_iter().map(|problem| problem.code).collect();
        codes.sort();
        codes.dedup();
        codes
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(work).expect("a thread");
    running.join().expect("it does not panic")
}

fn check_readable(problem: &Diagnostic) {
    for text in [Some(&problem.message), problem.fix.as_ref()]
        .into_iter()
        .flatten()
    {
        assert!(text.chars().count() <= MESSAGE_CHARS_MAX + 20);
        let odd = text
            .chars()
            .find(|c| c.is_control() || matches!(c, '\u{200b}' | '\u{202e}'));
        assert_eq!(odd, None, "{text}");
    }
}

fn catalogue() -> Catalogue {
    Catalogue::new([
        ToolSpec::plain("t.read", EffectClass::Read),
        ToolSpec {
            input_schema: json!({ "type": "object", "additionalProperties": false,
                                  "properties": { "url": { "type": "string" } } }),
            ..ToolSpec::plain("t.closed", EffectClass::Read)
        },
    ])
}

fn step(at: usize) -> Value {
    json!({ "id": format!("s{at}"), "kind": "tool_call", "tool": "t.read" })
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

#[test]
fn what_is_too_large_is_refused_before_it_is_looked_at() {
    let text = || json!("x".repeat(10 * DEFINITION_BYTES_MAX));
    let described = move || json!({ "name": "W", "description": text(), "steps": steps(1) });
    assert_eq!(codes("10 MB of description", described), ["too_large"]);
    let bound = || {
        let many: Vec<Value> = (0..500_000).map(|_| json!("$input.some.name")).collect();
        let mut reader = step(0);
        reader["with"] = json!({ "all": many });
        workflow(vec![reader], vec![])
    };
    assert_eq!(codes("10 MB of references", bound), ["too_large"]);
    assert_eq!(
        codes("20,000 steps", || workflow(steps(20_000), vec![])),
        ["too_large"]
    );
}

#[test]
fn thousands_of_edges_and_steps_are_looked_at_once() {
    let pairs = |made: fn(usize) -> (usize, usize)| {
        move || {
            let edges = (0..10_000).map(made).map(|(from, to)| edge(from, to));
            workflow(steps(5_000), edges.collect())
        }
    };
    let none: [&str; 0] = [];
    let forward = pairs(|at| (at / 2, (at / 2 + 1 + at % 2 * 17).min(4_999)));
    assert_eq!(
        codes("10,000 edges forward", forward),
        ["cycle", "duplicate_edge"]
    );
    let back = pairs(|at| ((at / 2 + 1) % 5_000, at % 2 * (at / 2)));
    let found = codes("10,000 edges, half of them back", back);
    assert_eq!(found[0], "cycle", "{found:?}");
    let ring = pairs(|at| (at % 5_000, (at % 5_000 + 1) % 5_000));
    assert_eq!(
        codes("a ring of 5,000, twice", ring),
        ["duplicate_edge", "too_many_problems"]
    );
    let nowhere = pairs(|at| (at % 5_000, at + 5_000));
    assert_eq!(
        codes("10,000 edges to nowhere", nowhere),
        ["too_many_problems", "unknown_step"]
    );
    let star = pairs(|at| (0, at % 4_999 + 1));
    assert_eq!(
        codes("a star, twice", star),
        ["duplicate_edge", "too_many_problems"]
    );
    let chain = || {
        workflow(
            steps(5_000),
            (1..5_000).map(|at| edge(at - 1, at)).collect(),
        )
    };
    assert_eq!(codes("a chain of 5,000", chain), none);
    let apart = || workflow(steps(5_000), vec![]);
    assert_eq!(
        codes("5,000 steps apart", apart),
        ["isolated_step", "too_many_problems"]
    );
    let same = || workflow(vec![step(0); 5_000], vec![]);
    assert_eq!(
        codes("5,000 times one id", same),
        ["duplicate_step_id", "too_many_problems"]
    );
}

/// Gates, conditions and joins in rows: whatever looks at pairs of them has millions to look at.
#[test]
fn thousands_of_forks_gates_and_joins_are_not_looked_at_in_pairs() {
    let conditions = || {
        let condition = |at: usize| json!({ "id": format!("s{at}"), "kind": "condition", "expression": "true" });
        let list = (0..2_000).map(|at| if at % 2 == 0 { condition(at) } else { step(at) });
        let ways = (0..999).flat_map(|at| {
            let (from, to) = (2 * at, 2 * at + 2);
            let when =
                json!({ "from": format!("s{from}"), "to": format!("s{to}"), "when": "true" });
            let mut other = edge(from, from + 1);
            other["default"] = json!(true);
            [when, other]
        });
        workflow(list.collect(), ways.collect())
    };
    assert_eq!(
        codes("a thousand forks in a row", conditions),
        ["isolated_step", "no_default_branch"]
    );
    let gates = || {
        let gate = |at: usize| match at % 2 {
            0 => json!({ "id": format!("s{at}"), "kind": "human_gate" }),
            _ => json!({ "id": format!("s{at}"), "kind": "join", "rule": "one_success" }),
        };
        let ways = (0..3_000).filter(|at| at % 2 == 0).flat_map(|at| {
            let next = edge(at + 1, at + 2);
            let past = edge(at.saturating_sub(1), at + 1);
            [edge(at, at + 1), past, next]
        });
        let list = (0..3_001).map(gate);
        workflow(list.collect(), ways.collect())
    };
    assert!(codes("1,500 gates and joins in a row", gates).contains(&"gate_bypassed".to_owned()));
    let fan = || {
        let mut list = steps(4_000);
        for gate in (1..3_998).step_by(2) {
            list[gate] = json!({ "id": format!("s{gate}"), "kind": "human_gate" });
        }
        list[3_999] = json!({ "id": "s3999", "kind": "join", "rule": "one_success" });
        let ways = (1..3_999).flat_map(|at| [edge(0, at), edge(at, 3_999)]);
        workflow(list, ways.collect())
    };
    assert_eq!(
        codes("2,000 gates into one join", fan),
        ["gate_bypassed", "too_many_problems"]
    );
}

#[test]
fn what_nests_a_thousand_deep_is_refused_without_deep_calls() {
    let bodies = || {
        (0..12).fold(step(0), |inner, depth| {
            json!({ "id": format!("m{depth}"), "kind": "map", "over": [1], "body": { "steps": [inner] } })
        })
    };
    assert_eq!(
        codes("maps 12 deep", move || workflow(vec![bodies()], vec![])),
        ["nested_too_deep"]
    );
    let text = format!(
        "{}{}{}",
        r#"{"name":"W","steps":["#,
        r#"{"id":"m","kind":"map","over":[1],"body":{"steps":["#.repeat(1_000),
        "]}}".repeat(1_000)
    );
    let read = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || reading::from_json(text.as_bytes()));
    let read = read.expect("a thread").join().expect("no overflow");
    assert!(read.expect_err("too deep").contains("levels"));
    let value = || (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
    let deep = move || {
        let mut reader = step(0);
        reader["with"] = value();
        workflow(vec![reader], vec![])
    };
    assert_eq!(codes("a value 100 deep", deep), ["bad_value"]);
}

#[test]
fn odd_letters_are_shown_and_refused_as_ids() {
    let odd = [
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
    let ids = move || {
        let named = odd.iter().map(|id| json!({ "id": id, "name": id, "kind": "tool_call", "tool": id, "with": { *id: format!("${id}.x") } }));
        workflow(named.collect(), vec![])
    };
    let found = codes("odd letters", ids);
    assert_eq!(
        found,
        ["bad_step_id", "bad_value", "isolated_step", "unknown_tool"]
    );
    let long = || {
        let id = "\u{202e}".repeat(30_000);
        workflow(
            vec![json!({ "id": id, "kind": "tool_call", "tool": id })],
            vec![json!({ "from": id, "to": id })],
        )
    };
    assert!(codes("an id of 90 kB", long).contains(&"bad_step_id".to_owned()));
}

#[test]
fn expression_bombs_are_refused_before_they_go_off() {
    let bombs: Vec<String> = vec![
        "(".repeat(EXPRESSION_BYTES_MAX),
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
    ];
    let document = move || {
        let ways = bombs
            .iter()
            .map(|bomb| json!({ "from": "s0", "to": "s1", "when": bomb }));
        let ways: Vec<Value> = ways.collect();
        let mut only = step(1);
        only["with"] = json!({ "x": format!("={}", bombs[0]) });
        workflow(vec![step(0), only], ways)
    };
    let found = codes("expression bombs", document);
    assert!(found.contains(&"bad_expression".to_owned()), "{found:?}");
    let many = || {
        let ways = (1..5_000).map(
            |at| json!({ "from": "s0", "to": format!("s{at}"), "when": format!("input.n > {at}") }),
        );
        workflow(steps(5_000), ways.collect())
    };
    let none: [&str; 0] = [];
    assert_eq!(codes("5,000 different conditions", many), none);
    let misspelt = || {
        let ways = (1..5_000).map(
            |at| json!({ "from": "s0", "to": format!("s{at}"), "when": format!("inptu.n > {at}") }),
        );
        workflow(steps(5_000), ways.collect())
    };
    assert_eq!(
        codes("5,000 misspelt conditions", misspelt),
        ["too_many_problems", "unknown_reference"]
    );
}

#[test]
fn huge_schemas_lists_and_numbers_are_read_once() {
    let schema = || {
        let fields: serde_json::Map<String, Value> = (0..20_000)
            .map(|at| (format!("field_{at}"), json!({ "type": "string" })))
            .collect();
        let required: Vec<String> = (0..20_000).map(|at| format!("other_{at}")).collect();
        let shown: Vec<String> = (0..5_000).map(|at| format!("$input.feild_{at}")).collect();
        json!({ "name": "W", "inputs": { "type": "object", "properties": fields, "required": required },
                "steps": [{ "id": "a", "kind": "human_gate", "show": shown }] })
    };
    assert_eq!(
        codes("20,000 inputs", schema),
        ["bad_input_schema", "too_many_problems"]
    );
    let shown = || {
        let shown: Vec<String> = (0..40_000).map(|at| format!("$input.{at}")).collect();
        workflow(
            vec![json!({ "id": "a", "kind": "human_gate", "show": shown })],
            vec![],
        )
    };
    let none: [&str; 0] = [];
    assert_eq!(codes("40,000 shown values", shown), none);
    let fields = || {
        let given: serde_json::Map<String, Value> = (0..40_000)
            .map(|at| (format!("ulr{at}"), json!(1)))
            .collect();
        workflow(
            vec![json!({ "id": "a", "kind": "tool_call", "tool": "t.closed", "with": given })],
            vec![],
        )
    };
    assert_eq!(
        codes("40,000 unknown fields", fields),
        ["too_many_problems", "unknown_field"]
    );
    for most in [0, 1, u64::from(u32::MAX)] {
        let extreme = if most > 1 { u64::MAX } else { most };
        let numbers = move || {
            json!({ "name": "W", "timeout_ms": extreme, "max_in_flight": most, "concurrency": { "max": most },
                "steps": [
                  { "id": "a", "kind": "tool_call", "tool": "t.read", "timeout_ms": extreme, "weight": most,
                    "retry": { "max_attempts": most, "base_ms": extreme, "cap_ms": extreme },
                    "concurrency": { "max": most } },
                  { "id": "b", "kind": "map", "over": [1], "max_parallel": most, "max_failed": most,
                    "on_item_error": "continue", "body": { "steps": [
                      { "id": "c", "kind": "loop", "until": "true", "max_iterations": most, "every_ms": extreme,
                        "body": { "steps": [{ "id": "d", "kind": "wait", "for_ms": extreme }] } }] } },
                  { "id": "e", "kind": "wait", "tool": "t.read", "until": "true", "every_ms": extreme, "timeout_ms": extreme },
                  { "id": "f", "kind": "subworkflow", "workflow": "w", "version": most, "timeout_ms": extreme }],
                "edges": [{ "from": "a", "to": "b" }, { "from": "b", "to": "e" }, { "from": "e", "to": "f" }] })
        };
        let found = codes("numbers at their ends", numbers);
        assert!(found.is_empty() || found == ["bad_number"], "{found:?}");
    }
}

#[test]
fn a_maximal_list_of_bindings_is_read_on_a_small_stack() {
    let nested = crate::engine::bounds::tests::nested(64);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(move || Binding::parse(&nested).is_ok());
    assert!(running.expect("a thread").join().expect("no overflow"));
}
