//! What tools write is stored before their result, in order, and never holds a tool up.

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::stage::{Act, Script, Stage, assert_completed, keep};
use crate::driver::{OutsideLines, RunNews, SubmitError};
use crate::engine::command::{Rejection, Report};
use crate::engine::failure::StepError;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::limits::LOG_LINES_MAX;
use crate::engine::logs::{LogAddress, LogLine, LogStream, NewLine};
use crate::engine::state::{RunState, StepStatus};
use crate::store::Appended;
use crate::store::memory::MemoryStore;

fn address(run: &RunId, attempt: u32) -> LogAddress {
    LogAddress {
        run_id: run.clone(),
        step: "a".into(),
        attempt,
    }
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

async fn stage(step: serde_json::Value, script: Script) -> (Stage, Arc<MemoryStore>, RunId) {
    let memory = Arc::new(MemoryStore::default());
    keep(&memory, json!({ "name": "W", "steps": [step] }));
    let stage = Stage::on(memory.clone(), script);
    let run = stage.start().await;
    (stage, memory, run)
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_writes_is_stored_soon_and_before_its_result() {
    let step = json!({ "id": "a", "kind": "tool_call", "tool": "act.read" });
    let script = Script::of(&[("a", vec![Act::Write(3)])]);
    let (stage, memory, run) = stage(step, script).await;
    stage.until_step(&run, "a", StepStatus::InProgress).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lines = memory.log(&address(&run, 1));
    assert_eq!(texts(&lines), ["line 1", "line 2", "line 3"]);
    // As soon as the result is there, so is the last line.
    let mut news = stage.driver.follow(&run);
    while !news
        .recv()
        .await
        .expect("it goes on")
        .summary
        .status
        .is_terminal()
    {}
    let lines = memory.log(&address(&run, 1));
    assert_eq!(texts(&lines), ["line 1", "line 2", "line 3", "done"]);
    assert_eq!(lines[3].stream, LogStream::Note);
    assert!(lines[3].at > lines[0].at);
    assert_completed(&stage.until_ended(&run).await);
}

/// The result of what cannot be done again is stored before anything else: it is the end of the log that waits.
#[tokio::test(start_paused = true)]
async fn the_log_of_an_effect_is_not_over_before_its_last_line_is_stored() {
    let step = json!({ "id": "a", "kind": "tool_call", "tool": "act.effect" });
    let script = Script::of(&[("a", vec![Act::Write(2)])]);
    let (stage, memory, run) = stage(step, script).await;
    let log = address(&run, 1);
    let mut turns = stage.driver.follow(&run);
    let mut watched = stage.driver.watch_log(&log);
    let has_ended = async |turns: &mut RunNews| {
        let turn = turns.recv().await.expect("it goes on");
        turn.summary.status.is_terminal()
    };
    while !has_ended(&mut turns).await {}
    assert_eq!(texts(&memory.log(&log)), ["line 1", "line 2"]);
    assert!(
        stage.driver.log_may_grow(&log),
        "its last line is on its way"
    );
    while stage.driver.log_may_grow(&log) {
        let changed = tokio::time::timeout(Duration::from_secs(60), watched.changed());
        changed.await.expect("whoever watches is told");
    }
    assert_eq!(texts(&memory.log(&log)), ["line 1", "line 2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_has_the_last_line_of_what_has_just_ended() {
    let step = json!({ "id": "a", "kind": "tool_call", "tool": "act.effect" });
    let script = Script::of(&[("a", vec![Act::Write(2)])]);
    let (stage, memory, run) = stage(step, script).await;
    let log = address(&run, 1);
    stage.driver.last_lines(&log).await;
    let mut turns = stage.driver.follow(&run);
    while !turns
        .recv()
        .await
        .expect("it goes on")
        .summary
        .status
        .is_terminal()
    {
        let begun = tokio::time::Instant::now();
        stage.driver.last_lines(&log).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "it is still being made");
    }
    stage.driver.last_lines(&log).await;
    assert_eq!(texts(&memory.log(&log)), ["line 1", "line 2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_too_long_keeps_its_beginning() {
    let step = json!({ "id": "a", "kind": "tool_call", "tool": "act.read" });
    let written = LOG_LINES_MAX + 2_345;
    let script = Script::of(&[("a", vec![Act::WriteInTime(written)])]);
    let (stage, memory, run) = stage(step, script).await;
    assert_completed(&stage.until_ended(&run).await);
    let lines = memory.log(&address(&run, 1));
    let told: Vec<_> = lines.iter().map(|line| (line.seq, &*line.text)).collect();
    let texts: Vec<String> = (1..=LOG_LINES_MAX)
        .map(|number| format!("line {number}"))
        .collect();
    let expected: Vec<_> = (1..).zip(texts.iter().map(String::as_str)).collect();
    assert!(
        told == expected,
        "the first ones, without gaps: {}",
        told.len()
    );
    let count = memory.log_count(&address(&run, 1));
    assert_eq!((count.lines, count.dropped_lines), (LOG_LINES_MAX, 2_345));
    let closing = count.closing().expect("it says what is not there");
    // `line 10001` and its line break, as often as it was dropped.
    let told = format!("The rest was dropped: 2345 lines, {} bytes.", 2_345 * 11);
    assert!(closing.starts_with(&told), "{closing}");
}

/// Faster than it can be stored: what has no place to wait is missing, and the log says where.
#[tokio::test(start_paused = true)]
async fn what_comes_too_fast_is_left_out_with_a_mark() {
    let step = json!({ "id": "a", "kind": "tool_call", "tool": "act.read" });
    let script = Script::of(&[("a", vec![Act::Write(20_000)])]);
    let (stage, memory, run) = stage(step, script).await;
    assert_completed(&stage.until_ended(&run).await);
    let lines = memory.log(&address(&run, 1));
    assert!(lines.iter().zip(1..).all(|(line, seq)| line.seq == seq));
    let [kept @ .., mark, done] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert!(
        kept.iter()
            .zip(1..)
            .all(|(line, number)| line.text == format!("line {number}"))
    );
    let missing = 20_000 - kept.len();
    assert!(missing > 0, "all of them had a place");
    assert_eq!((mark.stream, &*done.text), (LogStream::Note, "done"));
    assert!(
        mark.text
            .starts_with(&format!("{missing} of the tool's lines are missing here"))
    );
}

#[tokio::test(start_paused = true)]
async fn only_an_attempt_that_somebody_outside_makes_is_written_about() {
    let step =
        json!({ "id": "a", "kind": "external", "retry": { "max_attempts": 2, "base_ms": 10 } });
    let (stage, memory, run) = stage(step, Script::default()).await;
    stage
        .until_step(&run, "a", StepStatus::WaitingForExternal)
        .await;
    let write = async |step: &str, attempt, text: &str| {
        let lines = vec![NewLine::new(LogStream::Stdout, text)];
        let told = OutsideLines {
            run_id: run.clone(),
            step: step.into(),
            attempt,
            offset: None,
            lines,
        };
        let written = stage.driver.write_log(told).await;
        written.map(|(attempt, answer)| (attempt, matches!(answer, Appended::Stored(_))))
    };
    let mut watched = stage.driver.watch_log(&address(&run, 1));
    assert_eq!(write("a", None, "one").await, Ok((1, true)));
    watched.changed().await;
    assert_eq!(write("a", Some(1), "two").await, Ok((1, true)));
    let late = Rejection::LateResult {
        step: "a".into(),
        attempt: 2,
    };
    assert_eq!(
        write("a", Some(2), "x").await,
        Err(SubmitError::Rejected(late))
    );
    let unknown = Rejection::UnknownStep("b".into());
    assert_eq!(
        write("b", None, "x").await,
        Err(SubmitError::Rejected(unknown))
    );
    let build = StepPath::new("a");
    // What is remembered of the first attempt does not outlive it.
    let error = StepError::new("again", "try again");
    let failed = stage.driver.report(&run, &build, Report::Failed { error });
    failed.await.expect("it waits for that");
    let again = |state: &RunState| state.steps[0].attempts.len() == 2;
    stage.until(&run, again).await;
    assert_eq!(write("a", None, "three").await, Ok((2, true)));
    let output = json!(null);
    let done = stage
        .driver
        .report(&run, &build, Report::Succeeded { output });
    done.await.expect("it waits for that");
    let ended = Rejection::RunEnded;
    assert_eq!(
        write("a", None, "x").await,
        Err(SubmitError::Rejected(ended))
    );
    assert_eq!(texts(&memory.log(&address(&run, 1))), ["one", "two"]);
    assert_eq!(texts(&memory.log(&address(&run, 2))), ["three"]);
}
