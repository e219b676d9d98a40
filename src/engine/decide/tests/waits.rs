//! Waiting: for some time, until some time, for an answer; and being paused.

use serde_json::{Value, json};

use super::stage::{Stage, edge, effect, gate, read, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, EndState};
use crate::engine::state::{RunStatus, StepStatus};
use crate::engine::time::Timestamp;

fn wait(fields: Value) -> Value {
    let mut step = json!({ "id": "pause", "kind": "wait" });
    if let (Some(step), Value::Object(fields)) = (step.as_object_mut(), fields) {
        step.extend(fields);
    }
    step
}

fn then_act(first: Value) -> Value {
    workflow([first, read("act")], [edge("pause", "act")])
}

fn hold(stage: &mut Stage, held: bool) {
    let (actor, comment) = ("ann".to_owned(), "lunch".to_owned());
    let command = if held {
        Command::Pause { actor, comment }
    } else {
        Command::Resume { actor, comment }
    };
    stage.submit(command).expect("it may");
}

#[test]
fn a_wait_ends_when_its_time_has_come_and_not_before() {
    let mut stage = Stage::start_with(
        then_act(wait(json!({ "for_ms": "$input.ms" }))),
        json!({ "ms": 5_000 }),
    );
    assert_eq!(stage.status("pause"), StepStatus::WaitingForTimer);
    assert_eq!(stage.run(), RunStatus::Waiting);
    stage.after_ms(4_999);
    assert_eq!(stage.status("act"), StepStatus::Pending);
    stage.after_ms(1);
    assert_eq!(stage.status("act"), StepStatus::InProgress);
    assert_eq!(
        stage.output("pause")["until"],
        "1970-01-01T00:00:05.000000Z"
    );
}

#[test]
fn a_wait_until_a_time_that_has_passed_ends_at_once() {
    let at = |at: &str| Stage::start(then_act(wait(json!({ "at": at }))));
    assert_eq!(
        at("1969-01-01T00:00:00Z").status("act"),
        StepStatus::InProgress
    );
    let mut stage = at("1970-01-01T01:00:00+00:00");
    assert_eq!(
        stage.state.wake_at(),
        Some(Timestamp::from_micros(3_600_000_000))
    );
    stage.after_ms(3_600_000);
    assert_eq!(stage.status("act"), StepStatus::InProgress);
}

#[test]
fn what_is_no_time_fails_the_step_with_a_sentence() {
    for (fields, code) in [
        (json!({ "for_ms": "$input.bad" }), "not_a_duration"),
        (json!({ "at": "$input.bad" }), "not_a_time"),
    ] {
        let stage = Stage::start_with(then_act(wait(fields)), json!({ "bad": "soon" }));
        assert_eq!(stage.error("pause").code, code);
    }
}

fn poll(fields: Value) -> Value {
    let mut step = wait(json!({
        "tool": "t.read", "until": "result.status == 200", "every_ms": 1_000, "timeout_ms": 10_000,
    }));
    if let (Some(step), Value::Object(fields)) = (step.as_object_mut(), fields) {
        step.extend(fields);
    }
    step
}

#[test]
fn a_tool_is_asked_again_until_its_answer_is_the_wanted_one() {
    let mut stage = Stage::start(then_act(poll(json!({}))));
    stage.succeed("pause", json!({ "status": 503 }));
    assert_eq!(stage.status("pause"), StepStatus::WaitingForTimer);
    stage.after_ms(1_000);
    stage.fail("pause", "unreachable");
    assert_eq!(stage.error("pause").code, "unreachable");
    stage.after_ms(1_000);
    stage.succeed("pause", json!({ "status": 200 }));
    assert_eq!(stage.output("pause"), json!({ "status": 200 }));
    assert_eq!(stage.calls[2], ("pause".to_owned(), 3));
    assert_eq!(
        stage.step("pause").attempts.len(),
        1,
        "one entry, however often it asked"
    );
}

#[test]
fn a_wait_that_is_not_answered_in_time_fails_after_one_last_question() {
    let mut stage = Stage::start(then_act(poll(json!({ "every_ms": 7_000 }))));
    for _ in 0..2 {
        stage.succeed("pause", json!({ "status": 503 }));
        stage.after_ms(7_000);
    }
    stage.succeed("pause", json!({ "status": 503 }));
    assert_eq!(stage.error("pause").code, "timeout");
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
    let asked: Vec<u64> = vec![0, 7_000, 10_000];
    assert_eq!(stage.calls.len(), asked.len());
}

#[test]
fn a_retried_wait_has_its_whole_time_again() {
    let mut stage = Stage::start(then_act(poll(json!({ "every_ms": 7_000 }))));
    let miss = |stage: &mut Stage| {
        for _ in 0..2 {
            stage.succeed("pause", json!({ "status": 503 }));
            stage.after_ms(7_000);
        }
        stage.succeed("pause", json!({ "status": 503 }));
        assert_eq!(stage.error("pause").code, "timeout");
    };
    miss(&mut stage);
    for _ in 0..2 {
        stage.after_ms(86_400_000);
        let (actor, comment) = ("ann".to_owned(), String::new());
        stage
            .submit(Command::Retry { actor, comment })
            .expect("it failed");
        miss(&mut stage);
    }
    let error = stage.error("pause").message;
    assert!(error.contains("within 14000 ms"), "{error}");
    assert_eq!(stage.calls.len(), 9);
}

#[test]
fn a_wait_that_cannot_be_answered_fails_at_once() {
    let mut stage = Stage::start(then_act(poll(json!({}))));
    stage.fail("pause", "invalid_input");
    assert_eq!(stage.error("pause").code, "invalid_input");
    let mut stage = Stage::start(then_act(poll(json!({ "until": "result.status" }))));
    stage.succeed("pause", json!({ "status": 200 }));
    assert_eq!(stage.error("pause").code, "expression_failed");
}

#[test]
fn a_paused_run_starts_nothing_and_goes_on_where_it_stood() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2], "max_parallel": 1,
        "body": { "steps": [read("fetch")] },
    });
    let mut stage = Stage::start(workflow([each, read("after")], [edge("each", "after")]));
    hold(&mut stage, true);
    assert_eq!(stage.run(), RunStatus::Running, "a tool is still at work");
    stage.succeed("each.0.fetch", json!(1));
    assert_eq!(stage.run(), RunStatus::Paused);
    assert_eq!(stage.calls.len(), 1);
    stage.after_ms(1_000_000);
    assert_eq!(stage.calls.len(), 1);
    hold(&mut stage, false);
    assert_eq!(stage.calls.len(), 2);
    stage.succeed("each.1.fetch", json!(2));
    assert_eq!(stage.status("after"), StepStatus::InProgress);
}

#[test]
fn while_a_run_is_paused_gates_are_answered_and_retries_wait() {
    let retried = with(
        read("a"),
        "retry",
        json!({ "max_attempts": 2, "base_ms": 100 }),
    );
    let mut stage = Stage::start(workflow(
        [read("root"), retried, gate("ask"), effect("act")],
        [edge("root", "a"), edge("root", "ask"), edge("ask", "act")],
    ));
    stage.succeed("root", json!(null));
    stage.fail("a", "busy");
    hold(&mut stage, true);
    stage.decide("ask", Decision::Approve).expect("it is open");
    stage.after_ms(60_000);
    assert_eq!(stage.status("act"), StepStatus::Pending);
    assert_eq!(stage.status("a"), StepStatus::Retrying);
    assert_eq!(stage.run(), RunStatus::Paused);
    hold(&mut stage, false);
    stage.after_ms(0);
    assert_eq!(stage.status("act"), StepStatus::InProgress);
    assert_eq!(stage.status("a"), StepStatus::InProgress);
}

#[test]
fn pausing_twice_resuming_twice_and_after_the_end_is_refused() {
    let mut stage = Stage::start(workflow([read("a")], []));
    let command = |held: bool| {
        let (actor, comment) = ("ann".to_owned(), String::new());
        match held {
            true => Command::Pause { actor, comment },
            false => Command::Resume { actor, comment },
        }
    };
    assert_eq!(stage.submit(command(false)), Err(Rejection::NotPaused));
    stage.submit(command(true)).expect("it runs");
    assert_eq!(stage.submit(command(true)), Err(Rejection::AlreadyPaused));
    stage.submit(command(false)).expect("it is paused");
    stage.succeed("a", json!(1));
    assert_eq!(stage.end().0, EndState::Completed);
    assert_eq!(stage.submit(command(true)), Err(Rejection::RunEnded));
}

#[test]
fn a_paused_run_can_be_cancelled() {
    let mut stage = Stage::start(then_act(wait(json!({ "for_ms": 5_000 }))));
    hold(&mut stage, true);
    stage.cancel();
    assert_eq!(stage.end().0, EndState::Cancelled);
}
