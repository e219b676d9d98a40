//! What is done elsewhere: by another run, by somebody outside; and waiting for one's turn among all runs.

use serde_json::{Value, json};

use super::stage::{Stage, edge, read, with, workflow};
use crate::engine::command::{Command, Effect, Rejection, Report, RoomOf};
use crate::engine::decide::effects_under_way;
use crate::engine::event::{EndReason, EndState, Origin};
use crate::engine::failure::StepError;
use crate::engine::fork::{self, ForkError};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::limits::RUN_DEPTH_MAX;
use crate::engine::state::{End, RunStatus, StepStatus};

fn subworkflow() -> Value {
    json!({ "id": "sub", "kind": "subworkflow", "workflow": "other", "version": 2, "with": { "x": "$input.x" } })
}

fn external() -> Value {
    json!({ "id": "job", "kind": "external", "with": { "what": "count" }, "timeout_ms": 60_000 })
}

/// The run that the step has asked to be started.
fn child(stage: &Stage) -> RunId {
    match stage.others.last() {
        Some(Effect::StartRun { run_id, .. }) => run_id.clone(),
        other => panic!("no run was to be started: {other:?}"),
    }
}

fn ended(stage: &mut Stage, run_id: RunId, end: End) -> Result<(), Rejection> {
    let step = StepPath::new("sub");
    stage
        .submit(Command::RunEnded { step, run_id, end })
        .map(|_| ())
}

fn end(state: EndState, reason: Option<EndReason>, output: Value) -> End {
    End {
        state,
        reason,
        message: Some("so it was".to_owned()),
        output,
    }
}

fn report(stage: &mut Stage, report: Report) -> Result<(), Rejection> {
    let step = StepPath::new("job");
    stage.submit(Command::Report { step, report }).map(|_| ())
}

#[test]
fn a_subworkflow_is_a_run_of_its_own_and_its_output_is_the_steps() {
    let document = workflow([subworkflow(), read("after")], [edge("sub", "after")]);
    let mut stage = Stage::start_with(document, json!({ "x": 5 }));
    let Some(Effect::StartRun {
        workflow,
        version,
        input,
        depth,
        ..
    }) = stage.others.last()
    else {
        panic!("a run is to be started: {:?}", stage.others);
    };
    assert_eq!((workflow.as_str(), *version, *depth), ("other", Some(2), 1));
    assert_eq!(*input, json!({ "x": 5 }));
    assert_eq!(stage.status("sub"), StepStatus::InProgress);
    let run = child(&stage);
    let stranger = ended(
        &mut stage,
        RunId::new("stranger"),
        end(EndState::Completed, None, json!(1)),
    );
    assert!(matches!(stranger, Err(Rejection::LateResult { .. })));
    ended(
        &mut stage,
        run.clone(),
        end(EndState::Completed, None, json!({ "y": 6 })),
    )
    .expect("its run");
    assert_eq!(stage.output("sub"), json!({ "y": 6 }));
    assert_eq!(stage.status("after"), StepStatus::InProgress);
    let twice = ended(&mut stage, run, end(EndState::Completed, None, json!(1)));
    assert!(matches!(twice, Err(Rejection::LateResult { .. })));
}

#[test]
fn a_subworkflow_that_fails_fails_the_step_for_the_same_reason() {
    let mut stage = Stage::start_with(workflow([subworkflow()], []), json!({ "x": 5 }));
    let run = child(&stage);
    let failed = end(EndState::Failed, Some(EndReason::Rejected), json!(null));
    ended(&mut stage, run, failed).expect("its run");
    assert_eq!(stage.error("sub").code, "rejected");
    assert_eq!(stage.end().1, Some(EndReason::Rejected));
}

#[test]
fn cancelling_a_run_stops_the_runs_it_has_started() {
    let mut stage = Stage::start_with(workflow([subworkflow()], []), json!({ "x": 5 }));
    stage.cancel();
    assert_eq!(stage.stops, ["sub"]);
    let run = child(&stage);
    ended(&mut stage, run, end(EndState::Cancelled, None, json!(null))).expect("its run");
    assert_eq!(stage.end().0, EndState::Cancelled);
}

#[test]
fn runs_do_not_start_runs_for_ever() {
    let mut stage = Stage::new(workflow([subworkflow()], []));
    let origin = Origin::Parent {
        run_id: RunId::new("above"),
        step: StepPath::new("sub"),
        depth: RUN_DEPTH_MAX,
        root: None,
    };
    let start = Command::Start {
        input: json!({ "x": 1 }),
        actor: "run above".to_owned(),
        origin: Some(origin),
        kept: Default::default(),
    };
    stage.submit(start).expect("it starts");
    assert_eq!(stage.error("sub").code, "too_deep");
}

#[test]
fn what_a_run_has_started_is_watched_again_when_it_is_taken_up() {
    let stage = Stage::start_with(workflow([subworkflow()], []), json!({ "x": 5 }));
    assert_eq!(effects_under_way(&stage.plan, &stage.state), stage.others);
}

#[test]
fn somebody_outside_reports_and_ends_an_external_step() {
    let mut stage = Stage::start(workflow(
        [external(), read("after")],
        [edge("job", "after")],
    ));
    assert_eq!(stage.status("job"), StepStatus::WaitingForExternal);
    assert_eq!(stage.run(), RunStatus::Waiting);
    assert!(stage.calls.is_empty() && stage.others.is_empty());
    let doing = Report::Progressed {
        percent: 40,
        doing: "row 4 of 10".to_owned(),
    };
    report(&mut stage, doing).expect("it waits");
    assert_eq!(stage.step("job").percent, 40);
    report(
        &mut stage,
        Report::Succeeded {
            output: json!({ "rows": 10 }),
        },
    )
    .expect("it waits");
    assert_eq!(stage.output("job"), json!({ "rows": 10 }));
    let again = report(&mut stage, Report::Succeeded { output: json!(1) });
    assert_eq!(again, Err(Rejection::NotExternal(StepPath::new("job"))));
}

#[test]
fn an_external_step_fails_when_told_so_or_when_its_time_is_over() {
    let mut stage = Stage::start(workflow([external()], []));
    let error = StepError::new("no_rows", "there was nothing to count");
    report(&mut stage, Report::Failed { error }).expect("it waits");
    assert_eq!(stage.error("job").code, "no_rows");

    let mut stage = Stage::start(workflow([external()], []));
    stage.after_ms(60_000);
    assert_eq!(stage.error("job").code, "timeout");
    assert_eq!(stage.end().1, Some(EndReason::Timeout));
}

#[test]
fn nobody_outside_can_answer_for_a_tool() {
    let mut stage = Stage::start(workflow([with(read("job"), "name", json!("Job"))], []));
    let forged = report(
        &mut stage,
        Report::Succeeded {
            output: json!("forged"),
        },
    );
    assert_eq!(forged, Err(Rejection::NotExternal(StepPath::new("job"))));
}

fn limited() -> Value {
    with(
        read("a"),
        "concurrency",
        json!({ "max": 1, "key": "=input.host" }),
    )
}

#[test]
fn a_call_with_a_bound_over_all_runs_waits_until_it_is_admitted() {
    let mut stage = Stage::start_with(workflow([limited()], []), json!({ "host": "db-1" }));
    assert!(stage.calls.is_empty());
    assert_eq!(stage.status("a"), StepStatus::Queued);
    assert_eq!(stage.step("a").waits_for.as_deref(), Some("db-1"));
    let Some(Effect::AskForRoom {
        step: Some(step),
        rooms,
    }) = stage.others.last().cloned()
    else {
        panic!("it asks for room: {:?}", stage.others);
    };
    assert_eq!(rooms[0].of, RoomOf::Key("db-1".to_owned()));
    assert_eq!(effects_under_way(&stage.plan, &stage.state), stage.others);
    stage
        .submit(Command::Admit { step: Some(step) })
        .expect("it waits");
    assert_eq!(stage.calls, [("a".to_owned(), 1)]);
}

#[test]
fn being_admitted_means_nothing_to_a_run_that_is_paused_or_ends() {
    let mut stage = Stage::start_with(workflow([limited()], []), json!({ "host": "db-1" }));
    let admit = || Command::Admit {
        step: Some(StepPath::new("a")),
    };
    let (actor, comment) = ("ann".to_owned(), String::new());
    stage
        .submit(Command::Pause {
            actor: actor.clone(),
            comment: comment.clone(),
        })
        .expect("it runs");
    stage.submit(admit()).expect("it is heard");
    assert!(stage.calls.is_empty());
    stage
        .submit(Command::Resume { actor, comment })
        .expect("it is paused");
    assert_eq!(stage.others.len(), 2, "it asks again");
    stage.submit(admit()).expect("it waits");
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_run_waits_for_its_turn_among_the_runs_of_its_workflow() {
    let mut document = workflow([read("a")], []);
    document["concurrency"] = json!({ "max": 1, "key": "$input.customer" });
    let mut stage = Stage::start_with(document, json!({ "customer": "acme" }));
    assert_eq!(stage.run(), RunStatus::Pending);
    assert!(stage.calls.is_empty());
    let Some(Effect::AskForRoom { step: None, rooms }) = stage.others.last() else {
        panic!("it asks for room: {:?}", stage.others);
    };
    assert_eq!(rooms[0].of, RoomOf::Workflow(Some("acme".to_owned())));
    stage
        .submit(Command::Admit { step: None })
        .expect("it waits");
    assert_eq!(stage.calls.len(), 1);
    stage
        .submit(Command::Admit { step: None })
        .expect("twice is once");
    assert_eq!(stage.calls.len(), 1);
}

#[test]
fn a_fork_takes_over_what_was_done_before_and_asks_gates_anew() {
    let steps = [
        read("a"),
        json!({ "id": "ask", "kind": "human_gate" }),
        read("b"),
        read("c"),
    ];
    let document = workflow(steps, [edge("a", "ask"), edge("ask", "b"), edge("b", "c")]);
    let mut first = Stage::start(document.clone());
    first.succeed("a", json!("A"));
    first
        .decide("ask", crate::engine::event::Decision::Approve)
        .expect("it is open");
    first.succeed("b", json!("B"));
    first.fail("c", "broken");
    let kept = fork::kept(&first.state, &StepPath::new("c")).expect("there is such a step");
    assert_eq!(
        kept.keys().map(StepPath::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let nowhere = fork::kept(&first.state, &StepPath::new("d"));
    assert_eq!(nowhere, Err(ForkError::UnknownStep(StepPath::new("d"))));

    let mut second = Stage::new(document);
    let start = Command::Start {
        input: json!({}),
        actor: "ann".to_owned(),
        origin: Some(Origin::Fork {
            run_id: RunId::new("first"),
            step: StepPath::new("c"),
        }),
        kept,
    };
    second.submit(start).expect("it starts");
    assert_eq!(second.output("a"), json!("A"));
    assert_eq!(second.status("ask"), StepStatus::WaitingForApproval);
    assert!(second.calls.is_empty());
    second
        .decide("ask", crate::engine::event::Decision::Approve)
        .expect("it is open");
    assert!(second.step("b").kept);
    assert_eq!(second.calls, [("c".to_owned(), 1)]);
}

#[test]
fn a_fork_inside_a_map_or_a_loop_does_only_that_iteration_again() {
    let each = json!({
        "id": "each", "kind": "map", "over": [1, 2],
        "body": { "steps": [read("fetch"), read("then")], "edges": [edge("fetch", "then")] },
    });
    let mut first = Stage::start(workflow([each], []));
    for step in ["each.0.fetch", "each.1.fetch", "each.0.then", "each.1.then"] {
        first.succeed(step, json!(step));
    }
    let kept = fork::kept(&first.state, &StepPath::new("each.1.then")).expect("a step");
    let names: Vec<&str> = kept.keys().map(StepPath::as_str).collect();
    assert_eq!(names, ["each.0.fetch", "each.0.then", "each.1.fetch"]);

    let again = json!({
        "id": "again", "kind": "loop", "until": "probe.ok", "body": { "steps": [read("probe")] },
    });
    let mut first = Stage::start(workflow([again], []));
    for (round, ok) in [false, false, true].into_iter().enumerate() {
        first.succeed(&format!("again.{round}.probe"), json!({ "ok": ok }));
    }
    let kept = fork::kept(&first.state, &StepPath::new("again.1.probe")).expect("a step");
    assert_eq!(
        kept.keys().map(StepPath::as_str).collect::<Vec<_>>(),
        ["again.0.probe"]
    );
}

#[test]
fn a_fork_works_its_ways_out_anew_and_takes_over_only_what_is_the_same_work() {
    let check = json!({ "id": "check", "kind": "condition", "expression": "input.amount > 1000" });
    let steps = [
        check,
        json!({ "id": "ask", "kind": "human_gate" }),
        read("pay"),
    ];
    let document = workflow(
        steps,
        [
            super::stage::when("check", "ask", "check.result"),
            super::stage::default("check", "pay"),
        ],
    );
    let mut first = Stage::start_with(document, json!({ "amount": 10 }));
    first.fail("pay", "broken");
    let kept = fork::kept(&first.state, &StepPath::new("pay")).expect("a step");
    assert!(kept.is_empty(), "the condition is asked again: {kept:?}");

    let was = Stage::new(workflow([read("a"), read("b")], [edge("a", "b")]));
    let gated = Stage::new(workflow(
        [json!({ "id": "a", "kind": "human_gate" }), read("b")],
        [edge("a", "b")],
    ));
    let kept = || [(StepPath::new("a"), json!(1))].into_iter().collect();
    let (was, becomes) = (&was.plan.outline, &gated.plan.outline);
    assert_eq!(fork::fitting(kept(), was, was, true).len(), 1);
    assert_eq!(fork::fitting(kept(), was, becomes, true).len(), 0);
}

#[test]
fn a_run_that_was_cancelled_before_the_process_died_tells_its_own_runs_to_stop_once_more() {
    let mut stage = Stage::start_with(workflow([subworkflow()], []), json!({ "x": 5 }));
    stage.cancel();
    let effects = effects_under_way(&stage.plan, &stage.state);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::StartRun { .. }, Effect::Stop { attempt: 1, .. }]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_report_from_outside_says_nothing_in_the_servers_name() {
    let job = json!({ "id": "job", "kind": "external" });
    let mut stage = Stage::start(workflow([job], []));
    for code in ["outcome_unknown", "Not A Word"] {
        let error = StepError::new(code, "they say");
        let refused = report(&mut stage, Report::Failed { error });
        assert!(
            matches!(refused, Err(Rejection::InvalidErrorCode { .. })),
            "{refused:?}"
        );
    }
    let error = StepError::new("disk_full", "they say");
    report(&mut stage, Report::Failed { error }).expect("a word of their own");
    assert_eq!(stage.error("job").code, "disk_full");
}

#[test]
fn a_run_knows_the_uppermost_run_above_it() {
    let origin = |root: Option<&str>| Origin::Parent {
        run_id: RunId::new("above"),
        step: StepPath::new("sub"),
        depth: 1,
        root: root.map(RunId::new),
    };
    let mut stage = Stage::start(workflow([read("a")], []));
    assert_eq!(stage.state.root(), None);
    stage.state.origin = Some(origin(None));
    assert_eq!(stage.state.root(), Some(&RunId::new("above")));
    stage.state.origin = Some(origin(Some("top")));
    assert_eq!(stage.state.root(), Some(&RunId::new("top")));
    let old = json!({ "because": "parent", "run_id": "above", "step": "sub", "depth": 1 });
    assert_eq!(serde_json::to_value(origin(None)).expect("JSON"), old);
}
