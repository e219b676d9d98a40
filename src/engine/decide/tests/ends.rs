//! How runs end: cancelled, out of time, failed and going on all the same. An end is an end.

use serde_json::json;

use super::stage::{Stage, edge, gate, read, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, EndState, SkipReason};
use crate::engine::ids::StepId;
use crate::engine::limits::CANCEL_GRACE_MS;
use crate::engine::state::{RunStatus, StepStatus};

fn chain() -> serde_json::Value {
    workflow([read("a"), read("b")], [edge("a", "b")])
}

#[test]
fn a_cancel_stops_what_runs_and_ends_what_does_not() {
    let mut stage = Stage::start(chain());
    stage.cancel();
    assert_eq!(stage.run(), RunStatus::Cancelling);
    assert_eq!(stage.stops, ["a"]);
    assert_eq!(stage.status("b"), StepStatus::Cancelled);
    let step = StepId::new("a");
    stage
        .submit(Command::AttemptStopped { step, attempt: 1 })
        .expect("it runs");
    assert_eq!(stage.end().0, EndState::Cancelled);
    assert_eq!(stage.end().1, Some(EndReason::CancelledByUser));
}

#[test]
fn a_tool_that_does_not_stop_is_abandoned_and_its_late_result_refused() {
    let mut stage = Stage::start(chain());
    stage.cancel();
    stage.after_ms(CANCEL_GRACE_MS - 1);
    assert_eq!(stage.run(), RunStatus::Cancelling);
    stage.after_ms(1);
    assert_eq!(stage.run(), RunStatus::Cancelled);
    let (step, output) = (StepId::new("a"), json!({}));
    let late = stage.submit(Command::AttemptSucceeded {
        step,
        attempt: 1,
        output,
    });
    assert!(matches!(late, Err(Rejection::LateResult { .. })));
    assert_eq!(stage.run(), RunStatus::Cancelled);
    assert_eq!(stage.kinds().last(), Some(&"run_finished"));
}

#[test]
fn a_cancelled_run_never_becomes_completed() {
    let mut stage = Stage::start(workflow([read("a")], []));
    stage.cancel();
    // The last step succeeds within the grace: the log says so, and the run is cancelled all the same.
    stage.succeed("a", json!({ "done": true }));
    assert_eq!(stage.status("a"), StepStatus::Completed);
    assert_eq!(stage.end().0, EndState::Cancelled);
}

#[test]
fn a_failure_during_the_cancel_is_not_tried_again() {
    let policy = json!({ "max_attempts": 9, "base_ms": 0, "cap_ms": 0 });
    let mut stage = Stage::start(workflow([with(read("a"), "retry", policy)], []));
    stage.cancel();
    stage.fail("a", "busy");
    assert_eq!(stage.end().0, EndState::Cancelled);
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_waiting_run_is_cancelled_at_once_and_its_gate_closed() {
    let mut stage = Stage::start(workflow([gate("ask")], []));
    stage.cancel();
    assert_eq!(stage.end().0, EndState::Cancelled);
    let late = stage.decide("ask", Decision::Approve);
    assert!(matches!(late, Err(Rejection::GateClosed(_))));
}

#[test]
fn cancelling_twice_is_cancelling_once_and_never_after_the_end() {
    let mut stage = Stage::start(chain());
    stage.cancel();
    let events = stage.events.len();
    stage.cancel();
    assert_eq!(stage.events.len(), events);
    stage.after_ms(CANCEL_GRACE_MS);
    let (actor, comment) = ("ann".to_owned(), String::new());
    let again = stage.submit(Command::Cancel { actor, comment });
    assert_eq!(again, Err(Rejection::RunEnded));
}

#[test]
fn a_run_that_takes_too_long_fails_with_that_reason() {
    let mut document = chain();
    document["timeout_ms"] = json!(1_000);
    let mut stage = Stage::start(document);
    stage.after_ms(999);
    assert_eq!(stage.run(), RunStatus::Running);
    stage.after_ms(1);
    assert_eq!(stage.end().0, EndState::Failed);
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
    assert_eq!(stage.stops, ["a"]);
    assert_eq!(stage.step("b").skipped, Some(SkipReason::RunEnded));
}

#[test]
fn a_failed_step_ends_the_run_and_stops_its_siblings() {
    let steps = [
        json!({ "id": "go", "kind": "parallel" }),
        read("a"),
        read("b"),
    ];
    let mut stage = Stage::start(workflow(steps, [edge("go", "a"), edge("go", "b")]));
    stage.fail("a", "broken");
    assert_eq!(stage.run(), RunStatus::Failed);
    assert_eq!(stage.stops, ["b"]);
    assert_eq!(stage.status("b"), StepStatus::Cancelled);
}

#[test]
fn a_run_can_go_on_after_a_failure_and_read_the_error() {
    let steps = [
        with(read("a"), "on_error", json!("continue")),
        read("b"),
        json!({ "id": "settled", "kind": "join", "rule": "all_done" }),
        json!({ "id": "report", "kind": "transform", "set": { "why": "$a.error.code", "b": "$b.n" } }),
    ];
    let edges = [
        edge("a", "settled"),
        edge("b", "settled"),
        edge("settled", "report"),
    ];
    let mut stage = Stage::start(workflow(steps, edges));
    stage.fail("a", "broken");
    assert_eq!(stage.status("a"), StepStatus::Failed);
    stage.succeed("b", json!({ "n": 1 }));
    assert_eq!(stage.output("report"), json!({ "why": "broken", "b": 1 }));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn what_needs_a_failed_step_is_skipped_with_that_reason() {
    let steps = [with(read("a"), "on_error", json!("continue")), read("b")];
    let mut stage = Stage::start(workflow(steps, [edge("a", "b")]));
    stage.fail("a", "broken");
    let at = StepId::new("a");
    assert_eq!(
        stage.step("b").skipped,
        Some(SkipReason::UpstreamFailed { at })
    );
    assert_eq!(stage.calls.len(), 1, "no tool is called with half an input");
}

#[test]
fn a_run_starts_once_and_nothing_happens_before() {
    let mut stage = Stage::new(chain());
    let (actor, comment) = ("ann".to_owned(), String::new());
    let early = stage.submit(Command::Cancel { actor, comment });
    assert_eq!(early, Err(Rejection::NotStarted));
    let start = || Command::Start {
        input: json!({}),
        actor: "ann".to_owned(),
    };
    stage.submit(start()).expect("it has not started");
    assert_eq!(stage.submit(start()), Err(Rejection::AlreadyStarted));
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_timer_that_fires_too_early_or_too_late_does_nothing() {
    let mut stage = Stage::start(chain());
    stage.after_ms(1);
    stage.succeed("a", json!({}));
    stage.succeed("b", json!({}));
    let events = stage.events.len();
    stage.after_ms(1_000_000);
    assert_eq!(stage.events.len(), events);
}
