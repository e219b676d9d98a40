//! The live bus: what was committed, for whoever listens. A hint, not the truth: a listener who falls behind reads
//! the log again.

use std::sync::Arc;
use tokio::sync::broadcast;

use crate::engine::event::Recorded;
use crate::engine::summary::RunSummary;

/// Turns that a slow listener may lie behind before it has to read the log again.
const BACKLOG_TURNS_MAX: usize = 4_096;

/// One committed turn.
#[derive(Debug)]
pub struct Committed {
    pub events: Vec<Recorded>,
    /// The run as it stands after them.
    pub summary: RunSummary,
}

pub struct Bus(broadcast::Sender<Arc<Committed>>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG_TURNS_MAX))
    }
}

impl Bus {
    pub(super) fn publish(&self, committed: Committed) {
        // Nobody listening is no error.
        let _ = self.0.send(Arc::new(committed));
    }

    /// Everything committed from now on. Subscribe first, read the log second, and nothing falls between.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.0.subscribe()
    }
}
