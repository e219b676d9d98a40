//! People, the clock, and the run as a whole: gates, waits, loops, undoing, holding, retrying, bounds.

use serde_json::json;

use super::stage::{
    by_hand, call, catalogue, decides, fails, gate, parsed, returns, scripted, with, workflow,
};
use crate::engine::command::Rejection;
use crate::engine::event::{Decision, EndReason, Event};
use crate::engine::ids::StepPath;
use crate::engine::limits::REHEARSAL_EVENTS_MAX;
use crate::engine::rehearse::case::{Deed, Given};
use crate::engine::rehearse::{Asked, Refusal, Rehearsal, Unscripted};
use crate::engine::state::{RunStatus, StepStatus};

#[test]
fn a_gate_waits_for_a_person_however_long_nothing_else_happens() {
    let workflow = workflow(
        [call("a", "t.read"), gate("ask"), call("b", "t.read")],
        [("a", "ask"), ("ask", "b")],
    );
    let mut rehearsal = scripted(&workflow, json!({}));
    rehearsal.run_until_asked().expect("it is short");
    assert_eq!(
        (rehearsal.elapsed_ms(), rehearsal.askers()),
        (0, vec!["ask"])
    );
    rehearsal.run_until_asked().expect("it is short");
    assert_eq!(rehearsal.elapsed_ms(), 0, "it still waits");
    rehearsal
        .say("ask", decides(Decision::Approve, "ann"))
        .expect("anybody may");
    assert_eq!(
        rehearsal.run(),
        RunStatus::Completed,
        "what follows at once"
    );
    assert_eq!(rehearsal.elapsed_ms(), 1);
}

#[test]
fn only_an_approver_decides_and_the_decision_carries_what_was_shown() {
    let ask = with(
        gate("ask"),
        json!({ "approvers": ["bob"], "timeout_ms": 60_000, "show": ["$input.what"] }),
    );
    let workflow = workflow([ask], []);
    let mut rehearsal = scripted(&workflow, json!({ "input": { "what": 42 } }));
    let Some(Asked::Gate {
        question,
        plan_hash,
        deadline,
        ..
    }) = rehearsal.question("ask")
    else {
        panic!("a gate asks");
    };
    assert_eq!(question.shown[0].value, json!(42));
    assert_eq!(deadline, Some(rehearsal.begins_at().plus_ms(60_000)));
    let refused = rehearsal.say("ask", decides(Decision::Approve, "ann"));
    assert!(
        matches!(
            refused,
            Err(Refusal::Rejected(Rejection::NotAnApprover { .. }))
        ),
        "{refused:?}"
    );
    rehearsal
        .say("ask", decides(Decision::Reject, "bob"))
        .expect("bob may");
    let decided = rehearsal
        .log()
        .iter()
        .find_map(|recorded| match &recorded.event {
            Event::GateDecided { plan_hash, .. } => Some(plan_hash.clone()),
            other => other.step().and(None),
        });
    assert_eq!(decided, Some(plan_hash));
    assert_eq!(
        rehearsal.state().end.as_ref().and_then(|end| end.reason),
        Some(EndReason::Rejected)
    );

    let mut silent = scripted(&workflow, json!({ "input": { "what": 42 } }));
    assert_eq!(silent.jump_to_next(), Ok(true));
    assert_eq!(silent.elapsed_ms(), 60_000);
    assert_eq!(
        silent.state().end.as_ref().and_then(|end| end.reason),
        Some(EndReason::Timeout)
    );
    assert_eq!(silent.jump_to_next(), Ok(false), "nothing happens any more");
}

#[test]
fn waits_end_at_their_time_and_jumps_stop_on_the_way() {
    let steps = [
        json!({ "id": "nap", "kind": "wait", "for_ms": 90_000 }),
        json!({ "id": "until", "kind": "wait", "at": "2026-01-05T09:00:00.0000005Z" }),
        call("a", "t.read"),
    ];
    let mut rehearsal = by_hand(&workflow(steps, [("nap", "until"), ("until", "a")]));
    rehearsal.jump_by(89_999).expect("it is short");
    assert_eq!(rehearsal.status("nap"), StepStatus::WaitingForTimer);
    assert_eq!(rehearsal.next_at_ms(), Some(90_000));
    rehearsal.jump_by(1).expect("it is short");
    assert_eq!(rehearsal.status("nap"), StepStatus::Completed);
    // A long jump passes everything at its own time.
    rehearsal.jump_by(86_400_000).expect("it is short");
    let asked_at = rehearsal.step("a").attempts[0].started_at;
    assert_eq!(asked_at.to_string(), "2026-01-05T09:00:00.000000Z");
    assert_eq!(
        rehearsal.status("a"),
        StepStatus::Failed,
        "its time ran out on the way"
    );
}

#[test]
fn a_loop_goes_round_and_a_waiting_step_asks_again() {
    let steps = [
        json!({ "id": "again", "kind": "loop", "until": "look.ok", "every_ms": 10_000, "body": { "steps": [call("look", "t.read")] } }),
        json!({ "id": "ready", "kind": "wait", "tool": "t.read", "until": "result.ok", "every_ms": 5_000 }),
    ];
    let not_yet = json!({ "returns": { "ok": false } });
    let mut rehearsal = scripted(
        &workflow(steps, [("again", "ready")]),
        json!({ "steps": { "look": [not_yet, not_yet, { "returns": { "ok": true } }], "ready": [not_yet, { "fails": { "code": "busy" } }, { "returns": { "ok": true } }] } }),
    );
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.run(), RunStatus::Completed);
    assert_eq!(rehearsal.elapsed_ms(), 20_000 + 10_000);
    let case = rehearsal.as_case("c").expect("it is short");
    assert_eq!(case.expect.calls[&StepPath::new("look")], 3);
    assert_eq!(case.expect.calls[&StepPath::new("ready")], 3);
}

#[test]
fn what_was_done_is_undone_when_the_run_fails() {
    let deploy = with(
        call("deploy", "t.effect"),
        json!({ "compensate": { "tool": "t.effect" } }),
    );
    let check = with(call("check", "t.read"), json!({ "on_error": "compensate" }));
    let workflow = workflow([deploy, check], [("deploy", "check")]);
    let given = json!({ "steps": {
        "check": { "fails": { "code": "down" } },
        "deploy.undo": { "returns": "undone", "after_ms": 700 },
    } });
    let mut rehearsal = scripted(&workflow, given);
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(
        (rehearsal.run(), rehearsal.elapsed_ms()),
        (RunStatus::Failed, 700)
    );
    assert_eq!(rehearsal.step("deploy.undo").output, Some(json!("undone")));
    let case = rehearsal.as_case("c").expect("it is short");
    assert_eq!(
        case.expect.steps[&StepPath::new("deploy.undo")],
        StepStatus::Completed
    );
}

#[test]
fn a_run_is_held_skipped_and_retried_by_people() {
    let workflow = workflow([call("a", "t.read"), call("b", "t.read")], [("a", "b")]);
    let mut rehearsal = by_hand(&workflow);
    rehearsal.act(Deed::Pause, "ann", "look").expect("it runs");
    rehearsal.say("a", fails("busy")).expect("it asks on");
    assert_eq!(rehearsal.run(), RunStatus::Failed);
    rehearsal.act(Deed::Retry, "bob", "").expect("it failed");
    assert_eq!(rehearsal.askers(), Vec::<&str>::new(), "it is still held");
    rehearsal.act(Deed::Resume, "ann", "").expect("it is held");
    rehearsal
        .act(Deed::Skip(StepPath::new("b")), "ann", "not today")
        .expect("it is to come");
    let twice = rehearsal.act(Deed::Resume, "ann", "");
    assert_eq!(twice, Err(Refusal::Rejected(Rejection::NotPaused)));
    rehearsal.say("a", returns(json!(1))).expect("it asks");
    assert_eq!(rehearsal.status("b"), StepStatus::Skipped);
    assert_eq!(rehearsal.run(), RunStatus::Completed);
    let case = rehearsal.as_case("held").expect("it is short");
    let done: Vec<&str> = case
        .given
        .acts
        .iter()
        .map(|act| act.deed.as_str())
        .collect();
    assert_eq!(
        done,
        ["pause", "retry", "resume", "skip"],
        "what was refused was not done"
    );
}

#[test]
fn a_rehearsal_that_does_not_end_is_not_carried_on() {
    let forever = json!({ "id": "l", "kind": "loop", "until": "false", "max_iterations": 10_000,
        "body": { "steps": [{ "id": "m", "kind": "loop", "on_error": "continue", "until": "false", "max_iterations": 10_000, "body": { "steps": [
            { "id": "w", "kind": "wait", "for_ms": 1 } ] } }] } });
    let mut rehearsal = by_hand(&workflow([forever], []));
    let max = REHEARSAL_EVENTS_MAX;
    assert_eq!(rehearsal.run_to_the_end(), Err(Refusal::TooLong { max }));
    assert!(rehearsal.log().len() < 2 * max as usize);
}

#[test]
fn what_cannot_begin_says_why() {
    let begin = |document: serde_json::Value, input: serde_json::Value| {
        let given = Given {
            input: Some(input),
            ..Given::default()
        };
        Rehearsal::begin(&parsed(document), &catalogue(), &given, Unscripted::Wait)
            .map(|_| ())
            .map_err(|refusal| refusal.to_string())
    };
    let inputs = json!({ "type": "object", "required": ["a"], "properties": { "a": {}, "b": { "type": "integer", "default": 1 } } });
    let fine = json!({ "name": "W", "inputs": inputs, "steps": [call("x", "t.read")] });
    assert_eq!(begin(fine.clone(), json!({ "a": 1 })), Ok(()));
    assert_eq!(
        begin(fine.clone(), json!({})),
        Err("the input lacks `a`".to_owned())
    );
    assert_eq!(
        begin(fine, json!([1])),
        Err("the input must be an object".to_owned())
    );
    let broken = json!({ "name": "W", "steps": [call("x", "t.nothing")] });
    let why = begin(broken, json!({})).expect_err("no such tool");
    assert!(
        why.contains("does not compile") && why.contains("t.nothing"),
        "{why}"
    );
}

#[test]
fn the_clock_may_come_to_the_end_of_time() {
    let ask = with(gate("ask"), json!({ "timeout_ms": "never" }));
    let mut rehearsal = by_hand(&workflow([ask], []));
    rehearsal.jump_by(u64::MAX).expect("nothing happens");
    rehearsal.jump_by(u64::MAX).expect("nothing happens");
    rehearsal
        .say("ask", decides(Decision::Approve, "ann"))
        .expect("it still asks");
    assert_eq!(rehearsal.run(), RunStatus::Completed);
}
