//! Attempts of tool calls: retries, time-outs, lost and unknown answers.

use serde_json::{Value, json};

use super::stage::{Stage, edge, effect, read, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{EndReason, EndState, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::limits::INTERRUPTIONS_MAX;
use crate::engine::state::{AttemptOutcome, RunStatus, StepStatus};

fn retried(step: Value) -> Value {
    let policy =
        json!({ "max_attempts": 4, "base_ms": 500, "cap_ms": 1_500, "no_retry": ["final"] });
    workflow([with(step, "retry", policy)], [])
}

#[test]
fn retries_follow_the_curve_and_stop_at_the_last_try() {
    let mut stage = Stage::start(retried(read("a")));
    // With this randomness the pause is the longest that the curve allows.
    for longest in [500, 1_000, 1_500] {
        stage.entropy = longest;
        stage.fail("a", "busy");
        assert_eq!(stage.status("a"), StepStatus::Retrying);
        let attempts = &stage.step("a").attempts;
        let due = attempts.last().and_then(|attempt| attempt.retry_at);
        assert_eq!(due, Some(stage.now.plus_ms(longest)));
        let calls = stage.calls.len();
        stage.after_ms(longest - 1);
        assert_eq!(stage.calls.len(), calls, "not before its time");
        stage.after_ms(1);
        assert_eq!(stage.calls.len(), calls + 1);
    }
    stage.fail("a", "busy");
    assert_eq!(stage.status("a"), StepStatus::Failed);
    assert_eq!(stage.calls.len(), 4, "total tries, the first included");
    assert_eq!(stage.end().1, Some(EndReason::Error));
}

#[test]
fn an_error_that_no_try_can_mend_is_not_tried_again() {
    let mut stage = Stage::start(retried(read("a")));
    stage.fail("a", "final");
    assert_eq!(stage.status("a"), StepStatus::Failed);
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_later_try_that_succeeds_completes_the_step() {
    let mut stage = Stage::start(retried(read("a")));
    stage.fail("a", "busy");
    stage.after_ms(0);
    stage.succeed("a", json!({ "ok": true }));
    assert_eq!(stage.output("a"), json!({ "ok": true }));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn an_attempt_that_takes_too_long_is_stopped_and_tried_again() {
    let mut stage = Stage::start(retried(with(read("a"), "timeout_ms", json!(100))));
    stage.after_ms(99);
    assert_eq!(stage.status("a"), StepStatus::InProgress);
    stage.entropy = 7;
    stage.after_ms(1);
    assert_eq!(stage.status("a"), StepStatus::Retrying);
    assert_eq!(stage.stops, ["a"]);
    let late = stage.submit(Command::AttemptSucceeded {
        step: StepPath::new("a"),
        attempt: 1,
        output: json!({}),
    });
    assert!(matches!(late, Err(Rejection::LateResult { .. })));
    stage.after_ms(7);
    assert_eq!(stage.calls.last(), Some(&("a".to_owned(), 2)));
}

#[test]
fn a_timeout_without_tries_left_fails_the_run_with_that_reason() {
    let mut stage = Stage::start(workflow([with(read("a"), "timeout_ms", json!(100))], []));
    stage.after_ms(100);
    assert_eq!(stage.error("a").code, "timeout");
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
}

#[test]
fn an_effect_that_does_not_answer_waits_for_a_person_and_is_not_repeated() {
    let stop: [fn(&mut Stage); 3] = [
        |stage| stage.after_ms(5_000),
        |stage| stage.lose("order"),
        |stage| {
            let message = "the line was cut".to_owned();
            let step = StepPath::new("order");
            stage
                .submit(Command::AttemptUnknown {
                    step,
                    attempt: 1,
                    message,
                })
                .expect("it runs");
        },
    ];
    for stop in stop {
        let mut stage = Stage::start(retried(effect("order")));
        stop(&mut stage);
        assert_eq!(stage.status("order"), StepStatus::OutcomeUnknown);
        assert_eq!(stage.run(), RunStatus::Waiting);
        stage.after_ms(1_000_000_000);
        assert_eq!(stage.calls.len(), 1);
    }
}

#[test]
fn a_person_says_what_became_of_it() {
    let asked = || {
        let mut stage = Stage::start(workflow(
            [effect("order"), read("next")],
            [edge("order", "next")],
        ));
        stage.lose("order");
        stage
    };
    let resolve = |stage: &mut Stage, resolution| {
        stage.submit(Command::ResolveOutcome {
            step: StepPath::new("order"),
            resolution,
            actor: "ann".to_owned(),
            comment: "seen at the broker".to_owned(),
        })
    };
    let mut happened = asked();
    resolve(&mut happened, Resolution::Happened).expect("it waits for that");
    assert_eq!(happened.output("order")["confirmed_by"], "ann");
    assert_eq!(happened.status("next"), StepStatus::InProgress);
    assert!(matches!(
        resolve(&mut happened, Resolution::Retry),
        Err(Rejection::OutcomeKnown(_))
    ));

    let mut did_not = asked();
    resolve(&mut did_not, Resolution::DidNot).expect("it waits for that");
    assert_eq!(did_not.error("order").code, "did_not_happen");
    assert_eq!(did_not.run(), RunStatus::Failed);

    let mut again = asked();
    resolve(&mut again, Resolution::Retry).expect("it waits for that");
    assert_eq!(again.calls.last(), Some(&("order".to_owned(), 2)));
}

#[test]
fn what_the_process_lost_is_made_again_and_does_not_count_as_a_try() {
    let policy = json!({ "max_attempts": 1, "base_ms": 0, "cap_ms": 0 });
    let mut stage = Stage::start(workflow([with(read("a"), "retry", policy)], []));
    stage.lose("a");
    assert_eq!(stage.calls.len(), 2);
    assert_eq!(stage.step("a").tries(), 1);
    stage.succeed("a", json!({}));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn a_step_under_which_the_process_dies_again_and_again_is_blamed() {
    let mut stage = Stage::start(workflow([read("a")], []));
    for _ in 0..=INTERRUPTIONS_MAX {
        assert_eq!(stage.status("a"), StepStatus::InProgress);
        stage.lose("a");
    }
    assert_eq!(stage.error("a").code, "interrupted_too_often");
}

#[test]
fn a_result_is_taken_once() {
    let mut stage = Stage::start(workflow([read("a"), read("b")], [edge("a", "b")]));
    stage.succeed("a", json!(1));
    for attempt in [0, 1, 2] {
        let step = StepPath::new("a");
        let again = stage.submit(Command::AttemptSucceeded {
            step,
            attempt,
            output: json!(2),
        });
        assert!(matches!(again, Err(Rejection::LateResult { .. })));
    }
    assert_eq!(stage.output("a"), json!(1));
    let nobody = stage.submit(Command::AttemptLost {
        step: StepPath::new("none"),
        attempt: 1,
    });
    assert_eq!(nobody, Err(Rejection::UnknownStep(StepPath::new("none"))));
}

#[test]
fn progress_is_whole_weighted_and_below_a_hundred_until_the_end() {
    let steps = [with(read("a"), "weight", json!(3)), read("b")];
    let mut stage = Stage::start(workflow(steps, [edge("a", "b")]));
    let percent = |stage: &Stage| crate::engine::progress::percent(&stage.state);
    assert_eq!(percent(&stage), 0);
    let say = |stage: &mut Stage, percent| {
        let (step, doing) = (StepPath::new("a"), "half way".to_owned());
        stage.submit(Command::AttemptProgressed {
            step,
            attempt: 1,
            percent,
            doing,
        })
    };
    say(&mut stage, 50).expect("it runs");
    assert_eq!(percent(&stage), 37);
    assert_eq!(stage.step("a").doing.as_deref(), Some("half way"));
    say(&mut stage, 255).expect("it runs");
    assert_eq!(stage.step("a").percent, 100);
    assert_eq!(percent(&stage), 74, "what runs is not done");
    stage.succeed("a", json!({}));
    assert_eq!(percent(&stage), 75);
    assert!(matches!(
        say(&mut stage, 10),
        Err(Rejection::LateResult { .. })
    ));
    stage.succeed("b", json!({}));
    assert_eq!(percent(&stage), 100);
}

#[test]
fn each_attempt_keeps_its_input_and_its_outcome() {
    let mut stage = Stage::start(retried(with(read("a"), "with", json!({ "n": "=1 + 1" }))));
    stage.fail("a", "busy");
    stage.after_ms(0);
    stage.succeed("a", json!({}));
    let attempts = &stage.step("a").attempts;
    assert!(matches!(attempts[0].outcome, AttemptOutcome::Failed { .. }));
    assert_eq!(attempts[1].outcome, AttemptOutcome::Succeeded);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.input == json!({ "n": 2 }))
    );
}
