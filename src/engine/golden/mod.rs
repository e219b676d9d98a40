//! Logs written by earlier releases, kept for ever: they must still be read, be written the same, and fold to what they
//! folded to then. A file here is never edited. A new variant comes with a new file.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::Recorded;
use super::plan::Outline;
use super::state::RunState;

const OUTLINE: &str = include_str!("outline.json");
/// A run in which everything happens that can happen: one event a line.
const LOG: &str = include_str!("log.jsonl");
const STATE: &str = include_str!("state.json");

fn log() -> Vec<Recorded> {
    LOG.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

#[test]
fn recorded_events_are_read_and_written_the_same() {
    for (line, event) in LOG.lines().zip(log()) {
        let recorded: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(serde_json::to_value(&event).expect("JSON"), recorded);
    }
}

#[test]
fn every_kind_of_event_is_recorded() {
    let recorded: BTreeSet<&str> = log().iter().map(|recorded| recorded.event.kind()).collect();
    let kinds: BTreeSet<&str> = include_str!("../event.rs")
        .lines()
        .filter(|line| line.trim_start().starts_with("Event::"))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(kinds.len() > 10, "the kinds were not found: {kinds:?}");
    assert_eq!(recorded, kinds);
}

#[test]
fn the_recorded_log_folds_to_the_recorded_state() {
    let outline: Outline = serde_json::from_str(OUTLINE).expect("an outline");
    let state = RunState::replay(Arc::new(outline), &log());
    let recorded: Value = serde_json::from_str(STATE).expect("JSON");
    let folded = serde_json::to_value(&state).expect("JSON");
    assert_eq!(
        folded,
        recorded,
        "{}",
        serde_json::to_string_pretty(&folded).expect("JSON")
    );
}
