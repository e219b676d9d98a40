//! Runs that have taken place, played on a draft.

use serde_json::{Value, json};

use super::random::{given, stock};
use crate::engine::event::{Decision, EndState, Event, Recorded};
use crate::engine::ids::StepPath;
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows::compiled;
use crate::engine::rehearse::answer::Says;
use crate::engine::rehearse::case::{Deed, Given};
use crate::engine::rehearse::{Course, Outcome, Rehearsal, Taken, Unscripted, impact};
use crate::engine::tool::{Catalogue, EffectClass, ToolSpec};
use crate::engine::workflow::Workflow;

fn taken(events: &[Recorded]) -> Taken {
    Taken {
        run_id: "r".into(),
        version: 1,
        events: events.to_vec(),
    }
}

#[test]
fn a_run_played_on_its_own_workflow_goes_the_same_way() {
    let (mut ended, mut failed, mut asked) = (0, 0, 0);
    for seed in 0..600 {
        let mut chance = Chance::new(seed);
        let stock = stock();
        let (workflow, _) = compiled(&mut chance, &stock);
        let given = Given {
            seed: 0,
            acts: Vec::new(),
            ..given(&mut chance, &workflow)
        };
        let tools = Unscripted::Example { after_ms: 7 };
        let mut rehearsal = Rehearsal::begin(&workflow, &stock.catalogue, &given, tools)
            .expect("a random workflow starts");
        rehearsal.run_until_asked().expect("it is short");
        for decision in [Decision::Approve, Decision::Reject, Decision::Approve] {
            let Some(step) = rehearsal.open().map(|ask| ask.step.clone()).next() else {
                break;
            };
            let says = Says::Decides {
                decision,
                by: "ann".to_owned(),
                comment: String::new(),
            };
            // Only gates and other runs are open here; those are left waiting.
            asked += u32::from(rehearsal.answer(&step, says).is_ok());
            rehearsal.run_until_asked().expect("it is short");
        }
        let end = rehearsal.state().end.as_ref().map(|end| end.state);
        ended += u32::from(end.is_some());
        failed += u32::from(end == Some(EndState::Failed));
        let runs = [taken(rehearsal.log())];
        let outcomes = impact(&workflow, &workflow, &stock.catalogue, &runs).expect("it compiles");
        assert_eq!(
            (outcomes[0].course, outcomes[0].differences.as_slice()),
            (Course::Same, &[][..]),
            "seed {seed}"
        );
    }
    assert!(
        ended > 200 && failed > 50 && asked > 50,
        "{ended} ended, {failed} failed, {asked} decided"
    );
}

fn tools() -> Catalogue {
    Catalogue::new([
        ToolSpec::plain("t.read", EffectClass::Read),
        ToolSpec::plain("t.tell", EffectClass::Effect),
    ])
}

/// Measures, and goes on to one of two steps; the way through `high` asks first.
fn measuring(over: u32) -> Value {
    json!({
        "name": "Measure",
        "inputs": { "type": "object", "properties": { "host": { "type": "string" } } },
        "steps": [
            { "id": "measure", "kind": "tool_call", "tool": "t.read", "with": {} },
            { "id": "fork", "kind": "condition", "expression": format!("measure.load > {over}") },
            { "id": "ask", "kind": "human_gate", "message": "Well?" },
            { "id": "tell", "kind": "tool_call", "tool": "t.tell", "with": {} },
        ],
        "edges": [
            { "from": "measure", "to": "fork" },
            { "from": "fork", "to": "ask", "when": "fork.result" },
            { "from": "fork", "to": "tell", "default": true },
        ],
    })
}

#[test]
fn a_moment_in_the_result_is_no_other_result() {
    let ending = |value: Value| {
        workflow(&json!({ "name": "End", "steps": [
            { "id": "read", "kind": "tool_call", "tool": "t.read", "with": {} },
            { "id": "end", "kind": "transform", "set": { "at": "$read.at", "count": value } },
        ], "edges": [{ "from": "read", "to": "end" }] }))
    };
    let mut rehearsal = Rehearsal::begin(
        &ending(json!(1)),
        &tools(),
        &Given::default(),
        Unscripted::Wait,
    )
    .expect("it starts");
    rehearsal.run_until_asked().expect("it is short");
    let says = Says::Returns(json!({ "at": "2026-11-22T21:20:23.123456Z" }));
    rehearsal
        .answer(&StepPath::new("read"), says)
        .expect("it is asked");
    let mut log = rehearsal.log().to_vec();
    for recorded in &mut log {
        if let Event::RunFinished { output, .. } = &mut recorded.event {
            output["at"] = json!("2026-11-22T21:20:23.123999Z");
        }
    }
    let played = |draft: &Workflow| {
        let outcomes = impact(&ending(json!(1)), draft, &tools(), &[taken(&log)]);
        outcomes.expect("it compiles").remove(0)
    };
    assert_eq!(played(&ending(json!(1))).course, Course::Same);
    let other = played(&ending(json!(2)));
    assert_eq!(other.course, Course::OtherResult);
    assert_eq!(
        other.differences,
        ["`/count` of the result was `1`; now: 2."]
    );
}

#[test]
fn an_answer_counts_for_the_draft_as_its_tool_would_take_it() {
    let asking = |expected: Value| {
        workflow(&json!({
            "name": "Ask",
            "steps": [{ "id": "ask", "kind": "tool_call", "tool": "t.web", "with": { "expect_status": expected } }],
        }))
    };
    let (strict, lenient) = (asking(json!(["200-299"])), asking(json!(["200-599"])));
    let catalogue = Catalogue::new([ToolSpec::web("t.web")]);
    let answered = |by: &Workflow, status: u32| {
        let mut rehearsal =
            Rehearsal::begin(by, &catalogue, &Given::default(), Unscripted::Wait).expect("starts");
        rehearsal.run_until_asked().expect("it is short");
        let says = Says::Returns(json!({ "status": status }));
        rehearsal
            .answer(&StepPath::new("ask"), says)
            .expect("asked");
        [taken(rehearsal.log())]
    };
    // What the tool has once taken for a success, for a reason of its own, it takes for one again.
    let mut log = answered(&strict, 200);
    for recorded in &mut log[0].events {
        if let Event::StepCompleted { output, .. } | Event::RunFinished { output, .. } =
            &mut recorded.event
        {
            *output = json!({ "status": 404 });
        }
    }
    let outcomes = impact(&strict, &strict, &catalogue, &log).expect("it compiles");
    assert_eq!(
        outcomes[0].course,
        Course::Same,
        "{:?}",
        outcomes[0].differences
    );
    for (before, draft, status, course) in [
        (&lenient, &strict, 503, Course::OtherPath),
        (&strict, &lenient, 503, Course::OtherPath),
        (&lenient, &strict, 200, Course::Same),
        (&strict, &strict, 503, Course::Same),
    ] {
        let outcomes = impact(before, draft, &catalogue, &answered(before, status));
        let outcomes = outcomes.expect("it compiles");
        assert_eq!(outcomes[0].course, course, "{:?}", outcomes[0].differences);
    }
}

fn workflow(document: &Value) -> Workflow {
    serde_json::from_value(document.clone()).expect("a workflow")
}

/// A run in which the load was 7.
fn measured(document: &Value) -> Vec<Recorded> {
    let mut rehearsal = Rehearsal::begin(
        &workflow(document),
        &tools(),
        &Given::default(),
        Unscripted::Wait,
    )
    .expect("it starts");
    rehearsal.run_until_asked().expect("it is short");
    for (step, output) in [("measure", json!({ "load": 7 })), ("tell", json!({}))] {
        if rehearsal.open().any(|ask| ask.step.as_str() == step) {
            rehearsal
                .answer(&StepPath::new(step), Says::Returns(output))
                .expect("it is asked");
            rehearsal.run_until_asked().expect("it is short");
        }
    }
    rehearsal.log().to_vec()
}

fn outcome(draft: &Value) -> Outcome {
    let before = measuring(10);
    let runs = [taken(&measured(&before))];
    let outcomes = impact(&workflow(&before), &workflow(draft), &tools(), &runs);
    outcomes.expect("it compiles").remove(0)
}

#[test]
fn another_threshold_stops_the_run_at_a_gate() {
    let outcome = outcome(&measuring(5));
    assert_eq!(outcome.course, Course::OtherGate);
    assert_eq!(
        outcome.differences,
        [
            "It stops at *Ask* for an answer that nobody gave then.",
            "*Tell* is skipped; it completed.",
        ]
    );
}

#[test]
fn a_step_that_fails_the_way_is_another_path() {
    let mut draft = measuring(10);
    draft["steps"][1]["expression"] = json!("measure.lod > 5");
    let outcome = outcome(&draft);
    assert_eq!(outcome.course, Course::OtherPath);
    assert_eq!(
        outcome.differences[0],
        "The run ends failed; it ended completed."
    );
}

#[test]
fn a_step_of_another_name_keeps_its_answers() {
    let text = measuring(10).to_string().replace("measure", "probe");
    let draft: Value = serde_json::from_str(&text).expect("JSON");
    let outcome = outcome(&draft);
    assert_eq!(
        (outcome.course, outcome.differences),
        (Course::Same, Vec::new())
    );
}

#[test]
fn a_new_step_is_told_of() {
    let mut draft = measuring(10);
    let steps = draft["steps"].as_array_mut().expect("steps");
    steps.push(json!({ "id": "note", "kind": "tool_call", "tool": "t.tell", "with": {} }));
    let edges = draft["edges"].as_array_mut().expect("edges");
    edges.push(json!({ "from": "tell", "to": "note" }));
    let outcome = outcome(&draft);
    assert_eq!(outcome.course, Course::OtherPath);
    assert!(
        outcome
            .differences
            .contains(&"*Note*, which is new, completes.".to_owned())
    );
}

#[test]
fn a_new_step_that_nobody_answers_keeps_the_run_from_its_end() {
    let mut draft = measuring(10);
    let steps = draft["steps"].as_array_mut().expect("steps");
    steps.push(json!({ "id": "report", "kind": "external", "timeout_ms": "never" }));
    let edges = draft["edges"].as_array_mut().expect("edges");
    edges.push(json!({ "from": "tell", "to": "report" }));
    let outcome = outcome(&draft);
    assert_eq!(outcome.course, Course::OtherPath);
    assert_eq!(
        outcome.differences,
        ["It waits at *Report* for an answer that nobody gave then."]
    );
}

#[test]
fn an_input_that_the_run_did_not_have_makes_it_impossible() {
    let mut draft = measuring(10);
    draft["inputs"]["required"] = json!(["host"]);
    let outcome = outcome(&draft);
    assert_eq!(
        (outcome.course, outcome.differences),
        (
            Course::Impossible,
            vec!["The input lacks `host`.".to_owned()]
        )
    );
}

#[test]
fn a_draft_that_does_not_compile_has_no_outcomes() {
    let mut draft = measuring(10);
    draft["steps"][0]["tool"] = json!("t.raed");
    let problems = impact(&workflow(&measuring(10)), &workflow(&draft), &tools(), &[]);
    let problems = problems.expect_err("it does not compile");
    assert_eq!(problems[0].code.to_string(), "unknown_tool");
}

#[test]
fn what_was_done_to_the_run_is_done_again() {
    let document = measuring(5);
    let mut rehearsal = Rehearsal::begin(
        &workflow(&document),
        &tools(),
        &Given::default(),
        Unscripted::Wait,
    )
    .expect("it starts");
    let measured = Says::Returns(json!({ "load": 7 }));
    rehearsal
        .answer(&StepPath::new("measure"), measured)
        .expect("it is asked");
    rehearsal.jump_by(2_000).expect("it is short");
    rehearsal
        .act(Deed::Cancel, "ann", "enough")
        .expect("it runs");
    rehearsal.run_to_the_end().expect("it is short");
    let told = Given::of_log(rehearsal.log()).expect("a log");
    assert_eq!(told.acts.len(), 1);
    assert_eq!(told.acts[0].deed, Deed::Cancel);
    let runs = [taken(rehearsal.log())];
    let same = impact(&workflow(&document), &workflow(&document), &tools(), &runs);
    assert_eq!(same.expect("it compiles")[0].course, Course::Same);
}

#[test]
fn a_log_without_its_beginning_is_no_run() {
    assert_eq!(Given::of_log(&[]), None);
    let odd = Recorded {
        seq: 1,
        at: crate::engine::time::Timestamp::from_micros(0),
        event: Event::RunAdmitted,
    };
    assert_eq!(Given::of_log(&[odd]), None);
}
