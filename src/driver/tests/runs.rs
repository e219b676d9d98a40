//! Runs from start to end.

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::stage::{
    Act, Script, Stage, answer, assert_completed, assert_sound, card, chain, document, status_of,
};
use crate::driver::SubmitError;
use crate::engine::command::{Command, Rejection};
use crate::engine::event::{Decision, EndReason, Event};
use crate::engine::plan::Outline;
use crate::engine::state::{AttemptOutcome, RunStatus, StepStatus};
use crate::store::StoreError;
use crate::store::memory::MemoryStore;

fn gated() -> serde_json::Value {
    json!({
        "name": "Gated",
        "steps": [
            { "id": "look", "kind": "tool_call", "tool": "act.read" },
            { "id": "agree", "kind": "human_gate", "show": ["$look"] },
            { "id": "act", "kind": "tool_call", "tool": "act.effect" }
        ],
        "edges": [{ "from": "look", "to": "agree" }, { "from": "agree", "to": "act" }]
    })
}

#[tokio::test(start_paused = true)]
async fn a_chain_runs_each_step_once_and_completes() {
    let stage = Stage::new(chain(&["a", "b", "c"]), Script::default());
    let run = stage.start().await;
    let state = stage.until_ended(&run).await;
    assert_completed(&state);
    assert_eq!(
        state.end.as_ref().map(|end| &end.output),
        Some(&json!({ "done": "c" }))
    );
    assert_eq!(
        [
            stage.script.calls("a"),
            stage.script.calls("b"),
            stage.script.calls("c")
        ],
        [1, 1, 1]
    );
    assert_sound(&stage.log(&run).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_behind_a_gate_happens_before_it_is_approved() {
    let stage = Stage::new(gated(), Script::default());
    let run = stage.start().await;
    stage
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(stage.script.calls("act"), 0);
    stage
        .decide(&run, Decision::Approve, "ann")
        .await
        .expect("it is open");
    assert_completed(&stage.until_ended(&run).await);
    assert_eq!(stage.script.calls("act"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_gate_fails_the_run_and_nothing_behind_it_happens() {
    let stage = Stage::new(gated(), Script::default());
    let run = stage.start().await;
    stage
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;
    stage
        .decide(&run, Decision::Reject, "ann")
        .await
        .expect("it is open");
    let state = stage.until_ended(&run).await;
    let end = state.end.as_ref().expect("it has ended");
    assert_eq!(
        (state.status(), end.reason),
        (RunStatus::Failed, Some(EndReason::Rejected))
    );
    assert_eq!(
        (stage.script.calls("act"), status_of(&state, "act")),
        (0, StepStatus::Skipped)
    );
}

#[tokio::test(start_paused = true)]
async fn of_twenty_answers_at_once_exactly_one_wins() {
    let stage = Stage::new(gated(), Script::default());
    let run = stage.start().await;
    let state = stage
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;
    let gate = state
        .step(&"agree".into())
        .and_then(|step| step.gate.clone())
        .expect("it is open");
    let answers = (0..20).map(|voter| {
        let decision = if voter % 2 == 0 {
            Decision::Approve
        } else {
            Decision::Reject
        };
        stage.driver.submit(
            &run,
            answer(
                &gate.id,
                &gate.plan_hash,
                decision,
                &format!("voter {voter}"),
            ),
        )
    });
    let results = futures::future::join_all(answers).await;
    let won = results.iter().filter(|result| result.is_ok()).count();
    let beaten = results
        .iter()
        .filter(|result| {
            matches!(
                result,
                Err(SubmitError::Rejected(Rejection::GateDecided { .. }))
            )
        })
        .count();
    assert_eq!((won, beaten), (1, 19));
    stage.until_ended(&run).await;
    let decisions = stage
        .log(&run)
        .await
        .iter()
        .filter(|recorded| matches!(recorded.event, Event::GateDecided { .. }))
        .count();
    assert_eq!(decisions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_step_is_tried_again_on_the_curve_and_then_succeeds() {
    let mut workflow = chain(&["a"]);
    workflow["steps"][0]["retry"] = json!({ "max_attempts": 4, "base_ms": 1_000, "cap_ms": 3_000 });
    let script = Script::of(&[(
        "a",
        vec![
            Act::Fail("busy"),
            Act::Fail("busy"),
            Act::Fail("busy"),
            Act::Succeed(json!(1)),
        ],
    )]);
    let stage = Stage::new(workflow, script);
    let run = stage.start().await;
    let state = stage.until_ended(&run).await;
    assert_completed(&state);
    let attempts = &state.steps[0].attempts;
    assert_eq!(attempts.len(), 4);
    for (failed, pair) in (1u32..).zip(attempts.windows(2)) {
        let ended = pair[0].finished_at.expect("it has ended");
        let pause = pair[1].started_at.ms_since(ended);
        let due = pair[0].retry_at.expect("it is retried").ms_since(ended);
        let ceiling = (1_000 * 2u64.pow(failed - 1)).min(3_000);
        assert!(
            due <= ceiling && pause >= due,
            "after {failed}: {pause} ms, due {due}, at most {ceiling}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_stays_so_and_refuses_the_late_result() {
    let stage = Stage::new(chain(&["a", "b"]), Script::of(&[("a", vec![Act::Deaf])]));
    let run = stage.start().await;
    stage.until_step(&run, "a", StepStatus::InProgress).await;
    stage
        .driver
        .submit(
            &run,
            Command::Cancel {
                actor: "ann".to_owned(),
                comment: String::new(),
            },
        )
        .await
        .expect("it runs");
    assert_eq!(stage.state(&run).await.status(), RunStatus::Cancelling);
    let state = stage.until_ended(&run).await;
    assert_eq!(state.status(), RunStatus::Cancelled);
    let late = Command::AttemptSucceeded {
        step: "a".into(),
        attempt: 1,
        output: json!("too late"),
    };
    let refused = stage.driver.submit(&run, late).await;
    assert!(
        matches!(
            refused,
            Err(SubmitError::Rejected(Rejection::LateResult { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(
        (stage.state(&run).await, stage.script.calls("b")),
        (state, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_listens_ends_a_cancelled_run_at_once() {
    let stage = Stage::new(chain(&["a"]), Script::of(&[("a", vec![Act::Hang])]));
    let run = stage.start().await;
    stage.until_step(&run, "a", StepStatus::InProgress).await;
    stage
        .driver
        .submit(
            &run,
            Command::Cancel {
                actor: "ann".to_owned(),
                comment: String::new(),
            },
        )
        .await
        .expect("it runs");
    let state = stage.until_ended(&run).await;
    assert_eq!(state.status(), RunStatus::Cancelled);
    let end_of_grace = state.cancelling.expect("cancelled").deadline;
    assert!(
        state.finished_at.expect("ended") < end_of_grace,
        "it listened, so nobody had to wait for the grace time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_never_answers_times_out() {
    let mut workflow = chain(&["a"]);
    workflow["steps"][0]["timeout_ms"] = json!(5_000);
    let stage = Stage::new(workflow, Script::of(&[("a", vec![Act::Deaf])]));
    let run = stage.start().await;
    let state = stage.until_ended(&run).await;
    let end = state.end.as_ref().expect("ended");
    assert_eq!(
        (state.status(), end.reason),
        (RunStatus::Failed, Some(EndReason::Timeout))
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_breaks_down_fails_its_step_and_nothing_else() {
    let stage = Stage::new(chain(&["a"]), Script::of(&[("a", vec![Act::Panic])]));
    let (broken, healthy) = (
        stage.start().await,
        Stage::new(chain(&["x"]), Script::default()),
    );
    let state = stage.until_ended(&broken).await;
    assert_eq!(
        state.steps[0]
            .error
            .as_ref()
            .map(|error| error.code.as_str()),
        Some("tool_panicked")
    );
    let other = healthy.start().await;
    assert_completed(&healthy.until_ended(&other).await);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_a_real_effect_waits_for_a_person() {
    let stage = Stage::new(
        gated(),
        Script::of(&[("act", vec![Act::Unknown, Act::Succeed(json!("again"))])]),
    );
    let run = stage.start().await;
    stage
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;
    stage
        .decide(&run, Decision::Approve, "ann")
        .await
        .expect("it is open");
    let state = stage
        .until_step(&run, "act", StepStatus::OutcomeUnknown)
        .await;
    assert_eq!(state.status(), RunStatus::Waiting);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(
        stage.script.calls("act"),
        1,
        "it is never repeated silently"
    );
    let retry = Command::ResolveOutcome {
        step: "act".into(),
        resolution: crate::engine::event::Resolution::Retry,
        actor: "ann".to_owned(),
        comment: String::new(),
    };
    stage
        .driver
        .submit(&run, retry)
        .await
        .expect("it waits for this");
    let state = stage.until_ended(&run).await;
    assert_completed(&state);
    assert_eq!(stage.script.calls("act"), 2);
    assert!(matches!(
        state.steps[2].attempts[0].outcome,
        AttemptOutcome::Unknown { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn progress_reaches_the_log_at_most_once_a_second_and_the_last_report_always() {
    let stage = Stage::new(chain(&["a"]), Script::of(&[("a", vec![Act::Report(35)])]));
    let run = stage.start().await;
    assert_completed(&stage.until_ended(&run).await);
    let log = stage.log(&run).await;
    let reports: Vec<(i64, u8)> = log
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::AttemptProgressed { percent, .. } => Some((recorded.at.as_micros(), *percent)),
            _ => None,
        })
        .collect();
    assert!((2..=6).contains(&reports.len()), "{reports:?}");
    assert_eq!(reports.last().map(|(_, percent)| *percent), Some(35));
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_version_that_no_longer_compiles_can_still_be_read_and_nothing_else() {
    let store = Arc::new(MemoryStore::default());
    let outline: Outline = serde_json::from_value(json!({
        "steps": [{ "id": "a", "name": "A", "kind": "tool_call", "tool": "act.gone", "weight": 1, "max_attempts": 1 }],
        "edges": []
    }))
    .expect("an outline");
    let mut removed = chain(&["a"]);
    removed["steps"][0]["tool"] = json!("act.gone");
    let other = chain(&["a", "b"]);
    // A tool that is gone; and a document of which this release makes something else than was kept.
    for (version, workflow) in [("gone", removed), ("changed", other)] {
        store.keep_version(card("w", version, 1), document(workflow), outline.clone());
    }
    let stage = Stage::on(store, Script::default());
    for version in ["gone", "changed"] {
        let kept = stage.driver.outline(&version.into()).await;
        assert_eq!(kept.as_deref(), Ok(&outline));
        let refused = stage.driver.plan(&version.into()).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_keeps_an_ended_run_in_memory() {
    let stage = Stage::new(gated(), Script::default());
    let run = stage.start().await;
    stage
        .until_step(&run, "agree", StepStatus::WaitingForApproval)
        .await;
    stage
        .decide(&run, Decision::Reject, "ann")
        .await
        .expect("it waits");
    stage.until_ended(&run).await;
    // Too late, and the run has to be loaded to say so.
    for _ in 0..3 {
        let late = stage.decide(&run, Decision::Approve, "bob").await;
        assert!(matches!(late, Err(SubmitError::Rejected(_))), "{late:?}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.driver.runs_in_memory(), 0);
}
