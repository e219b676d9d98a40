//! When the state of a run is written down, and how it is read back. A run of fifty thousand events is taken up by reading
//! one text and the few events behind it. The log is the truth: a snapshot that is lost, late or unreadable only costs
//! the time to fold it anew.

use std::sync::Arc;
use tokio::sync::Semaphore;

use super::Driver;
use super::loading::Loaded;
use crate::engine::ids::RunId;
use crate::engine::state::{RunState, SNAPSHOT_FORMAT};
use crate::store::{Snapshot, StoreError};

/// Events before the first snapshot: folding so many takes about as long as reading the run from the database.
#[cfg(not(test))]
const EVENTS_MIN: u32 = 1_000;
/// Every test that takes up a run twice takes it up from a snapshot.
#[cfg(test)]
const EVENTS_MIN: u32 = 4;

/// A run that holds more in values has no snapshot: reading them is what takes its time, with or without.
const VALUE_BYTES_MAX: u64 = 8_000_000;
/// Snapshots on their way at once; another run's waits for its next turn.
const WRITTEN_AT_ONCE: usize = 2;

/// Bounds what is on its way.
pub(super) struct Writing(Arc<Semaphore>);

impl Default for Writing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WRITTEN_AT_ONCE)))
    }
}

/// Whether it is time, the last one having been made at `last`. Later ones come at ever greater distances, so that over a
/// run's whole life not more is written than five times what its last snapshot says.
pub(super) fn is_due(seq: u32, last: u32) -> bool {
    seq.saturating_sub(last) >= EVENTS_MIN.max(last / 4)
}

impl Driver {
    /// Nobody waits for it, and nothing depends on it. False: not now.
    pub(super) fn write_down(self: &Arc<Self>, run_id: &RunId, state: &RunState) -> bool {
        if state.value_bytes() > VALUE_BYTES_MAX {
            return false;
        }
        let Ok(place) = Arc::clone(&self.snapshots.0).try_acquire_owned() else {
            return false;
        };
        let state_text = match state.to_snapshot() {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(run.id = %run_id, %error, "the state of run {run_id} cannot be written down");
                return false;
            }
        };
        let snapshot = Snapshot {
            seq: state.seq,
            state: state_text,
        };
        let (driver, run_id) = (Arc::clone(self), run_id.clone());
        tokio::spawn(async move {
            let kept = driver
                .store
                .keep_snapshot(&run_id, SNAPSHOT_FORMAT, snapshot);
            if let Err(error) = kept.await {
                tracing::debug!(run.id = %run_id, %error, "a snapshot was not kept");
            }
            drop(place);
        });
        true
    }

    /// The run as it stands in the store.
    pub(super) async fn resume(&self, run_id: &RunId) -> Result<Option<Loaded>, StoreError> {
        let Some(resumed) = self.store.resume(run_id, SNAPSHOT_FORMAT).await? else {
            return Ok(None);
        };
        let plan = self
            .plans
            .get(&*self.store, &resumed.header.version_id)
            .await?;
        let outline = || Arc::clone(&plan.outline);
        let (mut state, written_down) = match resumed.snapshot {
            None => (RunState::new(outline()), 0),
            Some(Snapshot { seq, state }) => match RunState::from_snapshot(outline(), &state) {
                Ok(state) => (state, seq),
                Err(why) => {
                    tracing::warn!(run.id = %run_id, why, "the snapshot of run {run_id} cannot be used");
                    return self.fold(run_id).await;
                }
            },
        };
        for recorded in &resumed.events {
            state.apply(recorded);
        }
        Ok(Some(Loaded {
            header: resumed.header,
            plan,
            state,
            written_down,
            start_key: None,
        }))
    }

    /// As `resume`, from the first event.
    async fn fold(&self, run_id: &RunId) -> Result<Option<Loaded>, StoreError> {
        let Some(stored) = self.store.load(run_id).await? else {
            return Ok(None);
        };
        let plan = self
            .plans
            .get(&*self.store, &stored.header.version_id)
            .await?;
        let state = RunState::replay(Arc::clone(&plan.outline), &stored.events);
        Ok(Some(Loaded {
            header: stored.header,
            plan,
            state,
            written_down: 0,
            start_key: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_much_more_is_written_than_the_last_snapshot_says() {
        let (mut last, mut written, mut longest_tail) = (0, 0, 0.0_f64);
        for seq in 1..=50_000 {
            longest_tail = longest_tail.max(f64::from(seq - last) / f64::from(seq.max(100)));
            if is_due(seq, last) {
                last = seq;
                written += seq;
            }
        }
        assert!(written < 5 * 50_000, "{written}");
        assert!(longest_tail < 0.25, "{longest_tail}");
    }
}
