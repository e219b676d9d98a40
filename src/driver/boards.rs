//! Task lists that somebody has on the page. They are asked for again at every change of their run, so the owner of the
//! run keeps them up to date meanwhile, and no log is read for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Driver;
use super::clock::Clock;
use crate::engine::ids::RunId;
use crate::engine::state::RunState;
use crate::engine::summary::RunSummary;
use crate::engine::tasks::TaskList;
use crate::engine::time::Timestamp;
use crate::store::StoreError;

/// So long after the last look at it nobody keeps a list up to date.
const KEPT_MS: u64 = 30_000;
/// What is in the store can be ahead of its owner's word for so long.
const BEHIND: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(super) struct Boards {
    /// Most of the time nobody looks, and then no turn of a run is held up.
    is_any: AtomicBool,
    boards: Mutex<BTreeMap<RunId, Board>>,
    /// Held while a run is read for its list.
    reading: tokio::sync::Mutex<()>,
}

struct Board {
    list: Arc<TaskList>,
    looked_at: Timestamp,
}

impl Boards {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Board>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list that is kept up to date; none if nobody has looked for a while.
    fn look(&self, run_id: &RunId, now: Timestamp) -> Option<Arc<TaskList>> {
        let mut boards = self.lock();
        let board = boards.get_mut(run_id)?;
        board.looked_at = now;
        Some(Arc::clone(&board.list))
    }

    /// From now on the list is kept up to date.
    fn put_up(&self, run_id: &RunId, list: &Arc<TaskList>, now: Timestamp) {
        let mut boards = self.lock();
        self.take_down(&mut boards, now);
        let board = boards.entry(run_id.clone()).or_insert_with(|| Board {
            list: Arc::clone(list),
            looked_at: now,
        });
        if board.list.seq < list.seq {
            board.list = Arc::clone(list);
        }
        self.is_any.store(true, Ordering::Relaxed);
    }

    /// What nobody has looked at for a while.
    fn take_down(&self, boards: &mut BTreeMap<RunId, Board>, now: Timestamp) {
        boards.retain(|_, board| now.ms_since(board.looked_at) < KEPT_MS);
        self.is_any.store(!boards.is_empty(), Ordering::Relaxed);
    }

    fn is_up(&self, run_id: &RunId, now: Timestamp) -> bool {
        let mut boards = self.lock();
        self.take_down(&mut boards, now);
        boards.contains_key(run_id)
    }

    #[cfg(test)]
    pub(super) fn kept(&self, run_id: &RunId) -> Option<Arc<TaskList>> {
        let boards = self.lock();
        boards.get(run_id).map(|board| Arc::clone(&board.list))
    }

    /// The run is in this state now, which is stored.
    pub(super) fn update(&self, run_id: &RunId, state: &RunState, clock: &dyn Clock) {
        if !self.is_any.load(Ordering::Relaxed) || !self.is_up(run_id, clock.now()) {
            return;
        }
        // Made while other runs may have theirs.
        let list = Arc::new(TaskList::of(state));
        if let Some(board) = self.lock().get_mut(run_id) {
            board.list = list;
        }
    }
}

impl Driver {
    /// The tasks of this run, no older than its summary; none if there is no such run.
    pub(super) async fn task_list(
        &self,
        summary: &RunSummary,
    ) -> Result<Option<Arc<TaskList>>, StoreError> {
        let run_id = &summary.header.run_id;
        let look = || self.boards.look(run_id, self.clock.now());
        let is_current = |list: &Arc<TaskList>| list.seq >= summary.seq;
        if let Some(list) = look() {
            if is_current(&list) {
                return Ok(Some(list));
            }
            tokio::time::sleep(BEHIND).await;
        }
        // One after the other: of many who ask at once the first reads the run.
        let _turn = self.boards.reading.lock().await;
        // Otherwise another process has gone on with the run.
        if let Some(list) = look().filter(is_current) {
            return Ok(Some(list));
        }
        let Some(state) = self.read(run_id).await? else {
            return Ok(None);
        };
        let list = Arc::new(TaskList::of(&state));
        self.boards.put_up(run_id, &list, self.clock.now());
        Ok(Some(list))
    }

    /// The run as it is stored, also where it cannot go on in this release.
    pub(super) async fn read(&self, run_id: &RunId) -> Result<Option<RunState>, StoreError> {
        match self.resume(run_id).await {
            Ok(loaded) => Ok(loaded.map(|loaded| loaded.state)),
            Err(StoreError::Corrupt(_)) => {
                let Some(stored) = self.store.load(run_id).await? else {
                    return Ok(None);
                };
                let outline = self.outline(&stored.header.version_id).await?;
                Ok(Some(RunState::replay(outline, &stored.events)))
            }
            Err(error) => Err(error),
        }
    }
}
