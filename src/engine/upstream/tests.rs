//! What a step can read, and what its values are.

use super::*;
use crate::engine::tool::{EffectClass, ToolSpec};

fn catalogue() -> Catalogue {
    let mut probe = ToolSpec::plain("t.probe", EffectClass::Read);
    probe.output_schema = json!({ "type": "object", "properties": {
        "up": { "type": "boolean" },
        "first": { "type": "object", "properties": { "ms": { "type": "integer" }, "odd name": {} } },
    } });
    Catalogue::new([probe])
}

fn paths_of(reader: &Reader, typed: &str) -> Vec<String> {
    let (draft, catalogue) = (draft(), catalogue());
    let names = Upstream::new(&draft, &catalogue, reader).names(typed, 50);
    names.into_iter().map(|name| name.path).collect()
}

fn look(reader: &Reader, path: &str) -> Option<(String, Option<Value>)> {
    let (draft, catalogue) = (draft(), catalogue());
    let look = Upstream::new(&draft, &catalogue, reader).look(path)?;
    Some((look.kind, look.example))
}

fn step(id: &str) -> Reader {
    Reader::Step(id.into())
}

fn draft() -> Workflow {
    let document = json!({
        "name": "Draft",
        "inputs": { "type": "object", "properties": {
            "hosts": { "type": "array", "items": { "type": "string", "format": "hostname" } },
        } },
        "variables": { "region": "eu" },
        "steps": [
            { "id": "probe", "kind": "tool_call", "tool": "t.probe", "with": {} },
            { "id": "each", "kind": "map", "over": "$input.hosts", "as": "host", "body": {
                "steps": [
                    { "id": "inner", "kind": "transform", "set": {
                        "x": 1, "name": "$host", "ms": "$probe.first.ms", "sum": "=1 + 1", "all": ["$$5"],
                    } },
                    { "id": "after", "kind": "human_gate" },
                    { "id": "beside", "kind": "parallel" },
                ],
                "edges": [{ "from": "inner", "to": "after" }, { "from": "after", "to": "inner" }],
            } },
            { "id": "elsewhere", "kind": "parallel" },
            { "id": "again", "kind": "loop", "body": { "steps": [{ "id": "round", "kind": "parallel" }] } },
            { "id": "until_up", "kind": "wait", "tool": "t.probe" },
        ],
        "edges": [{ "from": "probe", "to": "each" }, { "from": "each", "to": "again" }],
    });
    serde_json::from_value(document).expect("a workflow")
}

#[test]
fn a_step_reads_what_comes_before_it_at_every_level() {
    assert_eq!(
        paths_of(&step("after"), ""),
        [
            "inner",
            "inner.all",
            "inner.ms",
            "inner.name",
            "inner.sum",
            "inner.x",
            "item",
            "index",
            "host",
            "probe",
            "probe.up",
            "probe.first",
            "probe.first.ms",
            "input",
            "input.hosts",
            "context",
            "context.hosts",
            "context.region",
        ]
    );
    let first = [
        "input",
        "input.hosts",
        "context",
        "context.hosts",
        "context.region",
    ];
    assert_eq!(paths_of(&step("probe"), ""), first);
    assert_eq!(paths_of(&Reader::Workflow, ""), first);
}

#[test]
fn the_nearest_comes_first_and_a_part_of_a_name_finds_it() {
    let names = paths_of(&step("again"), "");
    assert_eq!(names[0], "each");
    assert!(names.contains(&"probe".to_owned()));
    assert_eq!(paths_of(&step("after"), "pro")[..2], ["probe", "probe.up"]);
    assert_eq!(
        paths_of(&step("after"), "MS"),
        ["inner.ms", "probe.first.ms"]
    );
    assert_eq!(
        paths_of(&step("after"), "ost"),
        ["host", "input.hosts", "context.hosts"]
    );
    assert!(paths_of(&step("after"), "nothing of that name").is_empty());
}

#[test]
fn what_is_behind_a_step_reads_it_too() {
    let names = paths_of(&Reader::Behind("probe".into()), "");
    assert_eq!(names[..2], ["probe", "probe.up"]);
    assert!(!paths_of(&Reader::Behind("nobody".into()), "").contains(&"probe".to_owned()));
    let round = paths_of(&Reader::Until("again".into()), "");
    assert_eq!(round[..3], ["round", "index", "previous"]);
    let answer = paths_of(&Reader::Until("until_up".into()), "");
    assert_eq!(answer[..2], ["result", "result.up"]);
}

#[test]
fn a_path_is_shown_as_what_it_may_be() {
    let known = |kind: &str, example: Value| Some((kind.to_owned(), Some(example)));
    let after = step("after");
    assert_eq!(look(&after, "probe.first.ms"), known("integer", json!(1)));
    assert_eq!(look(&after, "inner.ms"), known("integer", json!(1)));
    assert_eq!(
        look(&after, "inner.name"),
        known("string", json!("host.example.com"))
    );
    assert_eq!(look(&after, "inner.all"), known("array", json!(["$5"])));
    assert_eq!(
        look(&after, "input.hosts.0"),
        known("string", json!("host.example.com"))
    );
    assert_eq!(look(&after, "context.region"), known("string", json!("eu")));
    assert_eq!(look(&after, "inner.sum"), Some((String::new(), None)));
    assert_eq!(look(&after, "probe.gone"), None);
    assert_eq!(look(&after, "elsewhere"), None);
    assert_eq!(look(&after, ""), None);
}

#[test]
fn values_that_refer_to_each_other_in_a_circle_are_not_followed_for_ever() {
    let draft: Workflow = serde_json::from_value(json!({ "name": "Circle", "steps": [
        { "id": "a", "kind": "transform", "set": { "x": "$b.x", "y": "$b" } },
        { "id": "b", "kind": "transform", "set": { "x": "$a.x", "y": "$a" } },
    ], "edges": [{ "from": "a", "to": "b" }] }))
    .expect("a workflow");
    let catalogue = Catalogue::default();
    let upstream = Upstream::new(&draft, &catalogue, &step("b"));
    assert_eq!(upstream.look("a.x").expect("a value").kind, "");
    assert!(upstream.names("", 1_000).len() < 100);
}

#[test]
fn a_type_fits_itself_and_what_is_wider() {
    for (wanted, kind, expected) in [
        ("string", "string", true),
        ("number", "integer", true),
        ("integer", "number", false),
        ("string", "array", false),
        ("string", "", true),
        ("", "object", true),
    ] {
        assert_eq!(fits(wanted, kind), expected, "{wanted} {kind}");
    }
    assert_eq!(kind_of(&json!({ "type": ["null", "string"] })), "string");
    assert_eq!(kind_of(&json!({ "type": ["integer", "string"] })), "");
}

/// Without the bound on values it is 12 to the power of 8 of them.
#[test]
fn transforms_that_read_themselves_from_many_fields_are_looked_at_all_the_same() {
    let fields: Map<String, Value> = (0..12)
        .map(|at| (format!("f{at}"), json!("$t.f0")))
        .collect();
    let document = json!({
        "name": "W",
        "steps": [
            { "id": "t", "kind": "transform", "set": fields },
            { "id": "a", "kind": "tool_call", "tool": "t.read", "with": {} },
        ],
        "edges": [{ "from": "t", "to": "a" }],
    });
    let workflow: Workflow = serde_json::from_value(document).expect("a workflow");
    let catalogue = Catalogue::default();
    let upstream = Upstream::new(&workflow, &catalogue, &Reader::Step("a".into()));
    assert!(upstream.look("t.f0").is_some());
    assert_eq!(upstream.names("t.", 50).len(), 12);
}
