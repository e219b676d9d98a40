//! What is offered mends what it is offered for: on every known problem, and on random workflows broken at random.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::random::broken;
use super::wrong::everything_wrong;
use super::{catalogue, edge, join, parsed, problems, tool, transform, workflow};
use crate::engine::compile::compile;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::patch::apply_patch;
use crate::engine::properties::chance::Chance;
use crate::engine::tool::Catalogue;
use crate::engine::workflow::Workflow;

/// Problems for which somebody has to think.
const WITHOUT_REPAIR: &[&str] = &[
    // What a test case is to show, and what it is called, only its author knows.
    "bad_case_answer",
    "case_name_missing",
    "case_name_too_long",
    "case_too_large",
    "duplicate_case_name",
    "too_many_cases",
    "nested_too_deep",
    "no_steps",
    "poll_changes_world",
    "too_large",
    "too_many_problems",
    // It goes with the circle before it.
    "unreachable",
    // What was meant by it cannot be known.
    "wrong_range",
];
/// What can be offered depends: the smallest examples have nothing to offer, others below do.
const SOMETIMES: &[&str] = &[
    "join_needs_two",
    "not_upstream",
    "unknown_reference",
    "unknown_tool",
];

#[test]
fn every_problem_has_a_repair_or_needs_a_thought() {
    let mut offered = BTreeSet::new();
    for case in everything_wrong() {
        let problems = problems(&case.workflow);
        offered.extend(
            problems
                .into_iter()
                .filter(|problem| problem.repair.is_some())
                .map(|problem| problem.code),
        );
    }
    let codes: BTreeSet<String> = everything_wrong()
        .iter()
        .map(|case| case.code.to_owned())
        .collect();
    let without: BTreeSet<&str> = codes.difference(&offered).map(String::as_str).collect();
    let expected = WITHOUT_REPAIR.iter().chain(SOMETIMES).copied().collect();
    assert_eq!(without, expected);
}

#[test]
fn every_offered_repair_mends_its_problem() {
    for case in everything_wrong() {
        mends_everything_it_offers(&parsed(&case.workflow), &catalogue());
    }
}

#[test]
fn repairs_of_random_broken_workflows_mend_and_come_to_an_end() {
    let mut offered = BTreeSet::new();
    for seed in 0..1_500 {
        let (workflow, catalogue) = broken(&mut Chance::new(seed));
        let found = std::panic::catch_unwind(|| {
            mends_everything_it_offers(&workflow, &catalogue);
            comes_to_an_end(workflow.clone(), &catalogue)
        });
        match found {
            Ok(codes) => offered.extend(codes),
            Err(_) => panic!("seed {seed}"),
        }
    }
    assert!(
        offered.len() >= 25,
        "hardly anything was mended: {offered:?}"
    );
}

fn diagnose(workflow: &Workflow, catalogue: &Catalogue) -> Vec<Diagnostic> {
    compile(workflow, catalogue).err().unwrap_or_default()
}

fn mends_everything_it_offers(workflow: &Workflow, catalogue: &Catalogue) {
    let before = diagnose(workflow, catalogue);
    // An edge that goes takes its position with it; so what a problem says and names counts, not the position.
    let alike = |problems: &[Diagnostic], problem: &Diagnostic| {
        let key = |problem: &Diagnostic| {
            let Diagnostic {
                code,
                message,
                step,
                field,
                ..
            } = problem.clone();
            (code, message, step, field)
        };
        let wanted = key(problem);
        problems.iter().filter(|other| key(other) == wanted).count()
    };
    for problem in &before {
        let Some(repair) = &problem.repair else {
            continue;
        };
        let shown = || {
            let document = serde_json::to_value(workflow).expect("it serialises");
            format!("{problem:#?}\nof {document:#}")
        };
        assert!(
            !repair.label.is_empty() && !repair.patch.is_empty(),
            "{}",
            shown()
        );
        let mended = apply_patch(workflow, &repair.patch);
        let mended = mended.unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let after = diagnose(&mended, catalogue);
        assert!(
            alike(&after, problem) < alike(&before, problem),
            "it is still there: {}\nafterwards {after:#?}",
            shown()
        );
    }
}

/// The codes that were mended on the way.
fn comes_to_an_end(mut workflow: Workflow, catalogue: &Catalogue) -> Vec<String> {
    let mut mended = Vec::new();
    for _ in 0..100 {
        let problems = diagnose(&workflow, catalogue);
        let offer = problems.into_iter().find_map(|problem| {
            let repair = problem.repair?;
            Some((problem.code, repair))
        });
        let Some((code, repair)) = offer else {
            return mended;
        };
        mended.push(code);
        workflow = apply_patch(&workflow, &repair.patch).expect("it fits");
    }
    panic!("a hundred repairs were not enough: {mended:?}");
}

/// The one problem's repair: its label, and the workflow after it.
fn repaired(document: &Value) -> (String, Value) {
    let workflow = parsed(document);
    let problems = diagnose(&workflow, &catalogue());
    let repair = problems.into_iter().find_map(|problem| problem.repair);
    let repair = repair.expect("a repair is offered");
    let mended = apply_patch(&workflow, &repair.patch).expect("it fits");
    (
        repair.label,
        serde_json::to_value(mended).expect("it serialises"),
    )
}

fn check(document: Value, label: &str, at: &str, expected: Value) {
    let (said, mended) = repaired(&document);
    assert_eq!(said, label);
    assert_eq!(mended.pointer(at), Some(&expected), "{mended:#}");
}

#[test]
fn what_is_misspelt_becomes_what_was_meant() {
    let reads = |text: &str| workflow([tool("probe"), transform("b", text)], [edge("probe", "b")]);
    check(
        reads("$prob.done"),
        "Read `probe`",
        "/steps/1/set/x",
        json!("$probe.done"),
    );
    check(
        reads("=prob.done && 'prob' != ''"),
        "Read `probe`",
        "/steps/1/set/x",
        json!("=probe.done && 'prob' != ''"),
    );
    check(
        reads("$probe.dnoe"),
        "Read `$probe.done`",
        "/steps/1/set/x",
        json!("$probe.done"),
    );
    check(
        reads("=probe.dnoe && probe.done"),
        "Read `probe.done`",
        "/steps/1/set/x",
        json!("=probe.done && probe.done"),
    );
    check(
        reads("=probe.done and siez(probe.list) = 1"),
        "Write `probe.done && size(probe.list) == 1`",
        "/steps/1/set/x",
        json!("=probe.done && size(probe.list) == 1"),
    );
    check(
        workflow(
            [json!({ "id": "a", "kind": "tool_call", "tool": "t.raed" })],
            [],
        ),
        "Call `t.read`",
        "/steps/0/tool",
        json!("t.read"),
    );
    check(
        workflow(
            [json!({ "id": "a", "kind": "tool_call", "tool": "t.strict", "with": { "ulr": "u" } })],
            [],
        ),
        "Write `url` instead of `ulr`",
        "/steps/0/with",
        json!({ "url": "u" }),
    );
    check(
        workflow([tool("probe"), tool("b")], [edge("porbe", "b")]),
        "Write `probe`",
        "/edges/0/from",
        json!("probe"),
    );
}

#[test]
fn another_id_takes_its_names_along_also_in_bodies() {
    let body = json!({ "steps": [tool("My check"), transform("b", "$My check.done")],
                       "edges": [edge("My check", "b")] });
    let each = json!({ "id": "each", "kind": "map", "over": [1], "body": body });
    check(
        workflow([each], []),
        "Call it `my_check`",
        "/steps/0/body",
        json!({ "steps": [tool("my_check"), transform("b", "$my_check.done")],
                "edges": [edge("my_check", "b")] }),
    );
    let (label, _) = repaired(&workflow([tool("a"), tool("a")], []));
    assert_eq!(label, "Call it `a_2`");
    let (label, _) = repaired(&workflow([tool("input")], []));
    assert_eq!(label, "Call it `input_step`");
}

#[test]
fn a_missing_input_is_taken_from_where_it_is() {
    let call = json!({ "id": "a", "kind": "tool_call", "tool": "t.strict" });
    let mut from_input = workflow([call.clone()], []);
    from_input["inputs"] =
        json!({ "type": "object", "properties": { "url": { "type": "string" } } });
    check(
        from_input,
        "Set `url` to `$input.url`",
        "/steps/0/with",
        json!({ "url": "$input.url" }),
    );
    let upstream = workflow(
        [
            json!({ "id": "b", "kind": "transform", "set": { "url": "u" } }),
            tool("c"),
            call,
        ],
        [edge("b", "c"), edge("c", "a")],
    );
    check(
        upstream,
        "Set `url` to `$b.url`",
        "/steps/2/with",
        json!({ "url": "$b.url" }),
    );
}

#[test]
fn a_step_that_reads_another_follows_it_also_from_inside_a_body() {
    let inner = json!({ "steps": [transform("b", "$late.done")] });
    let each = json!({ "id": "each", "kind": "map", "over": [1], "body": inner });
    check(
        workflow(
            [tool("a"), each, tool("late")],
            [edge("a", "each"), edge("a", "late")],
        ),
        "Let `each` follow `late`",
        "/edges/2",
        edge("late", "each"),
    );
}

#[test]
fn a_join_of_nothing_goes_and_what_led_to_it_leads_on() {
    let chain = |rule: &str| {
        workflow(
            [tool("a"), join("j", rule), tool("b")],
            [edge("a", "j"), edge("j", "b")],
        )
    };
    let (label, mended) = repaired(&chain("all_success"));
    assert_eq!(label, "Remove the step `j`");
    assert_eq!(mended["steps"], json!([tool("a"), tool("b")]));
    assert_eq!(mended["edges"], json!([edge("a", "b")]));
    // Without it, what follows would not go on after a failure.
    assert_eq!(problems(&chain("all_done"))[0].repair, None);
}

#[test]
fn places_are_exact_for_edges_in_bodies_and_for_steps_with_the_same_id() {
    let body =
        json!({ "steps": [tool("x"), tool("y")], "edges": [edge("x", "y"), edge("y", "x")] });
    let each = json!({ "id": "each", "kind": "map", "over": [1], "body": body });
    let found = problems(&workflow([tool("a"), each], [edge("a", "each")]));
    assert_eq!(found[0].at, "/steps/1/body/edges/1");
    assert_eq!((found[0].code.as_str(), found[0].edge), ("cycle", Some(1)));
    let found = problems(&workflow([tool("a"), tool("b"), tool("a")], []));
    assert_eq!(found[0].at, "/steps/2");
}
