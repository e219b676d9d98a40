//! Cases that hold, and what is said of those that do not.

use serde_json::{Value, json};

use super::stage::{call, catalogue, gate, parsed, with, workflow};
use crate::engine::rehearse::case::Case;
use crate::engine::rehearse::{CaseError, check_case};
use crate::engine::workflow::Workflow;

fn check(workflow: &Workflow, given: Value, expect: Value) -> Vec<String> {
    match verdict(workflow, given, expect) {
        Ok(mismatches) => mismatches,
        Err(error) => panic!("it cannot be played: {error}"),
    }
}

fn verdict(workflow: &Workflow, given: Value, expect: Value) -> Result<Vec<String>, CaseError> {
    let case = json!({ "name": "c", "given": given, "expect": expect });
    let case: Case = serde_json::from_value(case).expect("a well-formed case");
    check_case(workflow, &catalogue(), &case)
        .map(|found| found.iter().map(ToString::to_string).collect())
}

/// Probes, asks a person if something is wrong, and reports.
fn health() -> Workflow {
    parsed(json!({
        "name": "Health",
        "steps": [
            with(call("probe", "t.read"), json!({ "on_error": "continue" })),
            call("host", "t.read"),
            { "id": "probed", "kind": "join", "rule": "all_done" },
            { "id": "judge", "kind": "condition", "expression": "has(probe.error)" },
            with(gate("publish"), json!({ "timeout_ms": "never" })),
            { "id": "all_well", "kind": "transform", "set": { "headline": "All is well", "count": "=0" } },
            call("report", "t.effect"),
        ],
        "edges": [
            { "from": "probe", "to": "probed" }, { "from": "host", "to": "probed" }, { "from": "probed", "to": "judge" },
            { "from": "judge", "to": "publish", "when": "judge.result" },
            { "from": "judge", "to": "all_well", "default": true },
            { "from": "publish", "to": "report" },
        ],
    }))
}

fn breach() -> Value {
    json!({ "steps": {
        "probe": { "fails": { "code": "unreachable", "message": "no answer" }, "after_ms": 2_000 },
        "publish": { "decision": "approve", "by": "ann", "after_ms": 60_000 },
    } })
}

#[test]
fn a_case_that_holds_has_nothing_to_say() {
    let expect = json!({ "state": "completed",
        "steps": { "report": "completed", "all_well": "skipped" }, "calls": { "report": 1, "probe": 1 } });
    assert_eq!(check(&health(), breach(), expect), Vec::<String>::new());
    let expect = json!({ "state": "completed", "steps": { "all_well": "completed", "publish": "skipped" },
        "output": { "all_well": { "count": 0.0, "headline": "All is well" } }, "calls": { "report": 0 } });
    assert_eq!(check(&health(), json!({}), expect), Vec::<String>::new());
}

#[test]
fn every_difference_is_a_sentence_with_step_expected_and_found() {
    let expect = json!({ "state": "failed", "reason": "rejected", "output": { "report": { "ok": false } },
        "steps": { "all_well": "completed", "publish": "failed" }, "calls": { "report": 2 } });
    assert_eq!(
        check(&health(), breach(), expect),
        [
            "The run should be failed, but is completed.",
            "The run should end with the reason rejected, but it is completed and has no reason.",
            "The run should leave the output {\"report\":{\"ok\":false}}, but leaves {\"report\":{\"ok\":true}}, which differs at /report/ok: true.",
            "`all_well` should be completed, but is skipped (another branch was taken at `judge`).",
            "`publish` should be failed, but is completed.",
            "`report` should be called twice, but was called once.",
        ]
    );
}

#[test]
fn a_run_that_never_ends_says_what_it_waits_for() {
    let mut given = breach();
    given["steps"]["publish"] = json!({ "never": true });
    let error = verdict(&health(), given.clone(), json!({ "state": "completed" }));
    let error = error.expect_err("nobody decides").to_string();
    assert_eq!(
        error,
        "the run never ends: `publish` waits for a person to decide, which never comes"
    );
    // Which may be just what is wanted.
    let asks = json!({ "state": "waiting", "steps": { "publish": "waiting_for_approval" }, "calls": { "report": 0 } });
    assert_eq!(check(&health(), given.clone(), asks), Vec::<String>::new());
    let early =
        json!({ "after_ms": 1_000, "steps": { "probe": "in_progress", "publish": "pending" } });
    assert_eq!(check(&health(), given, early), Vec::<String>::new());
}

#[test]
fn what_the_engine_refuses_is_a_difference() {
    let ask = with(
        gate("ask"),
        json!({ "approvers": ["bob"], "timeout_ms": 1_000 }),
    );
    let given = json!({ "steps": { "ask": { "decision": "approve", "by": "ann" } },
        "acts": [{ "do": "resume", "by": "ann", "after_ms": 5 }] });
    assert_eq!(
        check(
            &workflow([ask], []),
            given,
            json!({ "state": "failed", "reason": "timeout" })
        ),
        [
            "`ask` should take the `decision` of the case, but after 0 ms it was refused: only bob may decide this.",
            "The run should take the `resume` of the case, but after 5 ms it was refused: the run is not paused.",
        ]
    );
}

#[test]
fn an_id_in_a_body_means_each_time_and_a_path_one_of_them() {
    let each = json!({ "id": "each", "kind": "map", "over": [1, 2, 3], "on_item_error": "continue",
        "body": { "steps": [call("probe", "t.read")] } });
    let workflow = workflow([each], []);
    let given =
        json!({ "steps": { "each.1.probe": { "fails": { "code": "down", "message": "no" } } } });
    let expect = json!({ "steps": { "probe": "completed", "each.2.probe": "completed", "each.7.probe": "completed" },
        "calls": { "probe": 3, "each.0.probe": 1 } });
    assert_eq!(
        check(&workflow, given, expect),
        [
            "`each.7.probe` should be completed, but it never came to be: there was no such iteration.",
            "`each.1.probe` should be completed, but is failed (down: no).",
        ]
    );
}

#[test]
fn a_case_that_cannot_be_played_says_why() {
    let unknown = verdict(
        &health(),
        json!({ "steps": { "prob": { "returns": 1 } } }),
        json!({}),
    );
    let CaseError::Wrong(problems) = unknown.expect_err("no such step") else {
        panic!("it names an unknown step");
    };
    assert_eq!(problems[0].code, "unknown_step");
    assert_eq!(problems[0].field.as_deref(), Some("case.given.steps.prob"));
    let broken = workflow([call("a", "t.nothing")], []);
    let error = verdict(&broken, json!({}), json!({}));
    assert!(matches!(error, Err(CaseError::DoesNotCompile(_))));
    let needs = parsed(json!({ "name": "W", "steps": [call("a", "t.read")],
        "inputs": { "type": "object", "required": ["url"], "properties": { "url": { "type": "string" } } } }));
    let error = verdict(&needs, json!({}), json!({})).expect_err("no input");
    assert_eq!(
        error.to_string(),
        "the run cannot be started: the input lacks `url`"
    );
}
