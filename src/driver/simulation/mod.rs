//! The deterministic simulation: the real engine and the real driver, with several runs of random workflows at once,
//! on the memory store, under a virtual clock, in one thread. Tools, people, the store, the clock and the process do
//! what a seed tells them; the invariants are checked on the store's logs after every action, and in the end, with
//! everything healed, every run has to end. `docs/simulation.md` says what this shows and what it does not.

mod crowd;
mod invariants;
mod ledger;
mod liveness;
mod process;
mod seeds;
mod store;
mod tools;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::ids::{RunId, VersionId};
use crate::engine::plan::{Outline, Plan};
use crate::engine::properties::chance::Chance;
use crate::engine::properties::workflows;
use crate::engine::time::Timestamp;
use crate::store::VersionCard;
use crate::store::memory::MemoryStore;
use ledger::{Ledger, Story};
use process::Process;
use world::{Met, Outside};

/// Runs that people start; their steps may start more.
const RUNS_MAX: usize = 5;
const ACTIONS_MAX: usize = 60;
/// Some day in 2026, so that ids and times look as they do.
const BEGINS_AT_US: i64 = 1_790_000_000_000_000;

struct Simulation {
    chance: Chance,
    outside: Outside,
    store: Arc<MemoryStore>,
    process: Process,
    /// Still there, and does not know yet that another process has taken over.
    replaced: Option<Process>,
    ledger: Ledger,
    cards: Vec<VersionCard>,
    asks: usize,
    started: usize,
    /// Virtual time that has gone by, in all.
    simulated_ms: u64,
}

/// What one seed came to.
struct Outcome {
    met: Met,
    simulated_ms: u64,
    /// Every log as JSON, to be compared byte by byte.
    logs: String,
    story: Story,
}

impl Simulation {
    fn new(seed: u64, story: Story) -> Self {
        let mut chance = Chance::new(seed);
        let outside = Outside::new(seed);
        let store = Arc::new(MemoryStore::default());
        let (mut cards, mut plans) = (Vec::new(), BTreeMap::new());
        // Later ones may run earlier ones as steps, one may run itself, and the last has two versions.
        for (slug, number, called) in [
            ("w0", 1, &[][..]),
            ("w1", 1, &["w0", "w1"][..]),
            ("w2", 1, &["w0", "w1"][..]),
            ("w2", 2, &["w0", "w1"][..]),
        ] {
            let stock = tools::stock(called);
            let (workflow, plan) = workflows::compiled(&mut chance, &stock);
            let version_id = VersionId::new(format!("{slug} v{number}"));
            let card = VersionCard {
                workflow_id: slug.into(),
                version_id: version_id.clone(),
                slug: slug.to_owned(),
                name: slug.to_uppercase(),
                number,
                deleted: false,
            };
            let outline = Outline::clone(&plan.outline);
            store.keep_version(card.clone(), workflow, outline);
            cards.push(card);
            plans.insert(version_id, Arc::<Plan>::new(plan));
        }
        let now = Timestamp::from_micros(BEGINS_AT_US);
        Self {
            process: Process::boot(0, &outside, &store, now),
            chance,
            outside,
            store,
            replaced: None,
            ledger: Ledger::new(plans, story),
            cards,
            asks: 0,
            started: 0,
            simulated_ms: 0,
        }
    }

    fn run(mut self) -> Outcome {
        self.somebody_starts();
        for _ in 0..10 + self.chance.below(ACTIONS_MAX) {
            self.act();
            self.look();
        }
        self.heal();
        let logs = self.settle_accounts();
        let mut met = self.ledger.met;
        for (what, times) in std::mem::take(&mut self.outside.lock().met) {
            *met.entry(what).or_default() += times;
        }
        Outcome {
            met,
            simulated_ms: self.simulated_ms,
            logs,
            story: self.ledger.story,
        }
    }

    /// One thing happens.
    fn act(&mut self) {
        match self.chance.below(100) {
            0..24 => {
                let ms = self.chance.below(60) as u64;
                self.time_passes(ms);
            }
            24..36 => {
                let ms = 100 + self.chance.below(4_000) as u64;
                self.time_passes(ms);
            }
            36..38 => {
                let ms = 10_000 + self.chance.below(50_000) as u64;
                self.time_passes(ms);
            }
            38..48 => self.somebody_starts(),
            48..58 => self.people_decide(),
            58..62 => self.somebody_resolves(),
            62..67 => self.somebody_outside_reports(),
            67..69 => self.somebody_cancels(),
            69..73 => self.somebody_holds_or_lets_go(),
            73..76 => self.somebody_skips(),
            76..80 => self.somebody_retries(),
            80..83 => self.somebody_begins_again(),
            83..86 => self.an_answer_comes_again(),
            86..87 => self.somebody_wakes_a_run(),
            87..89 => self.the_process_dies(),
            89..92 => {
                let left = 1 + self.chance.below(40);
                self.process.fate.trouble().dies_in = Some(left);
            }
            92..95 => self.the_store_has_trouble(),
            95..98 => self.another_process_takes_over(),
            _ => self.somebody_sets_the_clock(),
        }
    }

    /// For all processes. One that dies meanwhile is followed by another.
    fn time_passes(&mut self, ms: u64) {
        self.simulated_ms += ms;
        if let Some(old) = &self.replaced
            && !old.run_for(ms)
        {
            self.replaced = None;
        }
        if !self.process.run_for(ms) {
            self.ledger.meet("died at the store or a tool");
            self.the_next_process();
        }
    }

    fn the_process_dies(&mut self) {
        self.ledger.meet("died");
        self.the_next_process();
    }

    /// On the same store, after some time.
    fn the_next_process(&mut self) {
        let down_ms = if self.chance.percent(50) {
            0
        } else {
            self.chance.below(60_000) as u64
        };
        self.simulated_ms += down_ms;
        let starts_at = self.process.now().plus_ms(down_ms);
        let epoch = self.new_epoch();
        self.ledger
            .tell(|| format!("  process {epoch} starts at {starts_at}"));
        self.process = Process::boot(epoch, &self.outside, &self.store, starts_at);
    }

    fn new_epoch(&mut self) -> u32 {
        self.look();
        let mut world = self.outside.lock();
        world.epoch += 1;
        world.epoch
    }

    /// The old process has been cut off from the store, or has only been slow: it goes on as if nothing had happened.
    fn another_process_takes_over(&mut self) {
        self.ledger.meet("takeover");
        if self.chance.percent(40) {
            // In the middle of something: calls have been decided and not made yet.
            self.somebody_starts();
            let ms = self.chance.below(4) as u64;
            self.time_passes(ms);
        }
        let starts_at = self.process.now();
        if self.chance.percent(50) {
            self.process.fate.trouble().cut_off = true;
            let ms = self.chance.below(2_000) as u64;
            self.time_passes(ms);
        }
        let epoch = self.new_epoch();
        self.ledger
            .tell(|| format!("  process {epoch} takes over at {starts_at}"));
        let next = Process::boot(epoch, &self.outside, &self.store, starts_at);
        let old = std::mem::replace(&mut self.process, next);
        if self.chance.percent(70) {
            old.fate.trouble().cut_off = false;
        }
        self.replaced = Some(old);
    }

    fn the_store_has_trouble(&mut self) {
        let percent = if self.chance.percent(50) {
            0
        } else {
            5 + self.chance.below(60)
        };
        let cut_off = self.chance.percent(15);
        let mut trouble = self.process.fate.trouble();
        trouble.failing_percent = percent;
        trouble.cut_off = cut_off;
    }

    fn somebody_sets_the_clock(&mut self) {
        self.ledger.meet("clock set");
        let ms = i64::try_from(self.chance.below(600_000)).expect("small");
        let back = self.chance.percent(30);
        self.process
            .clock
            .set_by_ms(if back { -ms / 10 } else { ms });
    }

    /// Reads what has happened and holds it to the invariants.
    fn look(&mut self) {
        let (epoch, journal) = {
            let mut world = self.outside.lock();
            (world.epoch, std::mem::take(&mut world.journal))
        };
        self.ledger.read(epoch, journal);
    }

    fn open_runs(&self) -> Vec<RunId> {
        let books = self.ledger.books.iter();
        books
            .filter(|(_, book)| book.state.end.is_none())
            .map(|(run_id, _)| run_id.clone())
            .collect()
    }
}
