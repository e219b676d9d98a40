//! The end of a simulation: everything is healed, and then every run has to end and leave nothing behind.

use futures::FutureExt;

use super::Simulation;
use super::invariants;
use crate::engine::event::Decision;
use crate::engine::event::Resolution;
use crate::engine::properties::invariants as engine_invariants;
use crate::engine::state::StepStatus;
use crate::store::{GateState, Store};

/// Rounds in which people look after what waits for them, and the time between two of them: more of it when things
/// take longer. An hour in all.
const ROUNDS: &[(usize, u64)] = &[(40, 50), (60, 1_000), (120, 30_000)];
/// Before people look after anything: longer than what is told to stop has for it.
const SETTLING_MS: u64 = 25_000;
/// After the last run has ended: longer than a tool that listens to nobody is waited for.
const LAST_CALLS_MS: u64 = 60_000;

impl Simulation {
    /// Tools answer, people answer, nothing fails and nobody dies any more.
    pub(super) fn heal(&mut self) {
        self.ledger.tell(|| "  everything is healed".to_owned());
        self.outside.lock().healed = true;
        self.replaced = None;
        *self.process.fate.trouble() = Default::default();
        self.time_passes(SETTLING_MS);
        self.look();
        for run_id in self.open_runs() {
            invariants::invariant_no_run_outlives_the_step_that_it_is(&self.ledger, &run_id);
        }
        for (rounds, ms) in ROUNDS {
            for _ in 0..*rounds {
                self.time_passes(*ms);
                self.look();
                if self.open_runs().is_empty() {
                    return;
                }
                self.people_look_after_everything();
            }
        }
        for run_id in self.open_runs() {
            let state = &self.ledger.books[&run_id].state;
            let open = state.steps.iter().filter(|step| !step.status.is_terminal());
            let waiting: Vec<_> = open
                .map(|step| (step.shape, step.status, &step.waits_for))
                .collect();
            eprintln!(
                "{run_id} is {:?}, queued {}: {waiting:?}",
                state.status(),
                state.queued
            );
        }
        panic!("stuck: {:?}", self.open_runs());
    }

    fn people_look_after_everything(&mut self) {
        for (run_id, step) in self.ledger.steps(&[StepStatus::WaitingForApproval]) {
            self.decide("decide", &run_id, &step, Decision::Approve, true);
        }
        for (run_id, step) in self.ledger.steps(&[StepStatus::OutcomeUnknown]) {
            self.resolve(&run_id, step, Resolution::Happened);
        }
        for (run_id, step) in self.ledger.steps(&[StepStatus::WaitingForExternal]) {
            self.report(&run_id, step, 0);
        }
        for run_id in self.open_runs() {
            if self.ledger.books[&run_id].state.paused.is_some() {
                self.resume(&run_id);
            }
        }
    }

    /// Nothing is left in memory, and the store holds what it was given. Answers all logs as text.
    pub(super) fn settle_accounts(&mut self) -> String {
        self.time_passes(LAST_CALLS_MS);
        self.look();
        let driver = &self.process.driver;
        assert!(self.open_runs().is_empty(), "an ended run goes on");
        assert_eq!(driver.runs_in_memory(), 0, "ended runs stay in memory");
        assert_eq!(driver.calls_under_way(), 0, "calls stay under way");
        assert!(!driver.rooms_in_use(), "a room is held for nobody");
        assert!(
            self.outside.calls_under_way().is_empty(),
            "calls of the dead"
        );
        let mut logs = String::new();
        for (run_id, book) in &self.ledger.books {
            let stored = at_once(self.store.load(run_id)).expect("it is there");
            invariants::invariant_replaying_the_log_gives_the_state(book, &stored.events);
            engine_invariants::check_log(&book.plan, &book.state, &stored.events);
            for step in &book.state.steps {
                assert!(step.status.is_terminal(), "a step outlives {run_id}");
                if let Some(gate) = &step.gate {
                    let row = at_once(self.store.gate(&gate.id)).expect("the gate is known");
                    assert_ne!(
                        row.state,
                        GateState::Open,
                        "the gate of an ended run is open"
                    );
                }
            }
            logs += &serde_json::to_string(&stored.events).expect("events are JSON");
            logs.push('\n');
        }
        assert_eq!(at_once(self.store.awake_runs()), Vec::new());
        assert_eq!(at_once(self.store.resting_runs(1)), Vec::new());
        logs
    }
}

/// The memory store itself never waits and never fails.
fn at_once<T>(answer: impl Future<Output = Result<T, crate::store::StoreError>>) -> T {
    answer
        .now_or_never()
        .expect("it does not wait")
        .expect("it does not fail")
}
