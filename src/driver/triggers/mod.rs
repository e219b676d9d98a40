//! Starts runs by itself. One task looks at what is due, starts it and notes it, then sleeps until the next moment,
//! until a run ends that somebody waits for, or until it is told that something has been set anew.
//!
//! Each firing has a start key of its own: made of the trigger and the moment, the message or the end that it answers.
//! The run is stored with its key first, the firing is noted second. Whoever dies in between finds the same firing due
//! once more, and the key leads to the run that there is.

mod fire;
pub mod schedule;
mod webhook;

pub(super) use fire::{Firing, key};
pub(super) use webhook::new_key;
pub use webhook::{NotAccepted, Signed, verify};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::run_task::STORE_RETRY_MS;
use super::{Committed, Driver};
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Overlap, Schedule, Source};
use crate::store::{Progress, StoreError, TriggerRow, TriggerStore};
use schedule::{MISSED_MAX, Timetable, chosen};

/// Ends of runs that are read at once.
const ENDS_READ: u32 = 100;
/// A clock that goes back by less is corrected, not set: what has been dealt with is not looked at again.
const SET_BACK_MS_MIN: u64 = 60_000;

/// What starts runs by itself.
pub struct Triggers {
    pub(super) driver: Arc<Driver>,
    pub(super) store: Arc<dyn TriggerStore>,
    changed: Notify,
    stopping: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What to wait for when everything that is due has been started.
#[derive(Debug, Default)]
struct Outlook {
    next: Option<Timestamp>,
    /// Somebody waits for a run to end.
    ends: bool,
}

impl Triggers {
    pub fn new(driver: Arc<Driver>, store: Arc<dyn TriggerStore>) -> Arc<Self> {
        Arc::new(Self {
            driver,
            store,
            changed: Notify::new(),
            stopping: CancellationToken::new(),
            task: Mutex::default(),
        })
    }

    /// From now on runs are started when they are due, beginning with what a process before this one left undone.
    pub fn start(self: &Arc<Self>) {
        let triggers = Arc::clone(self);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = triggers.stopping.cancelled() => {}
                () = triggers.work() => {}
            }
        });
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(task);
    }

    /// Something was set anew: what was waited for may not come, or something earlier.
    pub fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Nothing is started any more once it has answered. A firing that is cut off is made at the next start.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // It has no result, and a panic has been told about.
            let _ = task.await;
        }
    }

    async fn work(self: &Arc<Self>) {
        let mut commits: Option<broadcast::Receiver<Arc<Committed>>> = None;
        loop {
            let outlook = match self.pass().await {
                Ok(outlook) => outlook,
                Err(StoreError::LeaseLost) => return,
                Err(error) => {
                    tracing::warn!(%error, "what is due cannot be started now");
                    tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
                    continue;
                }
            };
            match (&commits, outlook.ends) {
                (None, true) => {
                    // Listen first, look second: what ended in between is seen.
                    commits = Some(self.driver.subscribe());
                    continue;
                }
                (Some(_), false) => commits = None,
                (Some(_), true) | (None, false) => {}
            }
            let due = async {
                match outlook.next {
                    Some(moment) => self.driver.clock.sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = due => {}
                () = a_run_ends(&mut commits) => {}
            }
        }
    }

    /// Starts everything that is due.
    async fn pass(self: &Arc<Self>) -> Result<Outlook, StoreError> {
        let mut outlook = Outlook::default();
        for row in self.store.enabled_triggers().await? {
            match &row.trigger.source {
                Source::Schedule(schedule) => {
                    let (next, waits) = self.keep_to(&row, schedule).await?;
                    outlook.next = outlook.next.into_iter().chain(next).min();
                    outlook.ends |= waits;
                }
                Source::RunFinished(_) => outlook.ends = true,
                Source::Webhook(_) => {}
            }
        }
        if outlook.ends {
            self.follow_ends().await?;
        }
        Ok(outlook)
    }

    /// Starts what the schedule owes. Answers its next moment, and whether a moment waits for a run to end.
    async fn keep_to(
        self: &Arc<Self>,
        row: &TriggerRow,
        schedule: &Schedule,
    ) -> Result<(Option<Timestamp>, bool), StoreError> {
        let id = &row.trigger.id;
        let Ok(timetable) = Timetable::parse(&schedule.cron, &schedule.zone) else {
            // It was checked when it was saved; a release that reads it differently must not stop the others.
            tracing::error!(trigger.id = %id, "the schedule of trigger {id} cannot be read any more");
            return Ok((None, false));
        };
        let now = self.driver.clock.now();
        let mut last_run = row.standing.last_run.clone();
        // What waited when it was set anew belongs to what was set before.
        let mut queued = row
            .standing
            .queued
            .filter(|moment| *moment > row.trigger.since);
        if let Some(moment) = queued
            && !self.still_runs(last_run.as_ref()).await?
        {
            let progress = Progress {
                done_until: row.standing.done_until,
                queued: None,
            };
            let run = self.fire_moment(row, schedule, moment, progress).await?;
            last_run = run.or(last_run);
            queued = None;
        }
        let from = position(row, now);
        let due = timetable.due(from, now, MISSED_MAX);
        for moment in chosen(schedule.missed, &due.moments, now) {
            let busy = match schedule.overlap {
                Overlap::Allow => false,
                Overlap::Skip | Overlap::Queue => self.still_runs(last_run.as_ref()).await?,
            };
            if busy {
                if schedule.overlap == Overlap::Queue {
                    queued = queued.or(Some(moment));
                }
                continue;
            }
            let progress = Progress {
                done_until: Some(moment),
                queued,
            };
            let run = self.fire_moment(row, schedule, moment, progress).await?;
            last_run = run.or(last_run);
        }
        if let Some(last) = due.moments.last() {
            let progress = Progress {
                done_until: Some(*last),
                queued,
            };
            self.store.note_firing(id, Some(progress), None).await?;
        }
        if due.more {
            tracing::warn!(trigger.id = %id, "trigger {id} missed more than {MISSED_MAX} moments; the older ones are dropped");
        }
        Ok((timetable.next_after(from.max(now)), queued.is_some()))
    }
}

/// Moments up to this one have been dealt with.
fn position(row: &TriggerRow, now: Timestamp) -> Timestamp {
    let position = row
        .trigger
        .since
        .max(row.standing.done_until.unwrap_or_default());
    if position.ms_since(now) > SET_BACK_MS_MIN {
        // The clock had been wrong, or is. What fires again has its key already and leads to the run of then; to wait
        // until the clock has caught up might be to wait for ever.
        now
    } else {
        position
    }
}

/// When a schedule comes next, to be shown. `None` when it is switched off, is no schedule, or never comes again.
pub fn next_at(row: &TriggerRow, now: Timestamp) -> Option<Timestamp> {
    let Source::Schedule(schedule) = &row.trigger.source else {
        return None;
    };
    let timetable = Timetable::parse(&schedule.cron, &schedule.zone).ok()?;
    let from = position(row, now).max(now);
    timetable.next_after(from).filter(|_| row.trigger.enabled)
}

async fn a_run_ends(commits: &mut Option<broadcast::Receiver<Arc<Committed>>>) {
    let Some(commits) = commits else {
        return std::future::pending().await;
    };
    loop {
        match commits.recv().await {
            Ok(turn) if turn.summary.status.is_terminal() => return,
            Ok(_) => {}
            // Some were not seen, and one of them may have been an end.
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        }
    }
}
