//! What is offered in a text, and what it looks like with the first offer taken.

use super::*;
use crate::engine::expression;
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::upstream::Reader;
use crate::engine::workflow::Workflow;
use serde_json::json;

/// The offers at the `|`, and the text with the first one taken.
fn complete_at(text: &str) -> (Vec<String>, String) {
    let caret = text.find('|').expect("a caret");
    let source = text.replacen('|', "", 1);
    let mut probe = ToolSpec::plain("t.probe", EffectClass::Read);
    probe.output_schema = json!({ "type": "object", "properties": {
        "disks": { "type": "array", "items": { "type": "object", "properties": {
            "name": { "type": "string" },
            "used": { "type": "number", "title": "Used, in percent" },
            "parts": { "type": "array", "items": { "properties": { "label": { "type": "string" } } } },
        } } },
        "up": { "type": "boolean" },
    } });
    let catalogue = Catalogue::new([probe]);
    let draft: Workflow = serde_json::from_value(json!({
        "name": "Draft",
        "inputs": { "type": "object", "properties": { "limit": { "type": "integer" } } },
        "steps": [
            { "id": "probe", "kind": "tool_call", "tool": "t.probe", "with": {} },
            { "id": "judge", "kind": "condition" },
        ],
        "edges": [{ "from": "probe", "to": "judge" }],
    }))
    .expect("a workflow");
    let upstream = Upstream::new(&draft, &catalogue, &Reader::Step("judge".into()));
    let found = complete(&upstream, &source, caret);
    let mut taken = source.clone();
    if let Some(first) = found.offers.first() {
        taken.replace_range(found.start..found.end, &first.text);
    }
    (
        found.offers.into_iter().map(|offer| offer.text).collect(),
        taken,
    )
}

fn check(text: &str, expected: &[&str], taken: &str) {
    let (offers, first_taken) = complete_at(text);
    assert_eq!(offers, expected, "{text}");
    assert_eq!(first_taken, taken, "{text}");
}

#[test]
fn names_are_offered_by_any_part_of_them() {
    check("pro|", &["probe", "probe.disks", "probe.up"], "probe");
    check(
        "1 + lim| > 2",
        &["input.limit", "context.limit"],
        "1 + input.limit > 2",
    );
    check(
        "size(probe.di|sks) > 0",
        &["disks"],
        "size(probe.disks) > 0",
    );
    let (all, _) = complete_at("|");
    assert_eq!(all[..3], ["probe", "input", "context"]);
    assert!(all.contains(&"size()".to_owned()));
}

#[test]
fn fields_are_offered_behind_a_dot_also_of_what_a_macro_binds() {
    check("probe.u|", &["up"], "probe.up");
    check("probe.disks[0].us|", &["used"], "probe.disks[0].used");
    check("probe['disks'][0].n|", &["name"], "probe['disks'][0].name");
    check(
        "probe.disks.filter(d, d.us|",
        &["used"],
        "probe.disks.filter(d, d.used",
    );
    check(
        "probe.disks.exists(d, d.parts.all(p, p.la|)) && true",
        &["label"],
        "probe.disks.exists(d, d.parts.all(p, p.label)) && true",
    );
    check(
        "probe.disks.filter(disk, dis|",
        &["disk", "probe.disks"],
        "probe.disks.filter(disk, disk",
    );
    check(
        "probe.disks.ex|",
        &["exists()", "exists_one()"],
        "probe.disks.exists()",
    );
    check(
        "probe.disks[0].name.start|",
        &["startsWith()"],
        "probe.disks[0].name.startsWith()",
    );
    let (offers, _) = complete_at("probe.disks.|");
    assert!(
        !offers.contains(&"trim()".to_owned()),
        "a list is no text: {offers:?}"
    );
}

#[test]
fn brackets_that_stand_there_are_not_written_again() {
    check("si|(probe.disks) > 0", &["size"], "size(probe.disks) > 0");
    check("si|ze (probe.disks)", &["size"], "size (probe.disks)");
    check(
        "probe.disks.ex|(d, d.used > 1)",
        &["exists", "exists_one"],
        "probe.disks.exists(d, d.used > 1)",
    );
    check("size|(probe.disks)", &[], "size(probe.disks)");
}

#[test]
fn nothing_is_offered_in_texts_and_behind_what_is_not_known() {
    for text in [
        "'pro|",
        "'pro|' + a",
        "12|",
        "probe.disks.map(d, d.name)[0].na|",
        "'é|",
    ] {
        check(text, &[], &text.replace('|', ""));
    }
    assert_eq!(complete_at("probe.up.nothing|").0, Vec::<String>::new());
}

#[test]
fn what_is_offered_can_be_called_and_nothing_is_missing() {
    let known: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    for name in expression::FUNCTIONS {
        assert!(known.contains(name), "{name} is not offered");
    }
    for name in known {
        let is_macro = crate::engine::names::is_macro(name);
        assert!(is_macro || expression::FUNCTIONS.contains(&name), "{name}");
    }
}

#[test]
fn the_caret_is_between_the_brackets_of_a_function() {
    let found = FUNCTIONS.iter().map(called);
    for offer in found {
        let rest = &offer.text[offer.caret..];
        assert!(matches!(rest, ")" | ""), "{}", offer.text);
    }
}
