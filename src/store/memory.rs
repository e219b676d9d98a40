//! The reference: a store that keeps everything in memory and is plainly right. Tests and the simulation run on it.

mod triggers;

use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Appended, Commit, GateRow, LogBatch, Rest, Resumed, RunEnd, Snapshot, StartKey, Store,
    StoreError, StoredRun, VersionCard,
};
use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, TriggerId, VersionId};
use crate::engine::limits::LOGS_OF_RUN_BYTES_MAX;
use crate::engine::logs::{LogAddress, LogCount, LogLine};
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use triggers::Kept;

#[derive(Default)]
pub struct MemoryStore {
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    runs: BTreeMap<RunId, (RunSummary, Vec<Recorded>)>,
    /// With their formats.
    snapshots: BTreeMap<RunId, (String, Snapshot)>,
    gates: BTreeMap<GateId, GateRow>,
    /// Until when; none until somebody asks.
    resting: BTreeMap<RunId, Option<Timestamp>>,
    start_keys: BTreeMap<String, (StartKey, RunId)>,
    versions: BTreeMap<VersionId, Version>,
    triggers: BTreeMap<TriggerId, Kept>,
    run_ends: BTreeSet<RunEnd>,
    logs: BTreeMap<LogAddress, KeptLog>,
}

#[derive(Default)]
struct KeptLog {
    count: LogCount,
    lines: Vec<LogLine>,
    last_batch: Option<String>,
}

struct Version {
    card: VersionCard,
    workflow: Workflow,
    outline: Outline,
}

impl MemoryStore {
    /// Keeps a version; versions of one workflow share its id.
    pub fn keep_version(&self, card: VersionCard, workflow: Workflow, outline: Outline) {
        self.shelves().versions.insert(
            card.version_id.clone(),
            Version {
                card,
                workflow,
                outline,
            },
        );
    }

    pub fn summary(&self, id: &RunId) -> Option<RunSummary> {
        self.shelves()
            .runs
            .get(id)
            .map(|(summary, _)| summary.clone())
    }

    /// Every run, by id.
    pub fn summaries(&self) -> Vec<RunSummary> {
        let shelves = self.shelves();
        let runs = shelves.runs.values();
        runs.map(|(summary, _)| summary.clone()).collect()
    }

    /// The lines of one attempt's log.
    pub fn log(&self, log: &LogAddress) -> Vec<LogLine> {
        let shelves = self.shelves();
        let kept = shelves.logs.get(log);
        kept.map(|log| log.lines.clone()).unwrap_or_default()
    }

    pub fn log_count(&self, log: &LogAddress) -> LogCount {
        let shelves = self.shelves();
        shelves
            .logs
            .get(log)
            .map(|log| log.count)
            .unwrap_or_default()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // A panic while the lock was held cannot have left a half-made change: each change is one insert.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn put_to_rest(&mut self, rest: &Rest) -> bool {
        let run = self.runs.get(&rest.run_id);
        let rests = run
            .is_some_and(|(summary, _)| summary.seq == rest.seq && summary.finished_at.is_none());
        if rests {
            self.resting.insert(rest.run_id.clone(), rest.until);
        }
        rests
    }
}

impl Shelves {
    fn append_log(&mut self, batch: &LogBatch) -> Appended {
        if !self.runs.contains_key(&batch.log.run_id) {
            return Appended::NoSuchRun;
        }
        let of_run = self.logs.iter();
        let of_run = of_run.filter(|(log, _)| log.run_id == batch.log.run_id);
        let bytes: u64 = of_run.map(|(_, kept)| kept.count.bytes).sum();
        let mut room = LOGS_OF_RUN_BYTES_MAX.saturating_sub(bytes);
        let kept = self.logs.entry(batch.log.clone()).or_default();
        let Some(news) = batch.news(&kept.count, kept.last_batch.as_deref()) else {
            return Appended::Ahead(kept.count);
        };
        let lines = kept.count.take(batch.at, news, &mut room);
        kept.lines.extend(lines);
        if batch.id.is_some() {
            kept.last_batch.clone_from(&batch.id);
        }
        Appended::Stored(kept.count)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn append_logs(&self, batches: &[LogBatch]) -> Result<Vec<Appended>, StoreError> {
        let mut shelves = self.shelves();
        Ok(batches
            .iter()
            .map(|batch| shelves.append_log(batch))
            .collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        let run_id = commit.summary.header.run_id.clone();
        if let Some(start) = &commit.start_key
            && let Some((kept, run_id)) = shelves.start_keys.get(&start.key)
        {
            let same_request = kept.fingerprint == start.fingerprint;
            return Err(StoreError::StartedBefore {
                run_id: run_id.clone(),
                same_request,
            });
        }
        let seq = shelves
            .runs
            .get(&run_id)
            .map_or(0, |(summary, _)| summary.seq);
        if seq != commit.expected_seq {
            return Err(StoreError::Conflict);
        }
        if let Some(start) = commit.start_key {
            shelves
                .start_keys
                .insert(start.key.clone(), (start, run_id.clone()));
        }
        shelves.note_run_end(&commit.summary);
        shelves.resting.remove(&run_id);
        if commit.summary.finished_at.is_some() {
            shelves.snapshots.remove(&run_id);
        }
        for gate in commit.gates {
            shelves
                .gates
                .entry(gate.id.clone())
                .and_modify(|known| known.state = gate.state)
                .or_insert(gate);
        }
        let (summary, events) = shelves
            .runs
            .entry(run_id)
            .or_insert_with(|| (RunSummary::clone(&commit.summary), Vec::new()));
        *summary = RunSummary::clone(&commit.summary);
        events.extend(commit.events.iter().cloned());
        Ok(())
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let shelves = self.shelves();
        Ok(shelves.runs.get(run_id).map(|(summary, events)| StoredRun {
            header: summary.header.clone(),
            events: events.clone(),
        }))
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        let shelves = self.shelves();
        let Some((summary, events)) = shelves.runs.get(run_id) else {
            return Ok(None);
        };
        let snapshot = shelves.snapshots.get(run_id);
        let snapshot = snapshot.filter(|(kept, _)| kept == format);
        let snapshot = snapshot.map(|(_, snapshot)| snapshot.clone());
        let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.seq);
        let behind = events.iter().filter(|event| event.seq > after);
        Ok(Some(Resumed {
            header: summary.header.clone(),
            events: behind.cloned().collect(),
            snapshot,
        }))
    }

    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        let run = shelves.runs.get(run_id);
        if run.is_none_or(|(summary, _)| summary.finished_at.is_some()) {
            return Ok(());
        }
        let is_newer = shelves
            .snapshots
            .get(run_id)
            .is_none_or(|(kept, before)| before.seq < snapshot.seq || kept != format);
        if is_newer {
            let kept = (format.to_owned(), snapshot);
            shelves.snapshots.insert(run_id.clone(), kept);
        }
        Ok(())
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let shelves = self.shelves();
        let events = shelves
            .runs
            .get(run_id)
            .map(|(_, events)| events.as_slice())
            .unwrap_or_default();
        Ok(events
            .iter()
            .filter(|event| event.seq > after)
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError> {
        let shelves = self.shelves();
        let awake = shelves.runs.iter().filter(|(id, (summary, _))| {
            summary.finished_at.is_none() && !shelves.resting.contains_key(*id)
        });
        Ok(awake.map(|(id, _)| id.clone()).collect())
    }

    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError> {
        let mut shelves = self.shelves();
        Ok(runs.iter().map(|rest| shelves.put_to_rest(rest)).collect())
    }

    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError> {
        let shelves = self.shelves();
        let until_then = |(run_id, until): (&RunId, &Option<Timestamp>)| {
            until.map(|until| (run_id.clone(), until))
        };
        let mut resting: Vec<_> = shelves.resting.iter().filter_map(until_then).collect();
        resting.sort_by_key(|(_, until)| *until);
        resting.truncate(limit);
        Ok(resting)
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        Ok(self.summary(run_id))
    }

    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError> {
        let shelves = self.shelves();
        let keys = shelves.start_keys.range(prefix.to_owned()..);
        let under = keys.take_while(|(key, _)| key.starts_with(prefix));
        Ok(u32::try_from(under.count()).unwrap_or(u32::MAX))
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        let shelves = self.shelves();
        let wanted = shelves.versions.values().map(|version| &version.card);
        let found = wanted
            .filter(|card| card.slug == slug_or_id || card.workflow_id.as_str() == slug_or_id)
            .filter(|card| number.is_none_or(|number| card.number == number))
            .max_by_key(|card| card.number);
        Ok(found.cloned())
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        Ok(self.shelves().gates.get(gate_id).cloned())
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        let shelves = self.shelves();
        Ok(shelves
            .versions
            .get(version_id)
            .map(|version| version.workflow.clone()))
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        let shelves = self.shelves();
        Ok(shelves
            .versions
            .get(version_id)
            .map(|version| version.outline.clone()))
    }
}
