//! What must hold after any number of crashes, each as a function with a name.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::load::{Acknowledged, Decided, Resolved};
use super::plans;
use super::sink::Place;
use super::story::{Run, Runs};

type Places = BTreeMap<String, Place>;

pub fn every_acknowledged_start_is_there_once(runs: &Runs, acknowledged: &Acknowledged) {
    for start in &acknowledged.starts {
        let run = runs.get(&start.run_id);
        let run = run.unwrap_or_else(|| panic!("acknowledged, and gone: {start:?}"));
        assert_eq!((&run.workflow, &run.id), (&start.workflow, &start.id));
    }
    let mut seen = BTreeSet::new();
    for (run_id, run) in runs {
        assert!(seen.insert(&run.id), "{run_id}: a second run of {}", run.id);
    }
}

pub fn every_acknowledged_decision_is_in_the_log(runs: &Runs, acknowledged: &Acknowledged) {
    for decided in &acknowledged.decisions {
        let Decided {
            run_id,
            gate,
            decision,
        } = decided;
        let found = runs[run_id]
            .kinds("gate_decided")
            .filter(|event| event["gate"] == **gate && event["decision"] == **decision);
        assert_eq!(found.count(), 1, "{decided:?}");
    }
}

pub fn every_acknowledged_resolution_is_in_the_log(runs: &Runs, acknowledged: &Acknowledged) {
    for resolved in &acknowledged.resolutions {
        let Resolved {
            run_id,
            step,
            resolution,
        } = resolved;
        let mut found = runs[run_id].kinds("outcome_resolved");
        assert!(
            found.any(|event| event["step"] == **step && event["resolution"] == **resolution),
            "{resolved:?}"
        );
    }
}

pub fn no_gate_was_decided_twice(runs: &Runs) {
    for (run_id, run) in runs {
        let mut seen = BTreeSet::new();
        for decided in run.kinds("gate_decided") {
            assert!(seen.insert(decided["gate"].as_str()), "{run_id}: {decided}");
        }
    }
}

/// One key for all attempts, and what has the key took place at most once.
pub fn no_idempotent_effect_took_place_twice(places: &Places) {
    for (name, place) in places {
        assert_eq!(
            place.attempts.len(),
            1,
            "several keys for {name}: {place:?}"
        );
        if place.honours_keys {
            assert!(place.applied <= 1, "{name}: {place:?}");
        }
    }
}

pub fn no_other_effect_took_place_twice_unless_somebody_said_so(
    places: &Places,
    acknowledged: &Acknowledged,
) {
    for (name, place) in places.iter().filter(|(_, place)| !place.honours_keys) {
        let allowed = 1 + acknowledged.asked_again.get(name).copied().unwrap_or(0);
        assert!(
            place.applied <= allowed,
            "{name}, {allowed} allowed: {place:?}"
        );
    }
}

/// The event first, the call second: never a call that the log knows nothing of.
pub fn every_call_follows_its_event(runs: &Runs, places: &Places) {
    let mut begun: BTreeMap<String, usize> = BTreeMap::new();
    for (run_id, run) in runs {
        for started in run.kinds("attempt_started") {
            let step = started["step"].as_str().unwrap_or_default();
            *begun.entry(format!("{run_id}/{step}")).or_default() += 1;
        }
    }
    for (name, place) in places {
        for (key, arrived) in &place.attempts {
            let begun = begun.get(key).copied().unwrap_or(0);
            assert!(
                *arrived <= begun,
                "{name}: {arrived} calls of {key}, {begun} begun"
            );
        }
    }
}

pub fn every_run_ended_as_its_workflow_says(runs: &Runs) {
    for (run_id, run) in runs {
        let as_it_should = match (run.workflow.as_str(), run.status.as_str()) {
            ("saga", "failed") => true,
            ("asked", "failed") => run.reason == "rejected",
            (workflow, status) => workflow != "saga" && status == "completed",
        };
        let (
            Run {
                workflow,
                status,
                reason,
                ..
            },
            last,
        ) = (run, run.events.last());
        assert!(
            as_it_should,
            "{run_id} of {workflow}: {status} {reason} {last:?}"
        );
    }
}

/// Also what was to be undone.
pub fn what_a_run_says_it_did_took_place(runs: &Runs, places: &Places) {
    for (run_id, run) in runs {
        let done = run.status == "completed" || run.workflow == "saga";
        for place in plans::places(&run.workflow, &run.id)
            .into_iter()
            .filter(|_| done)
        {
            let applied = places.get(&place).map_or(0, |place| place.applied);
            assert!(
                applied >= 1,
                "{run_id} has ended, and {place} never took place"
            );
        }
    }
}

pub fn every_log_is_numbered_without_gaps_and_ends_once(runs: &Runs) {
    for run in runs.values() {
        crate::crash::assert_sound(&run.events);
        assert_eq!(run.events.last().expect("events")["kind"], "run_finished");
    }
}

pub fn no_timer_was_early(runs: &Runs) {
    for (run_id, run) in runs {
        for wait in run.kinds("wait_started") {
            let ended = run
                .kinds("step_completed")
                .find(|event| event["step"] == wait["step"]);
            let at = ended.and_then(|event| event["at"].as_str());
            // RFC 3339 in UTC with six digits: the texts sort as the times do.
            assert!(at >= wait["until"].as_str(), "{run_id}: {wait} {ended:?}");
        }
    }
}

pub fn every_step_that_is_a_run_has_one(runs: &Runs) {
    let mut steps = BTreeMap::new();
    for (run_id, run) in runs.iter().filter(|(_, run)| run.workflow == "inner") {
        let origin = &run.events[0]["origin"];
        let of = (origin["run_id"].to_string(), origin["step"].to_string());
        assert!(runs.contains_key(origin["run_id"].as_str().unwrap_or_default()));
        let other: Option<&String> = steps.insert(of, run_id);
        assert!(other.is_none(), "{run_id} and {other:?} are one step");
    }
    let outer = runs.values().filter(|run| run.workflow == "outer");
    assert_eq!(steps.len(), 2 * outer.count());
}

/// What the log held at a moment, and what it holds later. When each event happened is not compared.
pub fn is_a_beginning_of(earlier: &[Value], later: &[Value], run_id: &str) {
    assert!(earlier.len() <= later.len(), "{run_id} has lost events");
    for (earlier, later) in earlier.iter().zip(later) {
        let mut later = later.clone();
        later.as_object_mut().expect("an event").shift_remove("at");
        assert_eq!(
            earlier, &later,
            "{run_id}: the log does not begin as it did"
        );
    }
}
