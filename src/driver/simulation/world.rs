//! What is outside of every process: which calls were made and which effects took place, who was told what, and the
//! order of it all. Processes die; this goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

use crate::engine::command::Command;
use crate::engine::event::Recorded;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::properties::chance::Chance;
use crate::engine::summary::RunSummary;
use crate::engine::tool::EffectClass;
use crate::store::Snapshot;

/// Shared by all that is simulated; everything runs in one thread, so nobody ever waits for it.
#[derive(Clone)]
pub(super) struct Outside(Arc<Mutex<World>>);

pub(super) struct World {
    /// For whatever happens inside and around a process.
    pub chance: Chance,
    /// Tools answer, soon and well.
    pub healed: bool,
    /// Of the process that holds the store.
    pub epoch: u32,
    /// What has happened and was not yet checked, in order.
    pub journal: Vec<Entry>,
    /// What tools have answered, to be said again.
    pub answers: Vec<(RunId, Command)>,
    pub met: Met,
    under_way: BTreeMap<u64, (Call, CancellationToken)>,
    calls: u64,
}

/// How often each thing was met.
pub(super) type Met = BTreeMap<&'static str, u64>;

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub run_id: RunId,
    pub step: StepPath,
    pub attempt: u32,
    pub tool: String,
    pub class: EffectClass,
    pub key: String,
    pub epoch: u32,
}

#[derive(Debug)]
pub(super) enum Entry {
    /// A turn is in the store.
    Stored {
        epoch: u32,
        expected_seq: u32,
        summary: Box<RunSummary>,
        events: Vec<Recorded>,
    },
    /// The process knows that its turn is in the store.
    Acknowledged { run_id: RunId },
    /// The state of a run is in the store.
    WrittenDown { run_id: RunId, snapshot: Snapshot },
    /// A tool begins; beside it those that this process is calling and has not told to stop.
    Began { call: Call, beside: Vec<Call> },
    /// The effect of a call is there.
    Took { call: Call },
    /// Somebody got an answer.
    Answered { ask: Ask, verdict: Verdict },
}

/// What somebody asked for. The mark is found in the log if it was done.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub run_id: RunId,
    pub what: &'static str,
    pub mark: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Done,
    /// Nothing has changed.
    Refused(String),
    /// It may have been done or not.
    Unknown(String),
}

impl Outside {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            chance: Chance::new(seed ^ 0x0005_dead_beef),
            healed: false,
            epoch: 0,
            journal: Vec::new(),
            answers: Vec::new(),
            met: Met::new(),
            under_way: BTreeMap::new(),
            calls: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, entry: Entry) {
        self.lock().journal.push(entry);
    }

    pub(super) fn percent(&self, likely: usize) -> bool {
        self.lock().chance.percent(likely)
    }

    pub(super) fn below(&self, bound: usize) -> usize {
        self.lock().chance.below(bound)
    }

    pub(super) fn meet(&self, what: &'static str) {
        *self.lock().met.entry(what).or_default() += 1;
    }

    /// A call has begun. It is under way until the answer is dropped: with its process, at the latest.
    pub(super) fn begin(&self, call: Call, cancel: CancellationToken) -> UnderWay {
        let mut world = self.lock();
        let others = world.under_way.values();
        let beside = others
            .filter(|(other, told)| other.epoch == call.epoch && !told.is_cancelled())
            .map(|(other, _)| other.clone())
            .collect();
        world.calls += 1;
        let number = world.calls;
        world.under_way.insert(number, (call.clone(), cancel));
        world.journal.push(Entry::Began { call, beside });
        UnderWay {
            outside: self.clone(),
            number,
        }
    }

    pub(super) fn calls_under_way(&self) -> BTreeSet<u64> {
        self.lock().under_way.keys().copied().collect()
    }
}

pub(super) struct UnderWay {
    outside: Outside,
    number: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.outside.lock().under_way.remove(&self.number);
    }
}
