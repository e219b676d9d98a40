//! Which steps run: branches, joins, levels, and what a step can read.

use serde_json::{Value, json};

use super::stage::{Stage, default, edge, read, when, with, workflow};
use crate::engine::event::{EndReason, EndState, SkipReason};
use crate::engine::ids::StepPath;
use crate::engine::state::{RunStatus, StepStatus};

fn fork(expression: &str) -> Value {
    workflow(
        [
            json!({ "id": "judge", "kind": "condition", "expression": expression }),
            read("yes"),
            read("no"),
            json!({ "id": "end", "kind": "join", "rule": "none_failed_min_one_success" }),
        ],
        [
            when("judge", "yes", "judge.result"),
            default("judge", "no"),
            edge("yes", "end"),
            edge("no", "end"),
        ],
    )
}

#[test]
fn a_false_branch_never_runs_and_the_join_after_it_does() {
    for (bad, taken, left) in [(true, "yes", "no"), (false, "no", "yes")] {
        let mut stage = Stage::start_with(fork("input.bad"), json!({ "bad": bad }));
        let because = SkipReason::BranchNotTaken {
            at: StepPath::new("judge"),
        };
        assert_eq!(stage.step(left).skipped, Some(because));
        stage.succeed(taken, json!({}));
        assert_eq!(stage.status("end"), StepStatus::Completed);
        assert_eq!(stage.end().0, EndState::Completed);
        assert_eq!(stage.calls, [(taken.to_owned(), 1)]);
    }
}

#[test]
fn a_condition_that_cannot_be_read_fails_its_step_and_takes_no_way() {
    let stage = Stage::start_with(fork("input.nothing.here > 1"), json!({}));
    assert_eq!(stage.error("judge").code, "expression_failed");
    assert_eq!(stage.calls, []);
    assert_eq!(stage.end().1, Some(EndReason::Error));
    let not_a_truth = Stage::start_with(fork("7"), json!({}));
    assert_eq!(not_a_truth.error("judge").code, "condition_failed");
}

/// Two predecessors, each of which succeeds, fails or is not led to; then the rule decides.
fn joined(rule: &str, first: &str, second: &str) -> StepStatus {
    let branch = |name: &str| {
        let (fork, other) = (format!("fork_{name}"), format!("not_{name}"));
        let steps = [
            json!({ "id": fork, "kind": "condition", "expression": format!("input.{name}") }),
            with(read(name), "on_error", json!("continue")),
            read(&other),
        ];
        let edges = [
            when(&fork, name, &format!("{fork}.result")),
            default(&fork, &other),
            edge(name, "end"),
        ];
        (steps, edges)
    };
    let ((a_steps, a_edges), (b_steps, b_edges)) = (branch("a"), branch("b"));
    let end = json!({ "id": "end", "kind": "join", "rule": rule });
    let steps = a_steps.into_iter().chain(b_steps).chain([end]);
    let document = workflow(steps, a_edges.into_iter().chain(b_edges));
    let input = json!({ "a": first != "left out", "b": second != "left out" });
    let mut stage = Stage::start_with(document, input);
    for (step, outcome) in [("a", first), ("b", second)] {
        match outcome {
            "succeeds" => stage.succeed(step, json!({})),
            "fails" => stage.fail(step, "broken"),
            _ => assert_eq!(stage.status(step), StepStatus::Skipped),
        }
    }
    stage.status("end")
}

#[test]
fn joins_follow_their_rule() {
    const CASES: [(&str, &str); 6] = [
        ("succeeds", "succeeds"),
        ("succeeds", "fails"),
        ("succeeds", "left out"),
        ("fails", "fails"),
        ("fails", "left out"),
        ("left out", "left out"),
    ];
    let table = [
        ("all_success", [true, false, false, false, false, false]),
        (
            "none_failed_min_one_success",
            [true, false, true, false, false, false],
        ),
        ("all_done", [true, true, true, true, true, false]),
        ("one_success", [true, true, true, false, false, false]),
    ];
    for (rule, runs) in table {
        for ((first, second), runs) in CASES.into_iter().zip(runs) {
            let expected = if runs {
                StepStatus::Completed
            } else {
                StepStatus::Skipped
            };
            for (a, b) in [(first, second), (second, first)] {
                assert_eq!(
                    joined(rule, a, b),
                    expected,
                    "{rule}: one {a}, the other {b}"
                );
            }
        }
    }
}

#[test]
fn one_success_does_not_wait_for_the_others() {
    let steps = [
        read("a"),
        read("b"),
        json!({ "id": "first", "kind": "join", "rule": "one_success" }),
        read("next"),
    ];
    let edges = [
        edge("a", "first"),
        edge("b", "first"),
        edge("first", "next"),
    ];
    let mut stage = Stage::start(workflow(steps, edges));
    stage.succeed("b", json!({}));
    assert_eq!(stage.status("next"), StepStatus::InProgress);
    stage.succeed("a", json!({}));
    assert_eq!(
        stage
            .calls
            .iter()
            .filter(|(step, _)| step == "next")
            .count(),
        1
    );
    stage.succeed("next", json!({}));
    assert_eq!(stage.end().0, EndState::Completed);
}

#[test]
fn a_slow_step_delays_only_what_follows_it() {
    let steps = [read("slow"), read("quick"), read("after"), read("end")];
    let edges = [
        edge("quick", "after"),
        edge("after", "end"),
        edge("slow", "end"),
    ];
    let mut stage = Stage::start(workflow(steps, edges));
    stage.succeed("quick", json!({}));
    stage.succeed("after", json!({}));
    assert_eq!(stage.status("slow"), StepStatus::InProgress);
    assert_eq!(stage.status("end"), StepStatus::Pending);
    stage.succeed("slow", json!({}));
    assert_eq!(stage.status("end"), StepStatus::InProgress);
}

#[test]
fn no_more_attempts_are_in_flight_than_allowed() {
    let mut document = workflow(
        [
            json!({ "id": "go", "kind": "parallel" }),
            read("a"),
            read("b"),
            read("c"),
        ],
        [edge("go", "a"), edge("go", "b"), edge("go", "c")],
    );
    document["max_in_flight"] = json!(2);
    let mut stage = Stage::start(document);
    let statuses = |stage: &Stage| ["a", "b", "c"].map(|step| stage.status(step));
    let (running, queued, done) = (
        StepStatus::InProgress,
        StepStatus::Queued,
        StepStatus::Completed,
    );
    assert_eq!(statuses(&stage), [running, running, queued]);
    stage.succeed("b", json!({}));
    assert_eq!(statuses(&stage), [running, done, running]);
}

#[test]
fn bindings_find_the_input_the_variables_and_earlier_steps() {
    let mut document = workflow(
        [
            read("search_hotels"),
            json!({ "id": "filter", "kind": "transform", "set": {
                "query": "$context.query",
                "city": "$input.city",
                "hotels": "$search_hotels.hotels",
                "second": "$search_hotels.hotels.1",
                "max": 200,
                "limit": "$context.limit",
                "money": "$$200",
                "count": "=size(search_hotels.hotels)",
            } }),
        ],
        [edge("search_hotels", "filter")],
    );
    document["variables"] = json!({ "limit": 3 });
    let mut stage = Stage::start_with(
        document,
        json!({ "query": "sea", "city": "Kiel", "limit": 9 }),
    );
    stage.succeed("search_hotels", json!({ "hotels": ["A", "B"] }));
    let expected = json!({
        "query": "sea", "city": "Kiel", "hotels": ["A", "B"], "second": "B", "max": 200,
        // A variable hides the input field of its name.
        "limit": 3, "money": "$200", "count": 2,
    });
    assert_eq!(stage.output("filter"), expected);
    assert_eq!(
        stage.end(),
        (EndState::Completed, None, expected),
        "the last step's output is the run's"
    );
}

#[test]
fn a_reference_that_finds_nothing_is_an_error_and_never_its_own_text() {
    let steps = [
        read("a"),
        json!({ "id": "b", "kind": "transform", "set": { "x": "$a.missing" } }),
    ];
    let mut stage = Stage::start(workflow(steps, [edge("a", "b")]));
    stage.succeed("a", json!({ "present": 1 }));
    assert_eq!(stage.error("b").code, "unresolved_binding");
    assert!(
        stage.error("b").message.contains("$a.missing"),
        "{}",
        stage.error("b").message
    );
}

#[test]
fn several_last_steps_leave_a_map_of_their_outputs() {
    let mut stage = Stage::start(workflow(
        [
            json!({ "id": "go", "kind": "parallel" }),
            read("a"),
            read("b"),
        ],
        [edge("go", "a"), edge("go", "b")],
    ));
    stage.succeed("b", json!(2));
    assert_eq!(stage.run(), RunStatus::Running);
    stage.succeed("a", json!(1));
    assert_eq!(
        stage.end(),
        (EndState::Completed, None, json!({ "a": 1, "b": 2 }))
    );
}

#[test]
fn an_output_that_is_too_large_fails_the_step_and_says_what_to_do() {
    let mut stage = Stage::start(workflow([read("a")], []));
    stage.succeed("a", json!("x".repeat(1_000_001)));
    assert_eq!(stage.error("a").code, "output_too_large");
    assert!(stage.error("a").message.contains("artifact"));
}

#[test]
fn an_edge_without_condition_is_always_taken_and_the_default_only_when_no_other_is() {
    let document = |expression: &str| {
        workflow(
            [
                json!({ "id": "judge", "kind": "condition", "expression": expression }),
                read("low"),
                read("high"),
                read("other"),
                read("always"),
            ],
            [
                when("judge", "low", "judge.result < 10"),
                when("judge", "high", "judge.result > 5"),
                default("judge", "other"),
                edge("judge", "always"),
            ],
        )
    };
    let called = |expression: &str| {
        let calls = Stage::start(document(expression)).calls;
        calls.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
    };
    assert_eq!(called("7"), ["low", "high", "always"]);
    assert_eq!(called("1"), ["low", "always"]);
    let mut neither = document("10");
    neither["edges"][1]["when"] = json!("judge.result > 11");
    let calls = Stage::start(neither).calls;
    assert_eq!(calls, [("other".to_owned(), 1), ("always".to_owned(), 1)]);
}
