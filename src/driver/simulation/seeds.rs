//! Many seeds, spread over the processors; how to replay one; and whether the dice still come to everything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::Instant;

use super::ledger::Story;
use super::world::Met;
use super::{Outcome, Simulation};

/// Without `SIM_SEEDS`: what every `cargo test` can afford. `make sim` runs more.
const SEEDS_DEFAULT: u64 = 500;
/// From so many seeds on the dice must have come to everything.
const SEEDS_TELLING: u64 = 1_000;

/// Seeds that have found something. They are run first, for ever.
const REGRESSIONS: &[u64] = &[8_900, 9_473];

fn simulate(seed: u64, story: Story) -> Outcome {
    Simulation::new(seed, story).run()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[derive(Default)]
struct Total {
    met: Met,
    simulated_ms: u64,
    failed: Vec<u64>,
}

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = number("SIM_SEED") {
        return replay(seed);
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS_DEFAULT);
    let first = number("SIM_FROM").unwrap_or(0);
    let began = Instant::now();
    let total = simulate_all(first, first + seeds);
    let seconds = began.elapsed().as_secs_f64();
    let ran = seeds + REGRESSIONS.len() as u64;
    println!(
        "{ran} seeds in {seconds:.1} s, {:.0} a second; {:.1} days of virtual time",
        ran as f64 / seconds,
        total.simulated_ms as f64 / 86_400_000.0
    );
    for (what, times) in &total.met {
        println!("  {times:>10}  {what}");
    }
    assert!(
        total.failed.is_empty(),
        "a promise is broken; `SIM_SEED={} make sim` replays it, as do {:?}",
        total.failed[0],
        total.failed
    );
    if seeds >= SEEDS_TELLING {
        assert_not_dull(&total.met, seeds);
    }
}

fn simulate_all(first: u64, end: u64) -> Total {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(first), AtomicBool::new(false));
    let total = Mutex::new(Total::default());
    let work = |worker: usize| {
        let mine = REGRESSIONS.iter().skip(worker).step_by(workers).copied();
        let drawn = std::iter::from_fn(|| {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            (seed < end).then_some(seed)
        });
        for seed in mine.chain(drawn) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| simulate(seed, Story::Untold)));
            let mut total = total.lock().expect("nobody panics with it");
            match outcome {
                Ok(outcome) => {
                    total.simulated_ms += outcome.simulated_ms;
                    for (what, times) in outcome.met {
                        *total.met.entry(what).or_default() += times;
                    }
                }
                Err(_) => {
                    println!("seed {seed} breaks a promise: SIM_SEED={seed} make sim");
                    total.failed.push(seed);
                    // A few more, to choose the shortest from.
                    stop.store(total.failed.len() >= 5, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
    total.into_inner().expect("nobody panics with it")
}

/// Prints what happens while it happens, as far as it goes.
fn replay(seed: u64) {
    println!("seed {seed}");
    let outcome = simulate(seed, Story::Printed);
    for (what, times) in &outcome.met {
        println!("  {times:>10}  {what}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..30 {
        let [first, second] = [(); 2].map(|()| simulate(seed, Story::Kept(Vec::new())));
        let (Story::Kept(once), Story::Kept(again)) = (first.story, second.story) else {
            panic!("both stories are kept");
        };
        for (line, same) in once.iter().zip(&again) {
            assert_eq!(line, same, "seed {seed} takes another course");
        }
        assert_eq!(once.len(), again.len());
        assert_eq!(first.logs, second.logs, "seed {seed} leaves other logs");
    }
}

/// What the dice have to come to, each at least once in a hundred seeds.
const TELLING: &[&str] = &[
    "answer came again",
    "answer to a commit lost",
    "answer unknown",
    "attempt_failed",
    "attempt_interrupted",
    "attempt_progressed",
    "attempt_started",
    "call",
    "cancel",
    "clock set",
    "decide",
    "decide on something else",
    "died",
    "died at the store or a tool",
    "fork",
    "gate_decided",
    "gate_expired",
    "gate_opened",
    "iteration_ended",
    "iteration_started",
    "kept from acting",
    "lease lost at a commit",
    "map_started",
    "outcome_resolved",
    "outcome_unknown",
    "pause",
    "poll_missed",
    "put to rest",
    "refused",
    "report",
    "resolve",
    "resume",
    "resumed from a snapshot",
    "retry",
    "run again",
    "run_admitted",
    "run_cancelling",
    "run_compensating",
    "run_finished",
    "run_paused",
    "run_reopened",
    "run_resumed",
    "run_started",
    "skip",
    "skip_planned",
    "start",
    "step_cancelled",
    "step_completed",
    "step_failed",
    "step_queued",
    "step_skipped",
    "store call failed",
    "takeover",
    "tool failed",
    "tool hung",
    "tool lost its answer",
    "tool panicked",
    "tool reported",
    "tool said too much",
    "tool stopped when told",
    "tool was deaf",
    "tool was slow",
    "too many runs",
    "wait_started",
    "wake",
];

fn assert_not_dull(met: &Met, seeds: u64) {
    let least = seeds / 100;
    let rare: Vec<&&str> = TELLING
        .iter()
        .filter(|what| met.get(**what).copied().unwrap_or(0) < least)
        .collect();
    assert!(rare.is_empty(), "hardly any seed comes to {rare:?}");
}
