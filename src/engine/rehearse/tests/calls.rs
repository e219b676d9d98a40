//! Answers of tools, other runs and somebody outside: retries, time limits, doubt, crashes.

use serde_json::json;

use super::stage::{
    by_hand, call, fails, gate, resolves, returns, scripted, side_by_side, with, workflow,
};
use crate::engine::event::Resolution;
use crate::engine::ids::StepPath;
use crate::engine::rehearse::answer::Says;
use crate::engine::rehearse::case::Deed;
use crate::engine::rehearse::{Asked, Intent, Refusal};
use crate::engine::state::{AttemptOutcome, RunStatus, StepStatus};
use crate::engine::tool::EffectClass;
use crate::engine::workflow::Concurrency;

#[test]
fn a_call_is_asked_with_what_it_would_be_made_with() {
    let workflow = workflow(
        [with(
            call("pay", "t.effect"),
            json!({ "with": { "to": "$input.to" } }),
        )],
        [],
    );
    let mut rehearsal = scripted(&workflow, json!({ "input": { "to": "ann" } }));
    let Some(Asked::Call(asked)) = rehearsal.question("pay") else {
        panic!("{:?}", rehearsal.question("pay"));
    };
    assert_eq!((asked.tool.as_str(), asked.attempt), ("t.effect", 1));
    assert_eq!(asked.input, json!({ "to": "ann" }));
    assert_eq!(asked.effect, EffectClass::Effect);
    assert_eq!(
        rehearsal.run(),
        RunStatus::Running,
        "nothing happens by itself"
    );
    rehearsal.run_until_asked().expect("it is short");
    assert_eq!(
        rehearsal.output(),
        json!({ "ok": true }),
        "an example of what it gives"
    );
    assert_eq!(rehearsal.log().len() as u32, rehearsal.state().seq);
}

#[test]
fn what_the_tool_would_not_take_for_a_success_fails_as_in_a_real_run() {
    let mut rehearsal = by_hand(&workflow([call("a", "t.web")], []));
    rehearsal
        .say("a", returns(json!({ "status": 503 })))
        .expect("it asks");
    let error = rehearsal.step("a").error.clone().expect("it has failed");
    assert_eq!(error.code, "unexpected_status");
    assert_eq!(error.data, Some(json!({ "status": 503 })));
    assert_eq!(rehearsal.run(), RunStatus::Failed);

    let lenient = json!({ "with": { "expect_status": ["500-599"] } });
    let lenient = workflow([with(call("a", "t.web"), lenient)], []);
    let mut rehearsal = by_hand(&lenient);
    rehearsal
        .say("a", returns(json!({ "status": 503 })))
        .expect("it asks");
    assert_eq!(rehearsal.output(), json!({ "status": 503 }));
    // An example is one that the call would give.
    for (workflow, status) in [(workflow([call("a", "t.web")], []), 200), (lenient, 500)] {
        let mut rehearsal = scripted(&workflow, json!({}));
        rehearsal.run_to_the_end().expect("it is short");
        assert_eq!(rehearsal.output(), json!({ "status": status }));
    }
}

#[test]
fn a_failed_call_is_made_again_when_the_clock_comes_there() {
    let retry = json!({ "retry": { "max_attempts": 3, "base_ms": 1000, "cap_ms": 4000 } });
    let mut rehearsal = by_hand(&workflow([with(call("a", "t.read"), retry)], []));
    assert_eq!(
        rehearsal.jump_to_next(),
        Ok(true),
        "only its time limit is left"
    );
    assert_eq!(rehearsal.elapsed_ms(), 5_000, "which is the tool's");
    assert_eq!(rehearsal.status("a"), StepStatus::Retrying);
    rehearsal.run_until_asked().expect("it is short");
    assert!(
        (5_000..=6_000).contains(&rehearsal.elapsed_ms()),
        "with jitter"
    );
    rehearsal.say("a", fails("busy")).expect("it asks");
    assert_eq!(rehearsal.status("a"), StepStatus::Retrying);
    assert!(
        rehearsal.say("a", fails("busy")).is_err(),
        "it asks nothing now"
    );
    rehearsal.run_until_asked().expect("it is short");
    assert_eq!(rehearsal.step("a").made, 3);
    rehearsal.say("a", returns(json!(7))).expect("it asks");
    assert_eq!(
        (rehearsal.run(), rehearsal.output()),
        (RunStatus::Completed, json!(7))
    );
}

#[test]
fn another_seed_waits_another_time_and_the_same_seed_the_same() {
    let retry = json!({ "retry": { "max_attempts": 9, "base_ms": 60_000 } });
    let workflow = workflow([with(call("a", "t.read"), retry)], []);
    let took = |seed: u32| {
        let given = json!({ "seed": seed, "steps": { "a": [{ "fails": { "code": "busy" } }, { "returns": 1 }] } });
        let mut rehearsal = scripted(&workflow, given);
        rehearsal.run_to_the_end().expect("it is short");
        rehearsal.elapsed_ms()
    };
    assert_eq!(took(1), took(1));
    assert_ne!(took(1), took(2));
}

#[test]
fn an_answer_that_takes_too_long_comes_too_late() {
    let limit = json!({ "timeout_ms": 1_000 });
    let workflow = workflow([with(call("a", "t.read"), limit)], []);
    let late = json!({ "steps": { "a": { "returns": 1, "after_ms": 1_001 } } });
    let mut rehearsal = scripted(&workflow, late);
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.elapsed_ms(), 1_000);
    assert_eq!(
        rehearsal
            .step("a")
            .error
            .as_ref()
            .map(|error| error.code.as_str()),
        Some("timeout")
    );
    // What comes at the last moment counts before the timer.
    let just = json!({ "steps": { "a": { "returns": 1, "after_ms": 1_000 } } });
    let mut rehearsal = scripted(&workflow, just);
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.run(), RunStatus::Completed);
}

#[test]
fn a_lost_answer_is_put_to_a_person() {
    for (resolution, run) in [
        (Resolution::Happened, RunStatus::Completed),
        (Resolution::DidNot, RunStatus::Failed),
        (Resolution::Retry, RunStatus::Running),
    ] {
        let mut rehearsal = by_hand(&workflow([call("pay", "t.effect")], []));
        rehearsal
            .say("pay", Says::Lost("cut off".to_owned()))
            .expect("it asks");
        assert!(matches!(
            rehearsal.question("pay"),
            Some(Asked::Doubt { .. })
        ));
        let unfit = rehearsal.say("pay", returns(json!(1)));
        assert!(
            matches!(unfit, Err(Refusal::DoesNotFit { .. })),
            "{unfit:?}"
        );
        rehearsal.say("pay", resolves(resolution)).expect("it asks");
        assert_eq!(rehearsal.run(), run);
    }
}

#[test]
fn after_a_crash_a_read_is_made_again_and_an_effect_is_in_doubt() {
    let workflow = side_by_side([call("read", "t.read"), call("pay", "t.effect")]);
    let slow = json!({ "returns": 1, "after_ms": 1_000 });
    let mut rehearsal = scripted(&workflow, json!({ "steps": { "read": slow, "pay": slow } }));
    rehearsal.jump_by(300).expect("it is short");
    rehearsal.act(Deed::Crash, "", "").expect("never refused");
    assert_eq!(
        rehearsal.step("read").attempts[0].outcome,
        AttemptOutcome::Interrupted
    );
    assert_eq!(rehearsal.step("read").made, 2);
    assert_eq!(rehearsal.status("pay"), StepStatus::OutcomeUnknown);
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(
        rehearsal.elapsed_ms(),
        1_301,
        "its answer takes as long again"
    );
    assert_eq!(rehearsal.status("read"), StepStatus::Completed);
    assert_eq!(rehearsal.askers(), ["pay"], "it is still not known");
    assert_eq!(
        rehearsal.waits_for(),
        ["`pay` waits for a person to say whether it happened"]
    );
}

#[test]
fn whoever_works_elsewhere_does_not_notice_a_crash() {
    let mut rehearsal = by_hand(&side_by_side([
        json!({ "id": "other", "kind": "subworkflow", "workflow": "w", "with": { "x": 1 } }),
        json!({ "id": "outside", "kind": "external" }),
        gate("ask"),
    ]));
    let before = rehearsal.log().len();
    rehearsal.act(Deed::Crash, "", "").expect("never refused");
    assert_eq!(rehearsal.log().len(), before);
    let Some(Asked::Run {
        workflow, input, ..
    }) = rehearsal.question("other")
    else {
        panic!("it runs another workflow");
    };
    assert_eq!((workflow.as_str(), input), ("w", json!({ "x": 1 })));
    assert!(rehearsal.say("other", Says::Lost(String::new())).is_err());
    rehearsal.say("other", returns(json!(1))).expect("it asks");
    let own_code = rehearsal.say("outside", fails("timeout"));
    assert!(
        matches!(own_code, Err(Refusal::Rejected(_))),
        "{own_code:?}"
    );
    assert_eq!(rehearsal.refused(), [], "it was said to whoever asked");
    rehearsal
        .say("outside", returns(json!(2)))
        .expect("it still asks");
    assert_eq!(rehearsal.askers(), ["ask"]);
}

#[test]
fn each_item_has_its_own_answer_or_the_next_of_the_step() {
    let each = json!({ "id": "each", "kind": "map", "over": "$input.hosts", "on_item_error": "continue",
        "body": { "steps": [call("probe", "t.read")] } });
    let workflow = workflow([each], []);
    let input = json!({ "hosts": ["a", "b", "c"] });
    let given = json!({ "input": input, "steps": {
        "probe": [{ "returns": "first" }, { "returns": "other" }],
        "each.1.probe": { "fails": { "code": "unreachable", "message": "no answer" } },
    } });
    let mut rehearsal = scripted(&workflow, given);
    assert_eq!(
        rehearsal.askers(),
        ["each.0.probe", "each.1.probe", "each.2.probe"]
    );
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.step("each.0.probe").output, Some(json!("first")));
    assert_eq!(rehearsal.status("each.1.probe"), StepStatus::Failed);
    assert_eq!(rehearsal.step("each.2.probe").output, Some(json!("other")));
    let case = rehearsal.as_case("c").expect("it is short");
    assert_eq!(case.expect.calls[&StepPath::new("probe")], 3);
}

#[test]
fn a_choice_holds_for_what_has_not_been_asked_yet() {
    let workflow = workflow([call("a", "t.read"), call("b", "t.read")], [("a", "b")]);
    let mut rehearsal = scripted(&workflow, json!({}));
    for step in ["a", "b"] {
        let answers = returns(json!({ "ok": false })).after_ms(500).into();
        rehearsal.choose(StepPath::new(step), Some(answers));
    }
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.step("a").output, Some(json!({ "ok": true })));
    assert_eq!(rehearsal.step("b").output, Some(json!({ "ok": false })));
    assert_eq!(rehearsal.elapsed_ms(), 500);
}

#[test]
fn what_is_going_to_be_said_can_be_changed_until_it_is() {
    let mut rehearsal = by_hand(&workflow([call("a", "t.read")], []));
    let a = StepPath::new("a");
    rehearsal
        .intend(&a, returns(json!(1)).after_ms(900))
        .expect("it asks");
    rehearsal.jump_by(100).expect("it is short");
    rehearsal
        .intend(&a, returns(json!(2)).after_ms(400))
        .expect("it asks");
    let due = rehearsal
        .asked()
        .map(|ask| ask.intent.clone())
        .collect::<Vec<_>>();
    assert!(
        matches!(&due[..], [Intent::Says { due_ms: 400, .. }]),
        "{due:?}"
    );
    rehearsal.run_until_asked().expect("it is short");
    assert_eq!(
        (rehearsal.elapsed_ms(), rehearsal.output()),
        (400, json!(2))
    );
}

#[test]
fn a_cancelled_read_stops_and_an_effect_has_its_time_to_stop() {
    let steps = [call("read", "t.read"), call("pay", "t.effect")];
    let mut rehearsal = by_hand(&side_by_side(steps.clone()));
    rehearsal
        .act(Deed::Cancel, "ann", "enough")
        .expect("it runs");
    assert_eq!(rehearsal.run(), RunStatus::Cancelling);
    rehearsal.jump_by(0).expect("it is short");
    assert_eq!(rehearsal.status("read"), StepStatus::Cancelled);
    let Some(Asked::Call(pay)) = rehearsal.question("pay") else {
        panic!("it is still asked");
    };
    assert!(pay.told_to_stop);
    rehearsal.run_to_the_end().expect("it is short");
    assert_eq!(rehearsal.run(), RunStatus::Cancelled);
    assert_eq!(rehearsal.elapsed_ms(), 10_001, "the grace time");
    assert_eq!(rehearsal.status("pay"), StepStatus::Failed, "in doubt");

    let mut rehearsal = by_hand(&side_by_side(steps));
    rehearsal.act(Deed::Cancel, "ann", "").expect("it runs");
    rehearsal
        .say("pay", returns(json!(1)))
        .expect("it still asks");
    assert_eq!(
        rehearsal.status("pay"),
        StepStatus::Completed,
        "it took place"
    );
    assert_eq!(rehearsal.run(), RunStatus::Cancelled);
}

#[test]
fn rooms_are_never_full() {
    let limited = json!({ "concurrency": { "max": 1, "key": "db" } });
    let mut workflow = side_by_side([
        with(call("a", "t.read"), limited.clone()),
        with(call("b", "t.read"), limited),
    ]);
    workflow.concurrency = Some(Concurrency { max: 1, key: None });
    workflow.max_in_flight = Some(2);
    let mut rehearsal = by_hand(&workflow);
    assert_eq!(rehearsal.askers(), ["a", "b"]);
    rehearsal.act(Deed::Crash, "", "").expect("never refused");
    assert_eq!(rehearsal.askers(), ["a", "b"]);
    rehearsal.say("a", returns(json!(1))).expect("it asks");
    rehearsal.say("b", returns(json!(2))).expect("it asks");
    assert_eq!(rehearsal.output(), json!({ "a": 1, "b": 2 }));
}
