//! Gates: nothing behind one happens before the right person has said so, to exactly this.

use serde_json::{Value, json};

use super::stage::{Stage, edge, effect, gate, read, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, EndState};
use crate::engine::ids::GateId;
use crate::engine::limits::WAIT_TIMEOUT_MS_DEFAULT;
use crate::engine::state::{RunStatus, StepStatus};

fn gated() -> Value {
    workflow(
        [
            read("look"),
            with(gate("ask"), "show", json!(["$look.found", "=1 + 1"])),
            effect("act"),
        ],
        [edge("look", "ask"), edge("ask", "act")],
    )
}

fn asked() -> Stage {
    let mut stage = Stage::start(gated());
    stage.succeed("look", json!({ "found": [1, 2] }));
    stage
}

fn guarded(with_input: Value) -> Value {
    let order = with(effect("order"), "approval", json!({ "message": "Buy?" }));
    workflow([with(order, "with", with_input)], [])
}

#[test]
fn a_gate_waits_and_shows_what_it_was_told_to() {
    let mut document = gated();
    document["steps"][1]["timeout_ms"] = json!("never");
    let mut stage = Stage::start(document);
    stage.succeed("look", json!({ "found": [1, 2] }));
    stage.after_ms(1_000_000_000_000);
    assert_eq!(stage.status("ask"), StepStatus::WaitingForApproval);
    assert_eq!(stage.run(), RunStatus::Waiting);
    assert_eq!(stage.calls.len(), 1, "no gate opens by itself");
    let shown = stage.gate("ask").question.shown;
    let values: Vec<Value> = shown.into_iter().map(|shown| shown.value).collect();
    assert_eq!(values, [json!([1, 2]), json!(2)]);
}

#[test]
fn a_gate_that_does_not_say_how_long_it_waits_waits_a_month() {
    let mut stage = asked();
    let deadline = stage.gate("ask").deadline;
    assert_eq!(deadline, Some(stage.now.plus_ms(WAIT_TIMEOUT_MS_DEFAULT)));
    stage.after_ms(WAIT_TIMEOUT_MS_DEFAULT);
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
}

#[test]
fn an_approval_goes_on_and_leaves_who_said_so() {
    let mut stage = asked();
    stage.decide("ask", Decision::Approve).expect("it is open");
    assert_eq!(stage.status("act"), StepStatus::InProgress);
    assert_eq!(stage.output("ask")["by"], "ann");
    assert_eq!(stage.output("ask")["decision"], "approve");
}

#[test]
fn a_rejection_fails_the_run_and_nothing_behind_it_happens() {
    let mut stage = asked();
    stage.decide("ask", Decision::Reject).expect("it is open");
    assert_eq!(stage.end().0, EndState::Failed);
    assert_eq!(stage.end().1, Some(EndReason::Rejected));
    assert_eq!(stage.status("act"), StepStatus::Skipped);
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_rejection_with_a_way_of_its_own_takes_it() {
    let mut document = gated();
    let tell = read("tell");
    document["steps"].as_array_mut().expect("steps").push(tell);
    let way = json!({ "from": "ask", "to": "tell", "on": "rejected" });
    document["edges"].as_array_mut().expect("edges").push(way);
    for (decision, runs, skipped) in [
        (Decision::Reject, "tell", "act"),
        (Decision::Approve, "act", "tell"),
    ] {
        let mut stage = Stage::start(document.clone());
        stage.succeed("look", json!({ "found": [] }));
        stage.decide("ask", decision).expect("it is open");
        assert_eq!(stage.status(runs), StepStatus::InProgress);
        assert_eq!(stage.status(skipped), StepStatus::Skipped);
    }
}

#[test]
fn the_first_answer_wins_and_the_next_learns_who_gave_it() {
    let mut stage = asked();
    stage.decide("ask", Decision::Reject).expect("it is open");
    let second = stage.decide("ask", Decision::Approve);
    let by = "ann".to_owned();
    let decision = Decision::Reject;
    assert_eq!(second, Err(Rejection::GateDecided { decision, by }));
}

#[test]
fn an_approval_names_what_was_shown() {
    let mut stage = asked();
    let id = stage.gate("ask").id;
    let without = stage.answer(&id, Decision::Approve, None);
    assert_eq!(without, Err(Rejection::PlanHashMissing));
    let other = stage.answer(&id, Decision::Approve, Some("sha256:0".to_owned()));
    assert_eq!(other, Err(Rejection::PlanChanged));
    let stranger = stage.answer(&GateId::new("none"), Decision::Approve, None);
    assert!(matches!(stranger, Err(Rejection::UnknownGate(_))));
    assert_eq!(stage.status("ask"), StepStatus::WaitingForApproval);
    // A refusal is safe without having looked.
    stage
        .answer(&id, Decision::Reject, None)
        .expect("it is open");
}

#[test]
fn only_approvers_decide() {
    let mut document = gated();
    document["steps"][1]["approvers"] = json!(["bob", "carol"]);
    let mut stage = Stage::start(document);
    stage.succeed("look", json!({ "found": [] }));
    let refused = stage.decide("ask", Decision::Approve);
    assert!(matches!(refused, Err(Rejection::NotAnApprover { .. })));
    assert_eq!(stage.status("ask"), StepStatus::WaitingForApproval);
}

#[test]
fn a_gate_with_a_deadline_expires_and_does_not_open() {
    let mut document = gated();
    document["steps"][1]["timeout_ms"] = json!(60_000);
    let mut stage = Stage::start(document);
    stage.succeed("look", json!({ "found": [] }));
    stage.now = stage.now.plus_ms(60_000);
    // The answer that comes with the deadline is too late, whether or not the timer has fired.
    let late = stage.decide("ask", Decision::Approve);
    assert!(matches!(late, Err(Rejection::GateClosed(_))));
    stage.after_ms(0);
    assert_eq!(stage.error("ask").code, "gate_expired");
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_guarded_step_shows_exactly_what_it_will_do_and_does_that() {
    let mut stage = Stage::start_with(
        guarded(json!({ "symbol": "$input.symbol", "count": 3 })),
        json!({ "symbol": "SAP" }),
    );
    let action = stage
        .gate("order.approval")
        .question
        .action
        .expect("what will be done");
    assert_eq!(action.input, json!({ "symbol": "SAP", "count": 3 }));
    assert_eq!(action.tool.as_deref(), Some("t.effect"));
    assert_eq!(stage.calls, []);
    stage
        .decide("order.approval", Decision::Approve)
        .expect("it is open");
    let attempts = &stage.step("order").attempts;
    assert_eq!(attempts[0].input, action.input);
}

#[test]
fn what_changed_after_the_approval_is_not_done() {
    let mut stage = Stage::start_with(
        guarded(json!({ "price": "$input.price" })),
        json!({ "price": 10 }),
    );
    stage.state.input = std::sync::Arc::new(json!({ "price": 11 }));
    stage
        .decide("order.approval", Decision::Approve)
        .expect("it is open");
    assert_eq!(stage.error("order").code, "approval_mismatch");
    assert_eq!(stage.calls, []);
}

#[test]
fn a_question_that_cannot_be_put_fails_the_gate() {
    let mut stage = Stage::start(gated());
    stage.succeed("look", json!({ "nothing": true }));
    assert_eq!(stage.error("ask").code, "unresolved_binding");
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn an_endless_comment_is_refused() {
    let mut stage = asked();
    let (gate, comment) = (stage.gate("ask"), "x".repeat(4_001));
    let refused = stage.submit(Command::Decide {
        gate: gate.id,
        decision: Decision::Reject,
        actor: "ann".to_owned(),
        comment,
        plan_hash: None,
    });
    assert_eq!(refused, Err(Rejection::CommentTooLong { max: 4_000 }));
}
