//! Logs written by earlier releases, kept for ever: they must still be read, be written the same, and fold to what they
//! folded to then. A file here is never edited. A new variant comes with a new file.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::Recorded;
use super::ids::content_hash;
use super::plan::Outline;
use super::properties::invariants::check_snapshot;
use super::state::{RunState, SNAPSHOT_FORMAT};

/// One run: its plan, its log with one event a line, and what that folds to.
struct Golden {
    name: &'static str,
    outline: &'static str,
    log: &'static str,
    state: &'static str,
}

const GOLDEN: &[Golden] = &[
    Golden {
        name: "attempts, gates and a cancel",
        outline: include_str!("outline.json"),
        log: include_str!("log.jsonl"),
        state: include_str!("state.json"),
    },
    Golden {
        name: "a fork with a map, a loop, waits and what is undone",
        outline: include_str!("bodies.outline.json"),
        log: include_str!("bodies.log.jsonl"),
        state: include_str!("bodies.state.json"),
    },
    Golden {
        name: "a run that is retried after it has failed",
        outline: include_str!("retried.outline.json"),
        log: include_str!("retried.log.jsonl"),
        state: include_str!("retried.state.json"),
    },
    Golden {
        name: "an effect that took place, whose output was refused, and that is undone",
        outline: include_str!("happened.outline.json"),
        log: include_str!("happened.log.jsonl"),
        state: include_str!("happened.state.json"),
    },
];

impl Golden {
    fn events(&self) -> Vec<Recorded> {
        let lines = self.log.lines();
        lines
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{}: {line}: {error}", self.name))
            })
            .collect()
    }
}

#[test]
fn recorded_events_are_read_and_written_the_same() {
    for golden in GOLDEN {
        for (line, event) in golden.log.lines().zip(golden.events()) {
            let recorded: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(serde_json::to_value(&event).expect("JSON"), recorded);
        }
    }
}

#[test]
fn every_kind_of_event_is_recorded() {
    let recorded: BTreeSet<&str> = GOLDEN
        .iter()
        .flat_map(Golden::events)
        .map(|recorded| recorded.event.kind())
        .collect();
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
    for golden in GOLDEN {
        let outline: Outline = serde_json::from_str(golden.outline).expect("an outline");
        let state = RunState::replay(Arc::new(outline), &golden.events());
        let recorded: Value = serde_json::from_str(golden.state).expect("JSON");
        let folded = serde_json::to_value(&state).expect("JSON");
        assert_eq!(
            folded,
            recorded,
            "{}: {}",
            golden.name,
            serde_json::to_string_pretty(&folded).expect("JSON")
        );
    }
}

/// When this fails, what a snapshot says has changed: raise its format's number, and put the new hash here.
#[test]
fn what_a_snapshot_says_is_bound_to_its_format() {
    let mut written = Vec::new();
    for golden in GOLDEN {
        let outline: Arc<Outline> = Arc::new(serde_json::from_str(golden.outline).expect("JSON"));
        for length in 0..=golden.events().len() {
            let state = RunState::replay(Arc::clone(&outline), &golden.events()[..length]);
            check_snapshot(&state);
            let snapshot = state.to_snapshot().expect("it can be written");
            written.push(Value::String(snapshot));
        }
    }
    let format = SNAPSHOT_FORMAT.split('/').next_back();
    let hash = content_hash(&Value::Array(written));
    assert_eq!(
        (format, hash.as_str()),
        (
            Some("1"),
            "2efb472eefa868a6ffc5605d8c657732342cc615aea75dcd1c2c9ef3de9713b0"
        )
    );
}
