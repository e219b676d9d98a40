//! Logs of steps on their way into the store, and news of them for whoever watches. What tools write is gathered over all
//! attempts and stored a few times a second; a tool never waits for it. What somebody outside writes is stored when they
//! are answered.

mod gathered;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::{Driver, SubmitError};
use crate::engine::command::Rejection;
use crate::engine::event::{Event, Performer, Recorded};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::logs::{LogAddress, NewLine};
use crate::engine::state::RunState;
use crate::store::{Appended, LogBatch, StoreError};
use gathered::Gathered;

/// Steps of which it is remembered that somebody outside does them. Beyond that all are looked up again.
const KNOWN_MAX: usize = 4_096;

/// So long a page waits for the last lines of an attempt that has just ended.
const LAST_LINES_MS_MAX: u64 = 2_000;

/// Those who store lines at the same time: on PostgreSQL each holds a connection, and a share of the lease that its
/// renewal has to wait for.
const STORING_MAX: usize = 2;

pub(super) struct Logs {
    gathered: Gathered,
    /// Steps about which somebody outside is just writing, and how many of them.
    outside: Mutex<BTreeMap<(RunId, StepPath), usize>>,
    storing: Semaphore,
    watched: Arc<Watched>,
    known: Known,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            gathered: Gathered::default(),
            outside: Mutex::default(),
            storing: Semaphore::new(STORING_MAX),
            watched: Arc::default(),
            known: Known::default(),
        }
    }
}

/// Logs that somebody watches.
#[derive(Default)]
struct Watched(Mutex<BTreeMap<LogAddress, watch::Sender<()>>>);

impl Watched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LogAddress, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As `tell`, of all logs of the step.
    fn tell_step(&self, run_id: &RunId, step: &StepPath) {
        let log = |attempt| LogAddress {
            run_id: run_id.clone(),
            step: step.clone(),
            attempt,
        };
        for sender in self
            .lock()
            .range(log(0)..=log(u32::MAX))
            .map(|(_, sender)| sender)
        {
            sender.send_replace(());
        }
    }

    /// There may be more in these logs, or an end.
    fn tell<'a>(&self, logs: impl IntoIterator<Item = &'a LogAddress>) {
        let watched = self.lock();
        for log in logs {
            if let Some(sender) = watched.get(log) {
                sender.send_replace(());
            }
        }
    }
}

/// What somebody outside writes about the step that they do.
#[derive(Clone, Debug)]
pub struct OutsideLines {
    pub run_id: RunId,
    pub step: StepPath,
    /// Refused when another one is being made. None: whichever is.
    pub attempt: Option<u32>,
    /// How many lines they have written before: what has arrived is not stored again.
    pub offset: Option<u32>,
    pub lines: Vec<NewLine>,
}

/// Tells when there are new lines in a log, or nobody writes any more.
pub struct LogNews {
    log: LogAddress,
    /// There until it is dropped.
    receiver: Option<watch::Receiver<()>>,
    watched: Arc<Watched>,
}

impl LogNews {
    /// Returns when lines have been stored since the last time, or the last one has.
    pub async fn changed(&mut self) {
        let heard = match &mut self.receiver {
            Some(receiver) => receiver.changed().await.is_ok(),
            None => false,
        };
        if !heard {
            std::future::pending().await
        }
    }
}

impl Drop for LogNews {
    fn drop(&mut self) {
        let mut watched = self.watched.lock();
        // Under the lock, so that of two that go at once the second sees that it is the last.
        self.receiver = None;
        if let Some(sender) = watched.get(&self.log)
            && sender.receiver_count() == 0
        {
            watched.remove(&self.log);
        }
    }
}

/// The attempts that somebody outside makes and writes about, so that a run is not read for every line. Its owner strikes
/// off what may have changed.
#[derive(Default)]
struct Known {
    /// Most of the time nobody writes, and then no turn of a run is held up.
    is_any: AtomicBool,
    asked: AtomicU64,
    attempts: Mutex<BTreeMap<RunId, BTreeMap<StepPath, Standing>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// Being looked up, for the one with this number.
    Asked(u64),
    /// This attempt is being made.
    Made(u32),
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, BTreeMap<StepPath, Standing>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt(&self, run_id: &RunId, step: &StepPath) -> Option<u32> {
        match self.lock().get(run_id)?.get(step)? {
            Standing::Made(attempt) => Some(*attempt),
            Standing::Asked(_) => None,
        }
    }

    /// Somebody begins to look it up. Answers their number.
    fn ask(&self, run_id: &RunId, step: &StepPath) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut attempts = self.lock();
        if attempts.values().map(BTreeMap::len).sum::<usize>() >= KNOWN_MAX {
            attempts.clear();
        }
        let of_run = attempts.entry(run_id.clone()).or_default();
        of_run.insert(step.clone(), Standing::Asked(number));
        self.is_any.store(true, Ordering::SeqCst);
        number
    }

    fn forget(&self, run_id: &RunId, step: &StepPath) {
        let mut attempts = self.lock();
        if let Some(of_run) = attempts.get_mut(run_id) {
            of_run.remove(step);
            if of_run.is_empty() {
                attempts.remove(run_id);
            }
        }
    }

    /// What was found, unless the run has gone on meanwhile.
    fn found(&self, run_id: &RunId, step: &StepPath, number: u64, attempt: u32) {
        let mut attempts = self.lock();
        let standing = attempts.get_mut(run_id).and_then(|run| run.get_mut(step));
        if let Some(standing) = standing
            && *standing == Standing::Asked(number)
        {
            *standing = Standing::Made(attempt);
        }
    }
}

impl Logs {
    /// The run has gone on by these events, which are stored.
    pub(super) fn update(&self, run_id: &RunId, events: &[Recorded], has_ended: bool) {
        if !self.known.is_any.load(Ordering::SeqCst) {
            return;
        }
        let mut attempts = self.known.lock();
        if has_ended {
            attempts.remove(run_id);
        } else if let Some(of_run) = attempts.get_mut(run_id) {
            for recorded in events {
                if !is_progress(&recorded.event)
                    && let Some(step) = recorded.event.step()
                {
                    of_run.remove(step);
                }
            }
        }
        self.known
            .is_any
            .store(!attempts.is_empty(), Ordering::SeqCst);
    }
}

/// Held by whoever writes from outside, from before it is found out whether they may until it is stored: whoever reads
/// meanwhile is told of no end.
struct Adding<'a> {
    logs: &'a Logs,
    step: (RunId, StepPath),
}

impl Logs {
    fn outside(&self) -> MutexGuard<'_, BTreeMap<(RunId, StepPath), usize>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_from_outside(&self, run_id: &RunId, step: &StepPath) -> Adding<'_> {
        let step = (run_id.clone(), step.clone());
        *self.outside().entry(step.clone()).or_default() += 1;
        Adding { logs: self, step }
    }

    fn may_grow(&self, log: &LogAddress) -> bool {
        let step = (log.run_id.clone(), log.step.clone());
        self.gathered.may_grow(log) || self.outside().contains_key(&step)
    }
}

impl Drop for Adding<'_> {
    fn drop(&mut self) {
        let mut outside = self.logs.outside();
        if let Some(adding) = outside.get_mut(&self.step) {
            *adding -= 1;
            if *adding == 0 {
                outside.remove(&self.step);
            }
        }
        drop(outside);
        let (run_id, step) = &self.step;
        self.logs.watched.tell_step(run_id, step);
    }
}

/// An attempt that goes on goes on.
fn is_progress(event: &Event) -> bool {
    matches!(event, Event::AttemptProgressed { .. })
}

/// Whether the attempt of that log may have ended by this.
pub fn may_end(event: &Event, log: &LogAddress) -> bool {
    !is_progress(event) && event.step().is_none_or(|step| *step == log.step)
}

impl Driver {
    /// Tells of lines that are stored from now on. Subscribe first, read second, and nothing falls between.
    pub fn watch_log(&self, log: &LogAddress) -> LogNews {
        let mut watched = self.logs.watched.lock();
        let sender = watched
            .entry(log.clone())
            .or_insert_with(|| watch::Sender::new(()));
        LogNews {
            log: log.clone(),
            receiver: Some(sender.subscribe()),
            watched: Arc::clone(&self.logs.watched),
        }
    }

    /// Somebody outside writes about the step that they do. Answers the attempt and what became of the lines.
    pub async fn write_log(&self, told: OutsideLines) -> Result<(u32, Appended), SubmitError> {
        let OutsideLines {
            run_id,
            step,
            attempt,
            offset,
            lines,
        } = told;
        let _adding = self.logs.add_from_outside(&run_id, &step);
        let made = self.attempt_outside(&run_id, &step).await?;
        if let Some(attempt) = attempt
            && attempt != made
        {
            return Err(Rejection::LateResult { step, attempt }.into());
        }
        let log = LogAddress {
            run_id,
            step,
            attempt: made,
        };
        let batch = LogBatch {
            log,
            at: self.clock.now(),
            offset,
            id: None,
            lines,
        };
        let answers = self.store_logs(&[batch]).await?;
        let answer = answers.first().copied().unwrap_or(Appended::NoSuchRun);
        Ok((made, answer))
    }

    /// The attempt of the step that somebody outside makes now.
    async fn attempt_outside(&self, run_id: &RunId, step: &StepPath) -> Result<u32, SubmitError> {
        let known = &self.logs.known;
        if let Some(attempt) = known.attempt(run_id, step) {
            return Ok(attempt);
        }
        let number = known.ask(run_id, step);
        let made = self.look_up(run_id, step).await;
        match made {
            Ok(attempt) => known.found(run_id, step, number, attempt),
            // What is refused is not remembered: anybody may ask for anything.
            Err(_) => known.forget(run_id, step),
        }
        made
    }

    async fn look_up(&self, run_id: &RunId, step: &StepPath) -> Result<u32, SubmitError> {
        let state = self.read(run_id).await?.ok_or(SubmitError::NoSuchRun)?;
        Ok(made_outside(&state, step)?)
    }

    /// Whether lines of this log may come that nobody can read yet, although the attempt may have ended: its tool takes its
    /// leave, or what was written last is being stored.
    pub fn log_may_grow(&self, log: &LogAddress) -> bool {
        self.logs.may_grow(log)
    }

    /// Returns when the last lines of an attempt that is over are stored, or could not be for a while. Of an attempt that
    /// is being made at once.
    pub async fn last_lines(&self, log: &LogAddress) {
        if !self.logs.gathered.has_last_lines(log) {
            return;
        }
        let mut news = self.watch_log(log);
        let stored = async {
            while self.logs.gathered.has_last_lines(log) {
                news.changed().await;
            }
        };
        // Whoever reads then sees what is there.
        let _ = timeout(Duration::from_millis(LAST_LINES_MS_MAX), stored).await;
    }

    async fn store_logs(&self, batches: &[LogBatch]) -> Result<Vec<Appended>, StoreError> {
        // Never closed, so there is always one to wait for.
        let _permit = self.logs.storing.acquire().await;
        self.store.append_logs(batches).await
    }
}

fn made_outside(state: &RunState, path: &StepPath) -> Result<u32, Rejection> {
    if state.end.is_some() {
        return Err(Rejection::RunEnded);
    }
    let step = state
        .step(path)
        .ok_or_else(|| Rejection::UnknownStep(path.clone()))?;
    let running = step.running_attempt();
    running
        .filter(|attempt| attempt.by == Performer::Outside)
        .map(|attempt| attempt.number)
        .ok_or_else(|| Rejection::NotExternal(path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_may_grow_while_somebody_outside_is_writing() {
        let logs = Logs::default();
        let log = |step: &str| LogAddress {
            run_id: "r".into(),
            step: step.into(),
            attempt: 1,
        };
        let one = logs.add_from_outside(&"r".into(), &"a".into());
        let other = logs.add_from_outside(&"r".into(), &"a".into());
        drop(one);
        assert!(logs.may_grow(&log("a")) && !logs.may_grow(&log("b")));
        drop(other);
        assert!(!logs.may_grow(&log("a")));
    }
}
