//! What tools write, gathered until it is stored. A tool hands its lines over and goes on; while the store is slow they
//! wait here, up to a bound, and what is beyond it is left out with a mark.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::driver::Driver;
use crate::driver::run_task::STORE_RETRY_MS;
use crate::driver::tool::Log;
use crate::engine::logs::{LogAddress, LogStream, NewLine};
use crate::engine::time::Timestamp;
use crate::store::LogBatch;

/// So long lines are gathered before they are stored.
const GATHER_MS: u64 = 100;
/// So much is stored without waiting any longer.
const GATHERED_BYTES: u64 = 65_536;
/// What may wait of one attempt, and of all.
const WAITING_BYTES_MAX: u64 = 262_144;
const ALL_WAITING_BYTES_MAX: u64 = 16_777_216;
/// What a line takes up beside its text: many empty ones are not nothing.
const LINE_BYTES: u64 = 64;
/// Logs that are stored together, and how much of them, so that runs get their turn to write in between.
const TOGETHER_MAX: usize = 256;
const TOGETHER_BYTES: u64 = 1_048_576;
/// So long a result waits for what its tool has written. Then it is stored without: what is left comes later.
const FLUSH_MS_MAX: u64 = 2_000;

#[derive(Default)]
pub(super) struct Gathered {
    waiting: Mutex<Waiting>,
    /// Much has come together, or somebody waits for it to be stored.
    is_urgent: Notify,
}

#[derive(Default)]
struct Waiting {
    logs: BTreeMap<LogAddress, Buffer>,
    bytes: u64,
    /// Attempts whose tools may still write. Lines of others have no place.
    writers: BTreeSet<LogAddress>,
    /// Whose lines are just being stored.
    storing: BTreeSet<LogAddress>,
    /// Whose turn it was last: those behind it come next, so that nobody who writes much keeps others from theirs.
    last: Option<LogAddress>,
    /// Told when everything that waits now has been stored.
    flushes: Vec<oneshot::Sender<()>>,
    /// Somebody stores what comes.
    is_served: bool,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<NewLine>,
    bytes: u64,
    /// When the first of them was written.
    at: Timestamp,
    /// Lines that had no place.
    missed: u32,
}

impl Waiting {
    /// The next log in turn.
    fn next(&mut self) -> Option<(LogAddress, Buffer)> {
        let behind = self.last.as_ref().and_then(|last| {
            let mut behind = self.logs.range((Bound::Excluded(last), Bound::Unbounded));
            behind.next().map(|(log, _)| log.clone())
        });
        let (log, buffer) = match behind {
            Some(log) => self.logs.remove_entry(&log),
            None => self.logs.pop_first(),
        }?;
        self.last = Some(log.clone());
        Some((log, buffer))
    }
}

impl Waiting {
    fn has_lines_of(&self, log: &LogAddress) -> bool {
        self.logs.contains_key(log) || self.storing.contains(log)
    }
}

impl Buffer {
    fn into_batch(self, log: LogAddress, id: String) -> LogBatch {
        let mut lines = self.lines;
        if self.missed > 0 {
            let lost = format!(
                "{} of the tool's lines are missing here: they came faster than they could be stored.",
                self.missed
            );
            lines.push(NewLine::new(LogStream::Note, &lost));
        }
        LogBatch {
            log,
            at: self.at,
            offset: None,
            id: Some(id),
            lines,
        }
    }
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the attempt's tool may write.
    fn open(&self, log: &LogAddress) {
        self.lock().writers.insert(log.clone());
    }

    /// The attempt is over: what its tool writes from now on is not taken.
    fn close(&self, log: &LogAddress) {
        self.lock().writers.remove(log);
    }

    /// Whether there are lines of the log that are not stored yet, or may be written.
    pub(super) fn may_grow(&self, log: &LogAddress) -> bool {
        let waiting = self.lock();
        waiting.writers.contains(log) || waiting.has_lines_of(log)
    }

    /// Whether the attempt is over and there are lines of it that are not stored yet.
    pub(super) fn has_last_lines(&self, log: &LogAddress) -> bool {
        let waiting = self.lock();
        !waiting.writers.contains(log) && waiting.has_lines_of(log)
    }

    /// Whether somebody has to begin to store.
    fn add(&self, log: &LogAddress, at: Timestamp, line: NewLine) -> bool {
        let mut waiting = self.lock();
        if !waiting.writers.contains(log) {
            return false;
        }
        let bytes = line.bytes() + LINE_BYTES;
        let has_room = waiting.bytes + bytes <= ALL_WAITING_BYTES_MAX;
        let buffer = waiting.logs.entry(log.clone()).or_insert_with(|| Buffer {
            at,
            ..Buffer::default()
        });
        // After a line that is missing none is kept, so that the mark stands where they are missing.
        if !has_room || buffer.missed > 0 || buffer.bytes + bytes > WAITING_BYTES_MAX {
            buffer.missed = buffer.missed.saturating_add(1);
        } else {
            buffer.bytes += bytes;
            buffer.lines.push(line.written(at));
            waiting.bytes += bytes;
        }
        if waiting.bytes >= GATHERED_BYTES {
            self.is_urgent.notify_one();
        }
        !std::mem::replace(&mut waiting.is_served, true)
    }

    /// Told when what waits now is stored; none when nothing does.
    fn flush(&self) -> Option<oneshot::Receiver<()>> {
        let mut waiting = self.lock();
        if !waiting.is_served {
            return None;
        }
        let (stored, is_stored) = oneshot::channel();
        waiting.flushes.push(stored);
        self.is_urgent.notify_one();
        Some(is_stored)
    }

    /// What waits, and whom to tell. Nothing: whoever has stored so far is not needed any more. Each batch is given a name,
    /// by which the store recognises it when its answer was lost and it is sent again.
    fn take(
        &self,
        new_id: impl Fn() -> String,
    ) -> Option<(Vec<LogBatch>, Vec<oneshot::Sender<()>>)> {
        let mut waiting = self.lock();
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while batches.len() < TOGETHER_MAX
            && bytes < TOGETHER_BYTES
            && let Some((log, buffer)) = waiting.next()
        {
            bytes += buffer.bytes;
            waiting.bytes = waiting.bytes.saturating_sub(buffer.bytes);
            waiting.storing.insert(log.clone());
            batches.push(buffer.into_batch(log, new_id()));
        }
        // As the store wants them, whose turn it was first.
        batches.sort_by(|one: &LogBatch, other| one.log.cmp(&other.log));
        if batches.is_empty() && waiting.flushes.is_empty() {
            waiting.is_served = false;
            return None;
        }
        let flushes = match waiting.logs.is_empty() {
            true => std::mem::take(&mut waiting.flushes),
            false => Vec::new(),
        };
        Some((batches, flushes))
    }

    /// What was taken is stored, or never will be.
    fn stored(&self) {
        self.lock().storing.clear();
    }

    /// When there is enough to be stored, or it has waited long enough.
    async fn is_due(&self) {
        let is_due = {
            let waiting = self.lock();
            !waiting.flushes.is_empty() || waiting.bytes >= GATHERED_BYTES
        };
        if !is_due {
            // Running out of time is the usual way.
            let _ = timeout(Duration::from_millis(GATHER_MS), self.is_urgent.notified()).await;
        }
    }
}

/// Held by whoever stores: should that panic, the next line has somebody else begin to.
struct Serving<'a>(&'a Gathered);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut waiting = self.0.lock();
            waiting.is_served = false;
            waiting.storing.clear();
            // Whoever waits for what is lost need not wait any longer.
            waiting.flushes.clear();
        }
    }
}

/// What one attempt writes. When it is dropped the attempt is over, and its log takes no more of its tool.
pub(in crate::driver) struct Writing {
    /// It has written something.
    is_any: Arc<AtomicBool>,
    log: LogAddress,
    driver: Arc<Driver>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        let logs = &self.driver.logs;
        logs.gathered.close(&self.log);
        // Whoever waits for the last line may have had it.
        logs.watched.tell([&self.log]);
    }
}

impl Driver {
    /// Where the tool that makes this attempt writes.
    pub(in crate::driver) fn log_of(self: &Arc<Self>, log: LogAddress) -> (Log, Writing) {
        let is_any = Arc::new(AtomicBool::new(false));
        let writing = Writing {
            is_any: Arc::clone(&is_any),
            log: log.clone(),
            driver: Arc::clone(self),
        };
        self.logs.gathered.open(&log);
        let driver = Arc::downgrade(self);
        // Tools may write from threads of their own.
        let runtime = Handle::current();
        let write = move |stream: LogStream, text: &str| {
            let Some(driver) = driver.upgrade() else {
                return;
            };
            for line in NewLine::all_of(stream, text) {
                is_any.store(true, Ordering::SeqCst);
                if driver.logs.gathered.add(&log, driver.clock.now(), line) {
                    let driver = Arc::clone(&driver);
                    runtime.spawn(async move { driver.store_gathered().await });
                }
            }
        };
        (Log::new(write), writing)
    }

    /// Returns when what the attempt has written is stored, or could not be for a while.
    pub(in crate::driver) async fn flush_log(&self, writing: &Writing) {
        if writing.is_any.load(Ordering::SeqCst) {
            self.flush_logs().await;
        }
    }

    /// Returns when all that has been written is stored, or could not be for a while.
    pub(in crate::driver) async fn flush_logs(&self) {
        let Some(is_stored) = self.logs.gathered.flush() else {
            return;
        };
        let at_most = Duration::from_millis(FLUSH_MS_MAX);
        if timeout(at_most, is_stored).await.is_err() {
            tracing::warn!("what tools have written cannot be stored soon; it is not waited for");
        }
    }

    /// Until nothing waits any more.
    async fn store_gathered(&self) {
        let _serving = Serving(&self.logs.gathered);
        loop {
            self.logs.gathered.is_due().await;
            let new_id = || self.clock.new_id();
            let Some((batches, flushes)) = self.logs.gathered.take(new_id) else {
                return;
            };
            if !batches.is_empty() {
                self.store_patiently(&batches).await;
                self.logs.gathered.stored();
                self.logs
                    .watched
                    .tell(batches.iter().map(|batch| &batch.log));
            }
            for flush in flushes {
                // Whoever has given up waiting does not mind.
                let _ = flush.send(());
            }
        }
    }

    /// Tries for as long as the database may take them one day: what waits meanwhile has its bounds.
    async fn store_patiently(&self, batches: &[LogBatch]) {
        loop {
            match self.store_logs(batches).await {
                Ok(_) => return,
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "lines of logs cannot be stored now");
                    tokio::time::sleep(Duration::from_millis(STORE_RETRY_MS)).await;
                }
                // One of them may be what cannot be stored.
                Err(_) if batches.len() > 1 => {
                    for batch in batches {
                        Box::pin(self.store_patiently(std::slice::from_ref(batch))).await;
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "lines of logs could not be stored");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(step: &str) -> LogAddress {
        LogAddress {
            run_id: "r".into(),
            step: step.into(),
            attempt: 1,
        }
    }

    fn add(gathered: &Gathered, step: &str, text: &str) -> bool {
        let line = NewLine::new(LogStream::Stdout, text);
        gathered.open(&log(step));
        gathered.add(&log(step), Timestamp::from_micros(1), line)
    }

    #[test]
    fn the_first_line_has_somebody_begin_to_store() {
        let gathered = Gathered::default();
        assert!(gathered.flush().is_none(), "nothing waits");
        let begins = ["a", "b", "a"].map(|step| add(&gathered, step, "x"));
        assert_eq!(begins, [true, false, false]);
        let told = gathered.flush().expect("something waits");
        let (batches, flushes) = gathered.take(String::new).expect("it is there");
        let lines = batches.iter().map(|batch| batch.lines.len());
        assert_eq!(lines.collect::<Vec<_>>(), [2, 1]);
        assert_eq!(flushes.len(), 1);
        drop(told);
        assert!(gathered.take(String::new).is_none());
        assert!(add(&gathered, "a", "x"), "somebody has to begin anew");
    }

    #[test]
    fn a_log_may_grow_until_its_last_line_is_stored() {
        let gathered = Gathered::default();
        let log = log("a");
        assert!(!gathered.may_grow(&log));
        add(&gathered, "a", "x");
        let is = || (gathered.may_grow(&log), gathered.has_last_lines(&log));
        assert_eq!(is(), (true, false), "it is being written");
        gathered.close(&log);
        assert_eq!(is(), (true, true), "a line waits");
        let late = NewLine::new(LogStream::Stdout, "late");
        assert!(!gathered.add(&log, Timestamp::from_micros(1), late));
        let (batches, _) = gathered.take(String::new).expect("it is there");
        assert_eq!(
            batches[0].lines.len(),
            1,
            "what comes too late is not taken"
        );
        assert_eq!(is(), (true, true), "it is being stored");
        gathered.stored();
        assert_eq!(is(), (false, false));
    }

    #[test]
    fn all_get_their_turn_however_much_the_first_writes() {
        let gathered = Gathered::default();
        let text = "x".repeat(16_000);
        let mut stored = Vec::new();
        for _ in 0..3 {
            for step in ["a", "b", "c", "d", "e", "f", "g"] {
                // As much as may wait of one, again and again.
                while gathered
                    .lock()
                    .logs
                    .get(&log(step))
                    .is_none_or(|buffer| buffer.missed == 0)
                {
                    add(&gathered, step, &text);
                }
            }
            let (batches, _) = gathered.take(String::new).expect("it is there");
            stored.extend(batches.iter().map(|batch| batch.log.step.to_string()));
        }
        for step in ["a", "b", "c", "d", "e", "f", "g"] {
            assert!(
                stored.iter().any(|other| other == step),
                "{step}: {stored:?}"
            );
        }
    }

    #[test]
    fn a_panic_does_not_end_the_storing_for_good() {
        let gathered = Gathered::default();
        assert!(add(&gathered, "a", "x"));
        let flush = gathered.flush().expect("something waits");
        let serve = || {
            let _serving = Serving(&gathered);
            panic!("a mistake");
        };
        let served: std::thread::Result<()> =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(serve));
        assert!(served.is_err());
        assert!(flush.blocking_recv().is_err(), "nobody waits in vain");
        assert!(add(&gathered, "a", "x"), "somebody has to begin anew");
    }

    #[test]
    fn what_the_store_is_too_slow_for_is_left_out_with_a_mark() {
        let gathered = Gathered::default();
        let text = "x".repeat(1_023 - 64);
        for _ in 0..300 {
            add(&gathered, "a", &text);
        }
        add(&gathered, "b", "short");
        let (batches, _) = gathered.take(String::new).expect("it is there");
        let kept = &batches[0].lines;
        assert_eq!(kept.len(), 256 + 1);
        assert_eq!(kept[256].stream, LogStream::Note);
        let mark =
            "44 of the tool's lines are missing here: they came faster than they could be stored.";
        assert_eq!(kept[256], NewLine::new(LogStream::Note, mark));
        assert_eq!(batches[1].lines.len(), 1, "another log has its own room");
        assert_eq!(gathered.lock().bytes, 0);
    }

    #[test]
    fn all_that_waits_has_a_bound() {
        let gathered = Gathered::default();
        let text = "x".repeat(16_000);
        for step in 0..100 {
            for _ in 0..16 {
                add(&gathered, &format!("s{step}"), &text);
            }
        }
        assert!(gathered.lock().bytes <= ALL_WAITING_BYTES_MAX);
        assert!(gathered.lock().bytes > ALL_WAITING_BYTES_MAX - 32_000);
    }
}
