//! Runs that rest. Most of the time of many runs is waiting: for a person's word, for next month. Such a run leaves
//! memory, and the database notes until when there is nothing to do for it. Whatever is said to it takes it up again; for
//! the rest there is one sleeper for all of them. A start takes up only what does not rest, however many wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

use super::Driver;
use super::children::has_parent;
use super::run_task::STORE_RETRY_MS;
use crate::engine::command::Command;
use crate::engine::decide::rooms_held;
use crate::engine::ids::RunId;
use crate::engine::plan::Plan;
use crate::engine::state::RunState;
use crate::engine::time::Timestamp;

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
const WOKEN_AT_ONCE: u32 = 500;

#[derive(Default)]
pub(super) struct Resting {
    is_kept: AtomicBool,
    /// Somebody has been put to rest.
    changed: Arc<Notify>,
}

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
    /// Notes in the database that there is nothing to do for the run. False: it stays.
    pub(super) async fn put_to_rest(self: &Arc<Self>, run_id: &RunId, state: &RunState) -> bool {
        let rests = self.store.put_to_rest(run_id, state.seq, state.wake_at());
        match rests.await {
            Ok(rests) => {
                self.keep_waking();
                self.resting.changed.notify_one();
                rests
            }
            Err(error) => {
                tracing::debug!(run.id = %run_id, %error, "the run stays in memory");
                false
            }
        }
    }

    /// Wakes resting runs when their moment has come, from now on and for as long as the driver is there.
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
                let next = driver.wake_those_due(&mut told).await;
                let clock = driver.clock_shared();
                drop(driver);
                let until_next = async {
                    match next {
                        Some(next) => clock.sleep_until(next).await,
                        None => std::future::pending().await,
                    }
                };
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
        let resting = match self.store.resting_runs(WOKEN_AT_ONCE).await {
            Ok(resting) => resting,
            Err(error) => {
                tracing::debug!(%error, "it is not known which runs rest");
                return Some(later(now, STORE_RETRY_MS as i64));
            }
        };
        let all = resting.len() < WOKEN_AT_ONCE as usize;
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
            // There are more behind them, which are found when these have moved.
            (None, false) => Some(later(now, STORE_RETRY_MS as i64)),
        }
    }
}
