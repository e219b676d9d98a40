//! Runs that rest. Most of the time of many runs is waiting: for a person's word, for next month. Such a run leaves
//! memory, and the database notes until when there is nothing to do for it. Whatever is said to it takes it up again; for
//! the rest there is one sleeper for all of them. A start takes up only what does not rest, however many wait.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

use super::Driver;
use super::children::has_parent;
use super::run_task::STORE_RETRY_MS;
use crate::engine::command::Command;
use crate::engine::decide::rooms_held;
use crate::engine::ids::RunId;
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;
use crate::store::Rest;

/// How long nothing has happened to a run before it is put to rest: who has just looked at it may act on it.
#[cfg(not(test))]
const IDLE_MS: i64 = 60_000;
#[cfg(test)]
const IDLE_MS: i64 = 300;
/// A run that has something to do sooner than this stays.
#[cfg(not(test))]
const REST_MS_MIN: i64 = 300_000;
#[cfg(test)]
const REST_MS_MIN: i64 = 500;
/// Runs looked up at once.
const WOKEN_AT_ONCE: usize = 500;
/// Runs put to rest at once, and the pause behind them: after a busy hour ten thousand ask in the same second, and the log
/// is not to wait for them.
const PUT_AT_ONCE: usize = 100;
const PAUSE_MS: i64 = 50;

#[derive(Default)]
pub(super) struct Resting {
    is_kept: AtomicBool,
    /// Who asks to be put to rest, and has to be told.
    wishes: Mutex<VecDeque<Wish>>,
    /// There is a new wish.
    changed: Arc<Notify>,
}

type Wish = (Rest, oneshot::Sender<bool>);

/// When the run may be put to rest if nothing happens until then. Not while a tool, another run or a free room has still
/// to answer; and not what is a step of another run: whoever takes the process up asks whether it is still wanted.
pub(super) fn rests_at(state: &RunState, last_turn: Timestamp) -> Option<Timestamp> {
    let waits_only = state.end.is_none()
        && state.started_at.is_some()
        && !state.queued
        && state.running().next().is_none()
        && state.queued_steps().next().is_none();
    let is_a_step = has_parent(state.origin.as_ref()) && state.reopened == 0;
    (waits_only && !is_a_step).then(|| later(last_turn, IDLE_MS))
}

fn later(moment: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_micros(moment.as_micros().saturating_add(ms * 1_000))
}

/// Whether it is worth it, and nobody waits for a room that the run holds.
pub(super) fn may_rest_now(plan: &Plan, state: &RunState, now: Timestamp) -> bool {
    let long = state
        .wake_at()
        .is_none_or(|due| due >= later(now, REST_MS_MIN));
    long && rooms_held(plan, state).is_empty()
}

impl Driver {
    /// The answer is whether the database has noted that there is nothing to do for the run. Until it comes the run goes
    /// on as ever.
    pub(super) fn ask_for_rest(
        self: &Arc<Self>,
        run_id: &RunId,
        state: &RunState,
    ) -> oneshot::Receiver<bool> {
        let rest = Rest {
            run_id: run_id.clone(),
            seq: state.seq,
            until: state.wake_at(),
        };
        let (told, answer) = oneshot::channel();
        self.wishes().push_back((rest, told));
        self.keep_waking();
        self.resting.changed.notify_one();
        answer
    }

    fn wishes(&self) -> MutexGuard<'_, VecDeque<Wish>> {
        let wishes = self.resting.wishes.lock();
        wishes.unwrap_or_else(PoisonError::into_inner)
    }

    /// Some of those who ask. Answers whether there are more.
    async fn put_some_to_rest(&self) -> bool {
        let (some, more) = {
            let mut wishes = self.wishes();
            // Who has gone on meanwhile does not listen any more.
            wishes.retain(|(_, told)| !told.is_closed());
            let count = wishes.len().min(PUT_AT_ONCE);
            let some: Vec<Wish> = wishes.drain(..count).collect();
            (some, !wishes.is_empty())
        };
        if some.is_empty() {
            return false;
        }
        let (runs, told): (Vec<Rest>, Vec<_>) = some.into_iter().unzip();
        let rest = self.store.put_to_rest(&runs).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "runs stay in memory");
            vec![false; runs.len()]
        });
        for (told, rests) in told.into_iter().zip(rest) {
            // Who has gone on meanwhile has ended the rest by that.
            let _ = told.send(rests);
        }
        more
    }

    /// Puts runs to rest, and wakes them when their moment has come, from now on and for as long as the driver is there.
    pub(super) fn keep_waking(self: &Arc<Self>) {
        if self.resting.is_kept.swap(true, Ordering::Relaxed) {
            return;
        }
        let changed = Arc::clone(&self.resting.changed);
        let driver = Arc::downgrade(self);
        tokio::spawn(async move {
            // A run whose moment has come is told once; it may have a reason not to move.
            let mut told = BTreeSet::new();
            loop {
                let Some(driver) = driver.upgrade().filter(|driver| !driver.calls.is_closed())
                else {
                    return;
                };
                let more = driver.put_some_to_rest().await;
                let next = if more {
                    Some(later(driver.clock.now(), PAUSE_MS))
                } else {
                    driver.wake_those_due(&mut told).await
                };
                let clock = driver.clock_shared();
                drop(driver);
                let until_next = async {
                    match next {
                        Some(next) => clock.sleep_until(next).await,
                        None => std::future::pending().await,
                    }
                };
                if more {
                    until_next.await;
                    continue;
                }
                tokio::select! {
                    () = changed.notified() => {}
                    () = until_next => {}
                }
            }
        });
    }

    /// Answers when to look again; never, unless somebody is put to rest.
    async fn wake_those_due(
        self: &Arc<Self>,
        told: &mut BTreeSet<(Timestamp, RunId)>,
    ) -> Option<Timestamp> {
        let now = self.clock.now();
        // Behind those that have been told and cannot move, such as one that cannot be read any more.
        let looked_up = WOKEN_AT_ONCE + told.len();
        let resting = match self.store.resting_runs(looked_up).await {
            Ok(resting) => resting,
            Err(error) => {
                tracing::debug!(%error, "it is not known which runs rest");
                return Some(later(now, STORE_RETRY_MS as i64));
            }
        };
        let all = resting.len() < looked_up;
        let mut next = None;
        let mut due = BTreeSet::new();
        for (run_id, until) in resting {
            if until > now {
                next = Some(until);
                break;
            }
            due.insert((until, run_id));
        }
        for (_, run_id) in due.difference(told) {
            self.submit_quietly(run_id, Command::Wake).await;
        }
        *told = due;
        match (next, all) {
            (Some(next), _) => Some(next),
            (None, true) => None,
            // There are more behind them.
            (None, false) => Some(later(now, STORE_RETRY_MS as i64)),
        }
    }
}
