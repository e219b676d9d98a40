//! What has taken place outside stays known, also where what it gave cannot be kept: it is undone with the rest, and
//! not done a second time unasked.

use serde_json::{Value, json};

use super::stage::{Stage, edge, effect, read, when, with, workflow};
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{EndState, Event, Resolution};
use crate::engine::ids::StepPath;
use crate::engine::limits::OUTPUT_BYTES_MAX;
use crate::engine::state::{AttemptOutcome, StepStatus};

fn too_large() -> Value {
    json!({ "log": "x".repeat(OUTPUT_BYTES_MAX) })
}

fn undoable(step: Value) -> Value {
    let undo = json!({ "tool": "t.effect", "with": { "what": "$input.what" } });
    with(step, "compensate", undo)
}

/// `deploy`, and what comes after it.
fn deployment(next: Value) -> Value {
    let id = next["id"].as_str().expect("a name").to_owned();
    let mut document = workflow([undoable(effect("deploy")), next], [edge("deploy", &id)]);
    document["compensate"] = json!(true);
    document
}

fn start(document: Value) -> Stage {
    Stage::start_with(document, json!({ "what": "v2" }))
}

fn calls_of(stage: &Stage, step: &str) -> usize {
    stage.calls.iter().filter(|(made, _)| made == step).count()
}

fn retry(stage: &mut Stage) {
    let (actor, comment) = ("ann".to_owned(), String::new());
    let retried = stage.submit(Command::Retry { actor, comment });
    retried.expect("it has failed");
}

fn resolve(stage: &mut Stage, step: &str, resolution: Resolution) {
    let resolved = stage.submit(Command::ResolveOutcome {
        step: StepPath::new(step),
        resolution,
        actor: "ann".to_owned(),
        comment: String::new(),
    });
    resolved.expect("it is asked");
}

#[test]
fn an_effect_whose_output_is_too_large_is_undone() {
    let mut stage = start(deployment(read("check")));
    stage.succeed("deploy", too_large());
    assert_eq!(stage.status("deploy"), StepStatus::Failed);
    assert_eq!(stage.error("deploy").code, "output_too_large");
    let attempt = &stage.step("deploy").attempts[0];
    assert_eq!(attempt.outcome, AttemptOutcome::Succeeded);
    assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
    let undo = &stage.step("deploy.undo").attempts[0];
    assert_eq!(undo.input, json!({ "what": "v2" }));
    stage.succeed("deploy.undo", json!(null));
    assert_eq!(stage.end().0, EndState::Failed);
    let message = stage.state.end.as_ref().and_then(|end| end.message.clone());
    assert!(message.expect("a sentence").ends_with("undone (1 step)."));
}

#[test]
fn so_is_one_behind_which_no_way_can_be_chosen() {
    let mut document = deployment(read("check"));
    document["edges"] = json!([when("deploy", "check", "deploy.nothing > 1")]);
    let mut stage = start(document);
    stage.succeed("deploy", json!({}));
    assert_eq!(stage.error("deploy").code, "condition_failed");
    assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
}

#[test]
fn one_that_ends_while_others_are_stopped_is_undone_first() {
    let split = json!({ "id": "split", "kind": "parallel" });
    let mut document = workflow(
        [split, undoable(effect("deploy")), effect("other")],
        [edge("split", "deploy"), edge("split", "other")],
    );
    document["compensate"] = json!(true);
    let mut stage = start(document);
    stage.fail("other", "broken");
    assert_eq!(stage.stops, ["deploy"]);
    stage.succeed("deploy", too_large());
    assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
}

#[test]
fn what_only_looked_is_not_undone() {
    let mut document = deployment(read("check"));
    document["steps"][0]["tool"] = json!("t.read");
    let mut stage = start(document);
    stage.succeed("deploy", too_large());
    assert_eq!(calls_of(&stage, "deploy.undo"), 0);
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn whoever_has_the_run_retried_is_asked_before_it_is_done_again() {
    let document = workflow([effect("deploy"), read("check")], [edge("deploy", "check")]);
    let mut stage = start(document);
    stage.succeed("deploy", too_large());
    assert_eq!(stage.end().0, EndState::Failed);
    let skip = stage.submit(Command::Skip {
        step: StepPath::new("deploy"),
        actor: "ann".to_owned(),
        comment: String::new(),
    });
    assert!(matches!(skip, Err(Rejection::NotSkippable { .. })));
    retry(&mut stage);
    assert_eq!(calls_of(&stage, "deploy"), 1);
    assert_eq!(stage.status("deploy"), StepStatus::OutcomeUnknown);
    let asked = stage.step("deploy").unknown.clone().expect("a question");
    assert!(asked.contains("took place"), "{asked}");
    resolve(&mut stage, "deploy", Resolution::Happened);
    assert_eq!(stage.status("check"), StepStatus::InProgress);
    assert_eq!(calls_of(&stage, "deploy"), 1);
}

#[test]
fn what_may_be_repeated_is_repeated_and_undone_once() {
    let mut document = deployment(read("check"));
    document["compensate"] = json!(false);
    document["steps"][0]["tool"] = json!("t.put");
    document["steps"][1]["on_error"] = json!("compensate");
    let mut stage = start(document);
    stage.succeed("deploy", too_large());
    retry(&mut stage);
    assert_eq!(calls_of(&stage, "deploy"), 2);
    stage.succeed("deploy", json!(1));
    stage.fail("check", "broken");
    stage.succeed("deploy.undo", json!(null));
    let message = stage.state.end.as_ref().and_then(|end| end.message.clone());
    assert!(message.expect("a sentence").ends_with("undone (1 step)."));
}

#[test]
fn what_somebody_says_did_not_happen_is_not_undone() {
    let mut document = deployment(read("check"));
    document["compensate"] = json!(false);
    let mut stage = start(document);
    stage.succeed("deploy", too_large());
    retry(&mut stage);
    stage.plan.compensate = true;
    resolve(&mut stage, "deploy", Resolution::DidNot);
    assert_eq!(calls_of(&stage, "deploy.undo"), 0);
    assert_eq!(stage.end().0, EndState::Failed);
}

#[test]
fn that_a_second_attempt_did_not_happen_says_nothing_of_the_first() {
    let split = json!({ "id": "split", "kind": "parallel" });
    let mut deploy = undoable(effect("deploy"));
    deploy["tool"] = json!("t.put");
    let other = with(read("other"), "on_error", json!("compensate"));
    let document = workflow(
        [split, deploy, other],
        [edge("split", "deploy"), edge("split", "other")],
    );
    let mut stage = start(document);
    stage.succeed("deploy", too_large());
    assert_eq!(stage.end().0, EndState::Failed);
    retry(&mut stage);
    assert_eq!(calls_of(&stage, "deploy"), 2);
    stage.fail("other", "broken");
    stage.lose("deploy");
    resolve(&mut stage, "deploy", Resolution::DidNot);
    assert_eq!(stage.status("deploy.undo"), StepStatus::InProgress);
}

#[test]
fn an_undo_that_says_too_much_has_undone_all_the_same() {
    let mut stage = start(deployment(read("check")));
    stage.succeed("deploy", json!(1));
    stage.fail("check", "broken");
    stage.succeed("deploy.undo", too_large());
    assert_eq!(stage.status("deploy.undo"), StepStatus::Completed);
    let output = stage.output("deploy.undo").to_string();
    assert!(output.contains("left_out") && output.len() < 500);
    assert_eq!(stage.end().0, EndState::Failed);
    assert_eq!(calls_of(&stage, "deploy.undo"), 1);
}

#[test]
fn a_cancelled_run_says_that_it_happened() {
    let mut stage = start(workflow([effect("deploy")], []));
    stage.cancel();
    stage.succeed("deploy", too_large());
    assert_eq!(stage.end().0, EndState::Cancelled);
    let outcome = &stage.step("deploy").attempts[0].outcome;
    assert_eq!(*outcome, AttemptOutcome::Succeeded);
    let failed = stage.events.iter().find_map(|event| {
        let Event::StepFailed { error, .. } = event else {
            return None;
        };
        Some(error.code.as_str())
    });
    assert_eq!(failed, Some("output_too_large"));
}
