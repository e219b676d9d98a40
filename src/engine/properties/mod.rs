//! Random workflows, driven by random results, failures, losses, cancels, answers and timers, with the promises of the
//! engine checked after every turn. A failing case names its seed; `ENGINE_SEED=… cargo test properties` replays it,
//! and `ENGINE_CASES=…` sets how many are tried.

pub(crate) mod chance;
mod foretold;
pub(crate) mod invariants;
pub(crate) mod workflows;
mod world;

use super::tool::{Catalogue, EffectClass, ToolSpec};
use chance::Chance;
use workflows::Stock;
use world::World;

const CASES: u64 = 10_000;

#[test]
fn every_run_keeps_its_promises_and_ends() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("ENGINE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ENGINE_CASES").unwrap_or(CASES),
    };
    let mut reached = Reached::default();
    for seed in seeds.clone() {
        let case = std::panic::catch_unwind(|| run_case(seed, number("ENGINE_SEED").is_some()));
        match case {
            Ok(ends) => reached.count(&ends),
            Err(_) => panic!("seed {seed} breaks a promise; replay it with ENGINE_SEED={seed}"),
        }
    }
    if seeds.end - seeds.start >= CASES {
        reached.assert_varied();
    }
}

/// One workflow, one run. Answers what it came across.
fn run_case(seed: u64, tells: bool) -> Vec<&'static str> {
    let mut chance = Chance::new(seed);
    let (_, plan) = workflows::compiled(&mut chance, &stock());
    let mut world = World::new(plan, tells);
    world.start();
    for _ in 0..chance.below(60) {
        if world.state.end.is_some() {
            break;
        }
        world.act(&mut chance);
    }
    world.heal();
    // Somebody retries a failed run, perhaps more than once; it may fail in the same way again.
    for _ in 0..2 {
        world.somebody_skips(&mut chance);
        if world.state.end.is_none() || (chance.percent(40) && world.retry()) {
            for _ in 0..chance.below(20) {
                if world.state.end.is_some() {
                    break;
                }
                world.act(&mut chance);
            }
            world.heal();
        }
    }
    world.after_the_end(&mut chance);
    world.seen()
}

fn stock() -> Stock {
    Stock {
        catalogue: Catalogue::new([
            ToolSpec::plain("t.read", EffectClass::Read),
            ToolSpec::plain("t.effect", EffectClass::Effect),
        ]),
        tools: vec!["t.read", "t.read", "t.read", "t.effect", "t.effect"],
        undo_tools: vec!["t.effect"],
        asked: "t.read",
        workflows: vec!["other".to_owned()],
    }
}

/// What the cases came across, so that a generator that has gone dull is noticed.
#[derive(Default)]
struct Reached(std::collections::BTreeMap<&'static str, u64>);

impl Reached {
    fn count(&mut self, seen: &[&'static str]) {
        for kind in seen {
            *self.0.entry(kind).or_default() += 1;
        }
    }

    fn assert_varied(&self) {
        for kind in [
            "step_queued",
            "attempt_failed",
            "attempt_interrupted",
            "attempt_progressed",
            "outcome_unknown",
            "outcome_resolved",
            "gate_opened",
            "gate_decided",
            "gate_expired",
            "step_failed",
            "step_skipped",
            "step_cancelled",
            "run_cancelling",
            "map_started",
            "iteration_started",
            "iteration_ended",
            "wait_started",
            "poll_missed",
            "skip_planned",
            "run_admitted",
            "run_paused",
            "run_resumed",
            "run_compensating",
            "run_reopened",
            "completed",
            "failed",
            "cancelled",
            "timeout",
            "rejected",
        ] {
            assert!(
                self.0.get(kind).copied().unwrap_or(0) >= 20,
                "hardly any case came to {kind}: {:?}",
                self.0
            );
        }
    }
}
