//! Another id for a step, and everything that names it follows: edges, references, expressions and test cases, wherever
//! the id means this step and nothing else.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

use super::compile::{is_reserved, is_wellformed};
use super::edit::find;
use super::ids::{StepId, StepPath};
use super::names;
use super::patch::{PatchOperation, apply_patch, below};
use super::places::Places;
use super::reads::{self, Language, Seen};
use super::workflow::{Step, StepKind, Workflow};

/// The workflow with the step `from` called `to`. Where several steps have that id, the first is renamed, and what may
/// mean another one stays. Whether `to` is a good id is for `compile` to say.
pub fn rename_step(workflow: &Workflow, from: &StepId, to: &StepId) -> Workflow {
    let places = Places::new(workflow);
    let Some(at) = places.find(from.as_str()) else {
        return workflow.clone();
    };
    apply_patch(workflow, &operations(workflow, &places, at, to.as_str()))
        .expect("texts are replaced, and keys of test cases, where they are")
}

/// What the test cases say of the step: by its path, or, wherever it is, by its id alone if no other has it.
fn rename_in_cases(
    workflow: &Workflow,
    places: &Places<'_>,
    at: usize,
    to: &str,
) -> Vec<PatchOperation> {
    let id = |at: usize| places.steps()[at].step.id.as_str();
    let around = places
        .levels(places.steps()[at].owner)
        .into_iter()
        .flatten();
    let mut path: Vec<&str> = std::iter::once(at).chain(around).map(id).collect();
    path.reverse();
    let is_only = places.all(id(at)).len() == 1;
    let renamed = |written: &StepPath| {
        let renamed = written.renamed(|ids, which| {
            let is_meant = ids[..=which] == path[..] || (is_only && ids[which] == id(at));
            is_meant.then(|| to.to_owned())
        });
        (renamed != *written).then_some(renamed)
    };
    let mut operations = Vec::new();
    for (number, case) in workflow.cases.iter().enumerate() {
        let (given, expect) = (
            format!("/cases/{number}/given"),
            format!("/cases/{number}/expect"),
        );
        rename_keys(&mut operations, &given, "steps", &case.given.steps, renamed);
        rename_keys(
            &mut operations,
            &expect,
            "steps",
            &case.expect.steps,
            renamed,
        );
        rename_keys(
            &mut operations,
            &expect,
            "calls",
            &case.expect.calls,
            renamed,
        );
        for (act, skipped) in case.given.acts.iter().enumerate() {
            if let Some(step) = skipped.deed.step().and_then(renamed) {
                let at = format!("{given}/acts/{act}/step");
                operations.push(PatchOperation::replace(at, step.as_str()));
            }
        }
    }
    operations
}

/// What a step that is gone has left under the new name gives way.
fn rename_keys<T: Serialize>(
    operations: &mut Vec<PatchOperation>,
    holder: &str,
    field: &str,
    map: &BTreeMap<StepPath, T>,
    renamed: impl Fn(&StepPath) -> Option<StepPath>,
) {
    for (path, value) in map {
        if let Some(to) = renamed(path)
            && let Ok(value) = serde_json::to_value(value)
        {
            let key = |path: &StepPath| below(&format!("{holder}/{field}"), path.as_str());
            operations.push(PatchOperation::remove(key(path)));
            operations.push(PatchOperation::add(key(&to), value));
        }
    }
}

/// Why a step cannot be called so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CannotBeCalled {
    #[error("An id is a small letter, then small letters, digits and _, 64 characters at most.")]
    Malformed,
    #[error("`{0}` is a word with a meaning of its own.")]
    Reserved(StepId),
    #[error("There is a step `{0}` already.")]
    Taken(StepId),
    #[error("The items of a map are called `{0}`.")]
    NameOfItems(StepId),
}

/// Whether a step of this workflow that is called otherwise can have that id.
pub fn can_be_called(workflow: &Workflow, id: &StepId) -> Result<(), CannotBeCalled> {
    if !is_wellformed(id.as_str()) {
        return Err(CannotBeCalled::Malformed);
    }
    if is_reserved(id.as_str()) {
        return Err(CannotBeCalled::Reserved(id.clone()));
    }
    if find(workflow, id).is_some() {
        return Err(CannotBeCalled::Taken(id.clone()));
    }
    let of_items = |step: &Step| step.item_name.as_deref() == Some(id.as_str());
    match Places::new(workflow)
        .steps()
        .iter()
        .any(|placed| of_items(placed.step))
    {
        true => Err(CannotBeCalled::NameOfItems(id.clone())),
        false => Ok(()),
    }
}

/// The workflow with each of its steps called as `name` says, which gives each another id. What names one of them follows,
/// as with `rename_step`; of several that share an id in one body, an edge means the first.
pub(in crate::engine) fn rename_all(
    workflow: &Workflow,
    mut name: impl FnMut(&StepId) -> StepId,
) -> Workflow {
    let places = Places::new(workflow);
    let steps = places.steps();
    let names: Vec<StepId> = steps.iter().map(|placed| name(&placed.step.id)).collect();
    let mut operations = Vec::new();
    let mut beside: BTreeMap<(Option<usize>, &StepId), &StepId> = BTreeMap::new();
    for (at, (placed, to)) in steps.iter().zip(&names).enumerate() {
        operations.push(PatchOperation::replace(
            places.field(at, &["id"]),
            to.as_str(),
        ));
        beside.entry((placed.owner, &placed.step.id)).or_insert(to);
    }
    for owner in std::iter::once(None).chain((0..steps.len()).map(Some)) {
        let body = places.body_pointer(owner);
        for (position, edge) in places.edges_of(owner).iter().enumerate() {
            for (field, end) in [("from", &edge.from), ("to", &edge.to)] {
                if let Some(to) = beside.get(&(owner, end)) {
                    let path = format!("{body}/edges/{position}/{field}");
                    operations.push(PatchOperation::replace(path, to.as_str()));
                }
            }
        }
    }
    let key = run_key(workflow);
    operations.extend(reads::rewrite(&places, key, |seen, language, text| {
        let mut renamed: Option<String> = None;
        for (at, to) in names.iter().enumerate() {
            let from = steps[at].step.id.as_str();
            let text = renamed.as_deref().unwrap_or(text);
            let follows = text.contains(from)
                && !is_own_name(&places, seen, from)
                && denoted(&places, seen, from) == Some(at);
            if follows && let Some(next) = rename_in(language, text, from, to.as_str()) {
                renamed = Some(next);
            }
        }
        renamed
    }));
    apply_patch(workflow, &operations)
        .expect("texts are replaced by texts in places that are there")
}

fn run_key(workflow: &Workflow) -> Option<&Value> {
    workflow
        .concurrency
        .as_ref()
        .and_then(|limit| limit.key.as_ref())
}

/// The changes that give the step at this place another id.
pub(in crate::engine) fn operations(
    workflow: &Workflow,
    places: &Places<'_>,
    at: usize,
    to: &str,
) -> Vec<PatchOperation> {
    let step = places.steps()[at].step;
    let from = step.id.as_str();
    let mut operations = vec![PatchOperation::replace(places.field(at, &["id"]), to)];
    if from == to || is_shared_in_its_body(places, at) {
        // Which of the two an edge or a reference means is not known.
        return operations;
    }
    let owner = places.steps()[at].owner;
    let body = places.body_pointer(owner);
    for (position, edge) in places.edges_of(owner).iter().enumerate() {
        for (field, end) in [("from", &edge.from), ("to", &edge.to)] {
            if end.as_str() == from {
                let path = format!("{body}/edges/{position}/{field}");
                operations.push(PatchOperation::replace(path, to));
            }
        }
    }
    operations.extend(rename_reads(workflow, places, from, to, |seen| {
        !is_own_name(places, seen, from) && denoted(places, seen, from) == Some(at)
    }));
    operations.extend(rename_in_cases(workflow, places, at, to));
    operations
}

/// Another name for the items of the map at this place: the name, and what reads it inside.
pub(in crate::engine) fn item_operations(
    workflow: &Workflow,
    places: &Places<'_>,
    at: usize,
    from: &str,
    to: &str,
) -> Vec<PatchOperation> {
    let mut operations = vec![PatchOperation::replace(places.field(at, &["as"]), to)];
    operations.extend(rename_reads(workflow, places, from, to, |seen| {
        let names = |owner: &usize| places.steps()[*owner].step.item_name.as_deref() == Some(from);
        let levels = places.levels(seen.owner);
        levels.into_iter().flatten().find(names) == Some(at)
    }));
    operations
}

fn rename_reads(
    workflow: &Workflow,
    places: &Places<'_>,
    from: &str,
    to: &str,
    follows: impl Fn(Seen) -> bool,
) -> Vec<PatchOperation> {
    reads::rewrite(places, run_key(workflow), |seen, language, text| {
        // Most texts do not even contain the name.
        (text.contains(from) && follows(seen))
            .then(|| rename_in(language, text, from, to))
            .flatten()
    })
}

/// The text with every read of `from` called `to`; none when nothing in it reads `from`.
pub(in crate::engine) fn rename_in(
    language: Language,
    text: &str,
    from: &str,
    to: &str,
) -> Option<String> {
    match language {
        Language::Expression => names::rename(text, from, to),
        Language::Binding if text.starts_with("$$") || text.starts_with("==") => None,
        Language::Binding => {
            if let Some(source) = text.strip_prefix('=') {
                return names::rename(source, from, to).map(|source| format!("={source}"));
            }
            let rest = text.strip_prefix('$')?.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("${to}{rest}"))
        }
    }
}

/// Does the name mean something else there, whatever the steps are called?
fn is_own_name(places: &Places<'_>, seen: Seen, name: &str) -> bool {
    if matches!(name, "input" | "context") || (name == "result" && seen.is_until) {
        return true;
    }
    let loop_itself = seen.step.filter(|_| seen.is_until);
    let around = places.levels(seen.owner).into_iter().flatten();
    around.chain(loop_itself).any(|owner| {
        let owner_step = places.steps()[owner].step;
        let is_inside = loop_itself != Some(owner);
        match owner_step.kind {
            StepKind::Map => {
                is_inside
                    && (matches!(name, "item" | "index")
                        || owner_step.item_name.as_deref() == Some(name))
            }
            StepKind::Loop => matches!(name, "previous" | "index"),
            StepKind::ToolCall
            | StepKind::HumanGate
            | StepKind::Condition
            | StepKind::Parallel
            | StepKind::Join
            | StepKind::Transform
            | StepKind::Wait
            | StepKind::Subworkflow
            | StepKind::External => false,
        }
    })
}

/// The step that the id means there: the only one that has it, or the one in the nearest body around.
fn denoted(places: &Places<'_>, seen: Seen, id: &str) -> Option<usize> {
    let all = places.all(id);
    if let [only] = all[..] {
        return Some(only);
    }
    // `until` looks into the body of its own loop first.
    let inside = seen.step.filter(|_| seen.is_until).map(Some);
    let levels = inside.into_iter().chain(places.levels(seen.owner));
    for level in levels {
        let here: Vec<usize> = all
            .iter()
            .copied()
            .filter(|&at| places.steps()[at].owner == level)
            .collect();
        match here[..] {
            [] => {}
            [only] => return Some(only),
            [..] => return None,
        }
    }
    None
}

fn is_shared_in_its_body(places: &Places<'_>, at: usize) -> bool {
    let placed = &places.steps()[at];
    let same = places.all(placed.step.id.as_str());
    let beside = |other: &usize| places.steps()[*other].owner == placed.owner;
    same.iter().filter(|other| beside(other)).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_is_a_word_that_is_free() {
        let workflow = Workflow {
            steps: vec![crate::engine::edit::new_step(StepKind::Condition, None)],
            ..Workflow::default()
        };
        let can = |id: &str| can_be_called(&workflow, &id.into());
        assert_eq!(can("probe_2"), Ok(()));
        for bad in ["", "Probe", "a b", "2nd", "a-b", "ä"] {
            assert_eq!(can(bad), Err(CannotBeCalled::Malformed), "{bad}");
        }
        assert_eq!(can("input"), Err(CannotBeCalled::Reserved("input".into())));
        assert_eq!(can("check"), Err(CannotBeCalled::Taken("check".into())));
        let workflow: Workflow = serde_json::from_value(json!({ "name": "W", "steps": [
            { "id": "each", "kind": "map", "over": "$input.l", "as": "host", "body": { "steps": [] } },
        ] }))
        .expect("well-formed");
        let of_items = Err(CannotBeCalled::NameOfItems("host".into()));
        assert_eq!(can_be_called(&workflow, &"host".into()), of_items);
    }

    fn check(document: Value, from: &str, to: &str, expected: Value) {
        let workflow: Workflow = serde_json::from_value(document).expect("well-formed");
        let renamed = rename_step(&workflow, &StepId::new(from), &StepId::new(to));
        let renamed = serde_json::to_value(renamed).expect("it serialises");
        assert_eq!(renamed, expected, "\n{renamed:#}\nis not\n{expected:#}");
    }

    /// As the document, with every `@` written as that id.
    fn named(document: &Value, id: &str) -> Value {
        serde_json::from_str(&document.to_string().replace('@', id)).expect("still JSON")
    }

    #[test]
    fn everything_that_names_the_step_follows() {
        let document = json!({
            "name": "a b",
            "steps": [
                { "id": "@", "name": "a", "kind": "tool_call", "tool": "a",
                  "compensate": { "tool": "a", "with": { "x": "$@.done", "a": "$a_b" } } },
                { "id": "b", "kind": "tool_call", "tool": "t", "with": {
                    "a": "$@", "deep": [{ "a/~b": "$@.a.0" }, "=size(@.list) + x.a"],
                    "plain": "a", "escaped": "$$a", "equals": "==a", "other": "$ab.a", "number": 7 },
                  "concurrency": { "max": 1, "key": "=@.key" } },
                { "id": "c", "kind": "transform", "set": { "a": "$@.x", "m": "=l.map(a, a.x)" } },
                { "id": "d", "kind": "condition", "expression": "@.ok && 'a' == b.a" },
                { "id": "e", "kind": "human_gate", "show": ["$@.a", "=@.x > 1"],
                  "message": "a?" },
                { "id": "f", "kind": "map", "over": "$@.list", "body": {
                    "steps": [{ "id": "f1", "kind": "tool_call", "tool": "t", "with": { "v": "$@.x" },
                                "approval": { "show": ["$@.y"] } },
                              { "id": "f2", "kind": "loop", "until": "@.x == f3.x", "body": {
                                "steps": [{ "id": "f3", "kind": "wait", "for_ms": "$@.ms" }] } }],
                    "edges": [{ "from": "f1", "to": "f2", "when": "@.x > item.a" }] } },
                { "id": "g", "kind": "wait", "at": "$@.at" }
            ],
            "edges": [
                { "from": "@", "to": "b", "when": "@.x", "label": "a" },
                { "from": "b", "to": "@" }, { "from": "b", "to": "c" }
            ]
        });
        check(named(&document, "a"), "a", "zz", named(&document, "zz"));
    }

    #[test]
    fn test_cases_follow_by_path_and_by_id() {
        let step = |id: &str| json!({ "id": id, "kind": "tool_call", "tool": "t" });
        let map = |id: &str, inside: &str| json!({ "id": id, "kind": "map", "over": "$input.l", "body": { "steps": [step(inside)] } });
        let cases = |outer: &str, inner: &str, other: &str| {
            let (path, approval) = (format!("{outer}.0.{inner}"), format!("{inner}.approval"));
            let twin = format!("second.2.{other}");
            json!([{ "name": "Case",
                "given": {
                    "steps": { inner: [{ "returns": 1 }], &path: [{ "returns": 2 }], &approval: [{ "decision": "approve", "by": "a" }] },
                    "acts": [{ "do": "skip", "step": path, "by": "a", "after_ms": 3 }, { "do": "crash" }],
                },
                "expect": { "steps": { &twin: "completed", outer: "completed" }, "calls": { &path: 1, other: 2 } },
            }])
        };
        let document = |outer: &str, inner: &str, other: &str| {
            json!({ "name": "W", "steps": [map(outer, inner), map("second", other), step("third")], "edges": [],
                "cases": cases(outer, inner, other) })
        };
        let check = |before: Value, from: &str, to: &str, after: Value| {
            let read = |document: Value| -> Workflow {
                serde_json::from_value(document).expect("well-formed")
            };
            let renamed = rename_step(&read(before), &StepId::new(from), &StepId::new(to));
            assert_eq!(renamed.cases, read(after).cases, "{from} to {to}");
        };
        check(
            document("first", "in", "more"),
            "in",
            "inner",
            document("first", "inner", "more"),
        );
        check(
            document("first", "in", "more"),
            "first",
            "outer",
            document("outer", "in", "more"),
        );
        check(
            document("first", "in", "more"),
            "third",
            "other",
            document("first", "in", "more"),
        );
        // The same id in two bodies: an id alone may mean either.
        let mut after = document("first", "in", "in");
        let given = &mut after["cases"][0]["given"];
        given["steps"]["first.0.inner"] = given["steps"]
            .as_object_mut()
            .expect("answers")
            .remove("first.0.in")
            .expect("there");
        given["acts"][0]["step"] = json!("first.0.inner");
        let calls = &mut after["cases"][0]["expect"]["calls"];
        calls["first.0.inner"] = calls
            .as_object_mut()
            .expect("counts")
            .remove("first.0.in")
            .expect("there");
        check(document("first", "in", "in"), "in", "inner", after);
    }

    /// What a step that is gone has left under the new name is not mixed into what is said of this one.
    #[test]
    fn in_test_cases_what_is_left_of_another_step_gives_way() {
        let document = |steps: Value| {
            let cases = json!([{ "name": "Case", "given": { "steps": steps } }]);
            json!({ "name": "W", "steps": [{ "id": "a/b~", "kind": "tool_call", "tool": "t" }], "cases": cases })
        };
        let said = [
            ("a/b~", json!([{ "returns": 1 }])),
            ("fine", json!([{ "returns": 2 }])),
        ];
        let before = document(said.iter().cloned().collect());
        let before: Workflow = serde_json::from_value(before).expect("well-formed");
        let renamed = rename_step(&before, &"a/b~".into(), &"fine".into());
        let after = document(json!({ "fine": [{ "returns": 1 }] }));
        let after: Workflow = serde_json::from_value(after).expect("well-formed");
        assert_eq!(renamed.cases, after.cases);
    }

    #[test]
    fn odd_ids_are_followed_where_they_can_be_read() {
        let document = json!({
            "name": "W",
            "steps": [
                { "id": "@", "kind": "tool_call", "tool": "t" },
                { "id": "b", "kind": "transform", "set": { "x": "$@.done" } }
            ],
            "edges": [{ "from": "@", "to": "b" }]
        });
        for odd in ["My step", "", "größe", "a-b", "1", "a.b", "\u{202e}x", "👍"] {
            check(named(&document, odd), odd, "fine", named(&document, "fine"));
        }
    }

    #[test]
    fn names_of_the_engine_stay_what_they_are() {
        let input = json!({
            "name": "W",
            "steps": [
                { "id": "input", "kind": "tool_call", "tool": "t" },
                { "id": "b", "kind": "transform", "set": { "x": "$input.done" } }
            ],
            "edges": [{ "from": "input", "to": "b" }]
        });
        let mut expected = input.clone();
        expected["steps"][0]["id"] = json!("first");
        expected["edges"][0]["from"] = json!("first");
        check(input, "input", "first", expected);
        // `item` is the map's inside, and the step's outside.
        let item = json!({
            "name": "W",
            "steps": [
                { "id": "item", "kind": "tool_call", "tool": "t" },
                { "id": "b", "kind": "map", "over": "$item.list", "body": { "steps": [
                    { "id": "c", "kind": "transform", "set": { "x": "$item.x" } }] } },
                { "id": "w", "kind": "wait", "tool": "t", "with": { "x": "$item" }, "until": "result.ok" }
            ]
        });
        let mut expected = item.clone();
        expected["steps"][0]["id"] = json!("first");
        expected["steps"][1]["over"] = json!("$first.list");
        expected["steps"][2]["with"]["x"] = json!("$first");
        check(item, "item", "first", expected);
    }

    #[test]
    fn of_two_steps_in_different_bodies_the_nearest_is_meant() {
        let document = json!({
            "name": "W",
            "steps": [
                { "id": "@", "kind": "tool_call", "tool": "t" },
                { "id": "m", "kind": "loop", "until": "a.ok", "body": {
                    "steps": [{ "id": "a", "kind": "tool_call", "tool": "t" },
                              { "id": "c", "kind": "transform", "set": { "x": "$a.x" } }],
                    "edges": [{ "from": "a", "to": "c", "when": "a.x" }] } },
                { "id": "d", "kind": "transform", "set": { "x": "$@.x" } }
            ],
            "edges": [{ "from": "@", "to": "d" }]
        });
        check(
            named(&document, "a"),
            "a",
            "first",
            named(&document, "first"),
        );
    }

    #[test]
    fn of_two_steps_side_by_side_only_the_id_changes() {
        let document = json!({
            "name": "W",
            "steps": [
                { "id": "a", "kind": "tool_call", "tool": "t" },
                { "id": "a", "kind": "tool_call", "tool": "t" },
                { "id": "d", "kind": "transform", "set": { "x": "$a.x" } }
            ],
            "edges": [{ "from": "a", "to": "d" }]
        });
        let mut expected = document.clone();
        expected["steps"][0]["id"] = json!("b");
        check(document.clone(), "a", "b", expected);
        check(document.clone(), "nobody", "b", document);
    }

    #[test]
    fn a_step_is_renamed_there_and_back_again() {
        let document = json!({
            "name": "W",
            "steps": [
                { "id": "a", "kind": "tool_call", "tool": "t" },
                { "id": "c", "kind": "condition", "expression": "a.l.exists(x, x > a.n)" }
            ],
            "edges": [{ "from": "a", "to": "c" }]
        });
        let workflow: Workflow = serde_json::from_value(document).expect("well-formed");
        let (a, b) = (StepId::new("a"), StepId::new("b"));
        let there = rename_step(&workflow, &a, &b);
        assert_ne!(there, workflow);
        assert_eq!(rename_step(&there, &b, &a), workflow);
        assert_eq!(rename_step(&workflow, &a, &a), workflow);
    }
}
