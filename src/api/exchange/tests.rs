//! What goes out comes in again as it was, and the schema says what the server says.

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

use super::WORKFLOW_SCHEMA;
use crate::engine::compile::compile;
use crate::engine::document::{to_json, to_yaml};
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::{Stock, compiled};
use crate::engine::rehearse::case::{Act, Case, Expect, Given};
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::{
    Approval, Body, Compensation, Concurrency, Edge, RetryPolicy, Step, Workflow,
};
use crate::engine::yaml;

const CASES: u64 = 2_000;

const TEMPLATES: &[&str] = &[
    include_str!("../../../templates/system-health-check.yaml"),
    include_str!("../../../templates/cron-health-check.yaml"),
    include_str!("../../../templates/endpoint-survey.yaml"),
    include_str!("../../../templates/wait-until-healthy.yaml"),
    include_str!("../../../templates/deploy-rehearsal.yaml"),
];

fn stock() -> Stock {
    Stock {
        catalogue: Catalogue::new([
            ToolSpec::plain("t.read", EffectClass::Read),
            ToolSpec::plain("t.effect", EffectClass::Effect),
        ]),
        tools: vec!["t.read", "t.effect"],
        undo_tools: vec!["t.effect"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    }
}

/// The templates, and random workflows of every kind of step.
fn workflows() -> impl Iterator<Item = Workflow> {
    let templates = TEMPLATES
        .iter()
        .map(|text| serde_saphyr::from_str(text).expect("a template"));
    templates.chain((0..CASES).map(|seed| {
        let mut chance = Chance::new(seed);
        compiled(&mut chance, &stock()).0
    }))
}

fn schema() -> Value {
    serde_json::from_str(WORKFLOW_SCHEMA).expect("it is JSON")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("it is a schema")
}

fn document(workflow: &Workflow) -> Value {
    serde_json::to_value(workflow).expect("it is JSON")
}

#[test]
fn a_workflow_that_goes_out_and_comes_in_is_the_same() {
    for workflow in workflows() {
        let text = to_yaml(&workflow);
        let read: Workflow =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // As texts, so that the order of fields counts.
        assert_eq!(
            document(&read).to_string(),
            document(&workflow).to_string(),
            "{text}"
        );
        assert_eq!(to_yaml(&read), text);
        let read: Workflow = serde_json::from_str(&to_json(&workflow)).expect("it is read");
        assert_eq!(read, workflow);
    }
}

/// Texts that are made to be misread.
fn odd_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "true",
        "no",
        "On",
        "null",
        "~",
        "1",
        "-0",
        "0x1f",
        "1_000",
        "1e3",
        ".5",
        ".inf",
        "2026-01-01",
        "12:30:45",
        "<<",
        "=",
        "---",
        "...",
        "- a",
        "a: b",
        "a #b",
        "#",
        "|",
        ">-",
        "%",
        "{{x}}",
        "[1]",
        "'",
        "\"",
        "\\",
        "\\n",
        "\u{0}",
        "\u{7}",
        "\u{1a}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "\u{1f600}",
        "\u{e4}",
        "\t",
        "\r",
        "\n",
        "\n\n",
        " ",
        "  ",
        "word",
        "$input.x",
        "=size(a) > 0",
        "http://a/?b=c",
        ":",
        ",",
        "? ",
        "!tag",
        "&a",
        "*a",
        "@",
        "`",
        "a long enough word to fill a line",
        "k\u{301}",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        odd_text().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let fields = prop::collection::vec((odd_text(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_value_holds_it_is_read_again_as_it_was(value in odd_value()) {
        let text = yaml::write(&json!({ "value": value }));
        let read: Value = serde_saphyr::from_str(&text)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(read["value"].to_string(), value.to_string(), "{}", text);
    }
}

#[test]
fn a_key_may_be_as_long_as_it_likes() {
    for chars in [1, 100, 499, 500, 501, 1_100, 5_000] {
        let value = json!([{ ("k ".repeat(chars)): { "a": ["b"] }, "c": 1 }]);
        let text = yaml::write(&value);
        let read: Value = serde_saphyr::from_str(&text).expect("it is read");
        assert_eq!(read, value);
    }
}

#[test]
fn every_workflow_fits_the_schema() {
    let validator = validator();
    for workflow in workflows() {
        let document = document(&workflow);
        if let Err(error) = validator.validate(&document) {
            panic!("{error} at {}\n{document:#}", error.instance_path());
        }
    }
}

/// What serde calls in its error behind "expected one of", or "expected" where there is one.
fn expected(error: &serde_json::Error) -> Vec<String> {
    let text = error.to_string();
    let names = text.split("expected").nth(1).unwrap_or_default();
    let quoted = names.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// A whole one of each object, by its name in the schema.
fn whole(name: &str) -> Value {
    let timeout = json!(5);
    let retry = json!({ "max_attempts": 1, "base_ms": 1, "cap_ms": 2, "no_retry": ["a"] });
    let approval =
        json!({ "message": "m", "show": ["$a"], "approvers": ["ada"], "timeout_ms": timeout });
    let concurrency = json!({ "max": 1, "key": "k" });
    let compensation = json!({ "tool": "t", "with": {}, "retry": retry, "timeout_ms": "never" });
    let edge = json!({ "from": "a", "to": "b", "when": "true", "default": false, "on": "failed", "label": "l" });
    let body = json!({ "steps": [{ "id": "b", "kind": "parallel" }], "edges": [edge] });
    let act = json!({ "do": "skip", "step": "a", "by": "ada", "comment": "c", "after_ms": 1 });
    let answer = json!({ "decision": "approve", "by": "ada", "comment": "c", "after_ms": 1 });
    let given = json!({
        "input": {}, "at": "2026-01-05T08:00:00Z", "seed": 1, "steps": { "a": [answer] }, "acts": [act],
    });
    let expect = json!({
        "after_ms": 1, "state": "failed", "reason": "error", "output": 1, "steps": { "a": "failed" }, "calls": { "a": 1 },
    });
    let case = json!({ "name": "n", "given": given, "expect": expect });
    match name {
        "retry" => retry,
        "approval" => approval,
        "concurrency" => concurrency,
        "compensation" => compensation,
        "edge" => edge,
        "body" => body,
        "step" => json!({
            "id": "a", "name": "n", "description": "d", "kind": "tool_call", "tool": "t", "with": {}, "set": {},
            "expression": "true", "rule": "all_done", "message": "m", "show": ["$a"], "approvers": [],
            "approval": approval, "body": body, "over": [], "as": "x", "max_parallel": 1, "on_item_error": "fail",
            "max_failed": 0, "until": "true", "max_iterations": 1, "every_ms": 0, "for_ms": 1, "at": "$input.at",
            "workflow": "w", "version": 1, "retry": retry, "timeout_ms": timeout, "on_error": "fail",
            "compensate": compensation, "concurrency": concurrency, "weight": 1,
        }),
        "workflow" => json!({
            "name": "n", "slug": "s", "description": "d", "tags": ["t"], "inputs": { "type": "object" },
            "variables": {}, "steps": [{ "id": "a", "kind": "parallel" }], "edges": [edge], "timeout_ms": 1,
            "max_in_flight": 1, "concurrency": concurrency, "compensate": true, "cases": [case],
        }),
        "case" => case,
        "given" => given,
        "expect" => expect,
        "act" => act,
        other => panic!("no whole {other}"),
    }
}

fn read(name: &str, value: Value) -> Result<(), serde_json::Error> {
    fn of<T: serde::de::DeserializeOwned>(value: Value) -> Result<(), serde_json::Error> {
        serde_json::from_value::<T>(value).map(drop)
    }
    match name {
        "retry" => of::<RetryPolicy>(value),
        "approval" => of::<Approval>(value),
        "concurrency" => of::<Concurrency>(value),
        "compensation" => of::<Compensation>(value),
        "edge" => of::<Edge>(value),
        "body" => of::<Body>(value),
        "step" => of::<Step>(value),
        "workflow" => of::<Workflow>(value),
        "case" => of::<Case>(value),
        "given" => of::<Given>(value),
        "expect" => of::<Expect>(value),
        "act" => of::<Act>(value),
        other => panic!("no reader of {other}"),
    }
}

const OBJECTS: &[&str] = &[
    "workflow",
    "step",
    "body",
    "edge",
    "approval",
    "retry",
    "compensation",
    "concurrency",
    "case",
    "given",
    "expect",
    "act",
];

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
    if name == "workflow" {
        schema
    } else {
        &schema["$defs"][name]
    }
}

fn names(fields: &Value) -> Vec<String> {
    let fields = fields.as_object().expect("an object");
    fields.keys().cloned().collect()
}

#[test]
fn the_schema_names_the_fields_that_are_read_and_no_others() {
    let schema = schema();
    for name in OBJECTS {
        let definition = definition(&schema, name);
        assert_eq!(definition["additionalProperties"], json!(false), "{name}");
        let whole = whole(name);
        read(name, whole.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut unknown = whole.clone();
        unknown["nonsense"] = json!(1);
        let error = read(name, unknown).expect_err("an unknown field is refused");
        assert_eq!(names(&definition["properties"]), expected(&error), "{name}");
        assert_eq!(names(&whole), expected(&error), "{name}: all are tried");
        for field in names(&whole) {
            let mut without = whole.clone();
            without
                .as_object_mut()
                .expect("an object")
                .shift_remove(&field);
            // What this act does needs somebody who does it and a step; others do not.
            let of_skip = *name == "act" && ["by", "step"].contains(&field.as_str());
            let required = definition["required"].as_array().expect("a list");
            let is_required = required.contains(&json!(field)) || of_skip;
            assert_eq!(read(name, without).is_err(), is_required, "{name}.{field}");
        }
    }
}

#[test]
fn the_schema_names_the_words_that_are_read_and_no_others() {
    let schema = schema();
    let mut words = 0;
    for name in OBJECTS {
        let fields = &definition(&schema, name)["properties"];
        for field in names(fields) {
            let Some(known) = fields[&field]["enum"].as_array() else {
                continue;
            };
            let mut wrong = whole(name);
            wrong[&field] = json!("nonsense");
            let error = read(name, wrong).expect_err("an unknown word is refused");
            let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
            assert_eq!(known, expected(&error), "{name}.{field}");
            words += 1;
        }
    }
    assert_eq!(
        words, 8,
        "kind, rule, on_item_error, on_error, on, state, reason, do"
    );
}

#[test]
fn a_kind_has_the_fields_that_the_compiler_lets_it_have() {
    let schema = schema();
    let step = &schema["$defs"]["step"];
    let kinds = step["properties"]["kind"]["enum"]
        .as_array()
        .expect("words");
    let rules = step["allOf"].as_array().expect("a rule for each kind");
    assert_eq!(rules.len(), kinds.len());
    for (kind, rule) in kinds.iter().zip(rules) {
        assert_eq!(rule["if"]["properties"]["kind"]["const"], *kind);
        let mut overfull = whole("step");
        overfull["kind"] = kind.clone();
        let overfull: Workflow =
            serde_json::from_value(json!({ "name": "n", "steps": [overfull] }))
                .expect("it is read");
        let problems =
            compile(&overfull, &Catalogue::default()).expect_err("it has too many fields");
        let refused: BTreeSet<String> = problems
            .into_iter()
            .filter(|problem| problem.code == "field_not_for_kind")
            .filter_map(|problem| problem.field)
            .collect();
        let forbidden: BTreeSet<String> = names(&rule["then"]["properties"]).into_iter().collect();
        assert_eq!(forbidden, refused, "{kind}");
        let mut bare = json!({ "id": "a" });
        bare["kind"] = kind.clone();
        let bare: Workflow =
            serde_json::from_value(json!({ "name": "n", "steps": [bare] })).expect("it is read");
        let needed: BTreeSet<String> = compile(&bare, &Catalogue::default())
            .err()
            .unwrap_or_default()
            .into_iter()
            .filter(|problem| problem.code == "missing_field")
            .filter_map(|problem| problem.field)
            .collect();
        let required = rule["then"]["required"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let required: BTreeSet<String> = required
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        assert!(
            needed.is_subset(&required),
            "{kind}: {needed:?} of {required:?}"
        );
    }
}

/// Every object of the document that the schema describes, by its name there and its place.
fn objects(workflow: &Value) -> Vec<(&'static str, String)> {
    fn body(found: &mut Vec<(&'static str, String)>, value: &Value, at: &str) {
        let count = |field: &str| value[field].as_array().map_or(0, Vec::len);
        found.extend((0..count("edges")).map(|edge| ("edge", format!("{at}/edges/{edge}"))));
        for index in 0..count("steps") {
            let (step, at) = (&value["steps"][index], format!("{at}/steps/{index}"));
            for (name, place) in [
                ("approval", "approval"),
                ("retry", "retry"),
                ("compensation", "compensate"),
                ("retry", "compensate/retry"),
                ("concurrency", "concurrency"),
                ("body", "body"),
            ] {
                if step.pointer(&format!("/{place}")).is_some() {
                    found.push((name, format!("{at}/{place}")));
                }
            }
            if step.get("body").is_some() {
                body(found, &step["body"], &format!("{at}/body"));
            }
            found.push(("step", at));
        }
    }
    let mut found = vec![("workflow", String::new())];
    if workflow.get("concurrency").is_some() {
        found.push(("concurrency", "/concurrency".to_owned()));
    }
    body(&mut found, workflow, "");
    found
}

#[test]
fn what_was_spoilt_does_not_fit_the_schema() {
    let (schema, validator) = (schema(), validator());
    let mut chance = Chance::new(7);
    for workflow in workflows().take(400) {
        let document = document(&workflow);
        for (name, at) in objects(&document) {
            let spoil = |change: &dyn Fn(&mut Map<String, Value>)| {
                let mut spoilt = document.clone();
                let object = spoilt.pointer_mut(&at).and_then(Value::as_object_mut);
                change(object.expect("it is there"));
                spoilt
            };
            let unknown = spoil(&|fields| {
                fields.insert("nonsense".to_owned(), json!(1));
            });
            assert!(!validator.is_valid(&unknown), "{name} at {at}");
            let fields = document
                .pointer(&at)
                .and_then(Value::as_object)
                .expect("it is there");
            let known: Vec<&String> = fields.keys().collect();
            let Some(field) = chance.pick(&known) else {
                continue;
            };
            // What no field of a workflow is, but a value that may be anything.
            let wrong = spoil(&|fields| {
                fields.insert((*field).clone(), json!([[{}]]));
            });
            let may_be_anything = (name == "concurrency" && *field == "key") || *field == "over";
            assert_eq!(
                validator.is_valid(&wrong),
                may_be_anything,
                "{name}.{field} at {at}"
            );
            for required in definition(&schema, name)["required"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let required = required.as_str().expect("a name");
                let without = spoil(&|fields| {
                    fields.shift_remove(required);
                });
                assert!(
                    !validator.is_valid(&without),
                    "{name} without {required} at {at}"
                );
            }
        }
    }
}
