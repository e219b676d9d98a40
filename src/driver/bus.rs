//! The live bus: what was committed, for whoever listens. A hint, not the truth: a listener who falls behind reads
//! the log again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

use crate::engine::event::Recorded;
use crate::engine::ids::RunId;
use crate::engine::summary::RunSummary;

/// Turns that a slow listener may lie behind before it has to read the log again.
const BACKLOG_TURNS_MAX: usize = 4_096;
/// The same for who listens to one run.
const BACKLOG_OF_RUN_MAX: usize = 256;

/// One committed turn.
#[derive(Debug)]
pub struct Committed {
    pub events: Arc<[Recorded]>,
    /// The run as it stands after them.
    pub summary: Arc<RunSummary>,
}

type Sender = broadcast::Sender<Arc<Committed>>;

pub struct Bus {
    all: Sender,
    /// Runs that somebody listens to alone: a thousand callers who each wait for the end of theirs are not to be woken
    /// by every turn of the others.
    runs: Arc<Listened>,
}

#[derive(Default)]
struct Listened(Mutex<BTreeMap<RunId, Sender>>);

impl Listened {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turns of one run from some moment on.
pub struct RunNews {
    run_id: RunId,
    /// There until it is dropped.
    receiver: Option<broadcast::Receiver<Arc<Committed>>>,
    runs: Arc<Listened>,
}

impl RunNews {
    pub async fn recv(&mut self) -> Result<Arc<Committed>, broadcast::error::RecvError> {
        match &mut self.receiver {
            Some(receiver) => receiver.recv().await,
            None => Err(broadcast::error::RecvError::Closed),
        }
    }

    /// What is there already.
    pub fn try_recv(&mut self) -> Option<Arc<Committed>> {
        self.receiver.as_mut()?.try_recv().ok()
    }
}

impl Drop for RunNews {
    fn drop(&mut self) {
        let mut runs = self.runs.lock();
        // Under the lock, so that of two that go at once the second sees that it is the last.
        self.receiver = None;
        if let Some(sender) = runs.get(&self.run_id)
            && sender.receiver_count() == 0
        {
            runs.remove(&self.run_id);
        }
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            all: broadcast::Sender::new(BACKLOG_TURNS_MAX),
            runs: Arc::default(),
        }
    }
}

impl Bus {
    pub(super) fn publish(&self, committed: Committed) {
        let committed = Arc::new(committed);
        if let Some(listeners) = self.runs.lock().get(&committed.summary.header.run_id) {
            // Whoever has just gone away misses nothing.
            let _ = listeners.send(Arc::clone(&committed));
        }
        // Nobody listening is no error.
        let _ = self.all.send(committed);
    }

    /// Everything committed from now on. Subscribe first, read the log second, and nothing falls between.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.all.subscribe()
    }

    /// The same of one run, which need not exist yet.
    pub fn follow(&self, run_id: &RunId) -> RunNews {
        let mut runs = self.runs.lock();
        let sender = runs
            .entry(run_id.clone())
            .or_insert_with(|| broadcast::Sender::new(BACKLOG_OF_RUN_MAX));
        RunNews {
            run_id: run_id.clone(),
            receiver: Some(sender.subscribe()),
            runs: Arc::clone(&self.runs),
        }
    }

    #[cfg(test)]
    fn runs_followed(&self) -> usize {
        self.runs.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::start;

    fn turn(run: &str) -> Committed {
        let commit = start(run);
        Committed {
            events: commit.events,
            summary: commit.summary,
        }
    }

    #[tokio::test]
    async fn who_follows_a_run_hears_of_that_one_only_and_leaves_nothing_behind() {
        let bus = Bus::default();
        let (mut first, mut second) = (bus.follow(&RunId::new("a")), bus.follow(&RunId::new("a")));
        bus.publish(turn("b"));
        bus.publish(turn("a"));
        let heard = first.recv().await.expect("a turn");
        assert_eq!(heard.summary.header.run_id, RunId::new("a"));
        assert!(first.try_recv().is_none());
        drop(first);
        assert_eq!(bus.runs_followed(), 1, "another one listens");
        assert!(second.try_recv().is_some());
        drop(second);
        assert_eq!(bus.runs_followed(), 0);
    }
}
