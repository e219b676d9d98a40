//! How runs end: cancelled, out of time, failed and going on all the same. An end is an end.

use serde_json::json;

use super::stage::{Stage, edge, effect, gate, read, with, workflow};
use crate::engine::bounds::tests::nested;
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, EndState, SkipReason};
use crate::engine::failure::StepError;
use crate::engine::ids::StepPath;
use crate::engine::limits::{CANCEL_GRACE_MS, VALUE_DEPTH_MAX};
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
    let step = StepPath::new("a");
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
    let (step, output) = (StepPath::new("a"), json!({}));
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
    let at = StepPath::new("a");
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
    let start = || Command::start(json!({}), "ann");
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

/// An effect and a reading side by side.
fn effect_beside(sibling: serde_json::Value) -> serde_json::Value {
    let go = json!({ "id": "go", "kind": "parallel" });
    workflow(
        [go, effect("order"), sibling],
        [edge("go", "order"), edge("go", "b")],
    )
}

#[test]
fn an_effect_in_flight_when_the_run_ends_is_not_called_cancelled() {
    let failed = {
        let mut stage = Stage::start(effect_beside(read("b")));
        stage.fail("b", "broken");
        stage
    };
    let timed_out = {
        let mut document = effect_beside(read("b"));
        document["timeout_ms"] = json!(1_000);
        let mut stage = Stage::start(document);
        stage.after_ms(1_000);
        stage
    };
    let cancelled = {
        let mut stage = Stage::start(effect_beside(read("b")));
        stage.cancel();
        stage.after_ms(CANCEL_GRACE_MS);
        stage
    };
    for stage in [failed, timed_out, cancelled] {
        assert!(stage.run().is_terminal());
        assert!(stage.stops.contains(&"order".to_owned()));
        assert_eq!(stage.status("order"), StepStatus::Failed);
        assert_eq!(stage.error("order").code, "outcome_unknown");
    }
}

#[test]
fn what_nobody_knew_when_the_run_was_cancelled_stays_unknown() {
    let mut stage = Stage::start(workflow([effect("order")], []));
    stage.lose("order");
    assert_eq!(stage.status("order"), StepStatus::OutcomeUnknown);
    stage.cancel();
    assert_eq!(stage.end().0, EndState::Cancelled);
    assert_eq!(stage.error("order").code, "outcome_unknown");
}

#[test]
fn an_effect_that_stops_when_told_did_not_happen() {
    let mut stage = Stage::start(workflow([effect("order")], []));
    stage.cancel();
    let step = StepPath::new("order");
    stage
        .submit(Command::AttemptStopped { step, attempt: 1 })
        .expect("it runs");
    assert_eq!(stage.status("order"), StepStatus::Cancelled);
}

#[test]
fn while_a_run_is_being_cancelled_only_the_end_of_the_grace_time_wakes_it() {
    // The attempt's own time runs out before the grace time does.
    let soon = with(read("a"), "timeout_ms", json!(CANCEL_GRACE_MS / 2));
    let mut stage = Stage::start(workflow([soon], []));
    stage.cancel();
    let end_of_grace = stage.now.plus_ms(CANCEL_GRACE_MS);
    assert_eq!(stage.state.wake_at(), Some(end_of_grace));
    stage.after_ms(CANCEL_GRACE_MS / 2);
    assert_eq!(stage.state.wake_at(), Some(end_of_grace));
}

#[test]
fn values_that_could_not_be_read_back_never_reach_the_log() {
    let too_deep = nested(VALUE_DEPTH_MAX + 1);
    let mut stage = Stage::new(chain());
    let refused = stage.submit(Command::start(too_deep.clone(), "ann"));
    assert!(matches!(refused, Err(Rejection::InputTooLarge(_))));

    let mut stage = Stage::start(chain());
    stage.succeed("a", too_deep.clone());
    assert_eq!(stage.error("a").code, "output_too_large");

    let mut stage = Stage::start(workflow([read("a")], []));
    let error = StepError::new("broken", "it broke").with_data(too_deep);
    let step = StepPath::new("a");
    stage
        .submit(Command::AttemptFailed {
            step,
            attempt: 1,
            error,
        })
        .expect("it runs");
    assert_eq!(stage.error("a").data, None);
    assert!(stage.error("a").message.contains("left out"));

    // The input may be as deep as that; what is made of it may not be deeper.
    let input = json!({ "deep": nested(VALUE_DEPTH_MAX - 1) });
    let deeper = json!({ "and": { "more": "$input.deep" } });
    let call = with(read("b"), "with", deeper.clone());
    let mut stage = Stage::start_with(workflow([call], []), input.clone());
    assert_eq!(stage.error("b").code, "value_too_large");
    assert_eq!(stage.calls, []);
    let set = json!({ "id": "b", "kind": "transform", "set": deeper });
    stage = Stage::start_with(workflow([set], []), input);
    assert_eq!(stage.error("b").code, "output_too_large");
}
