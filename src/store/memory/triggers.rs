//! Triggers, in memory.

use async_trait::async_trait;

use super::{MemoryStore, Shelves};
use crate::engine::ids::{TriggerId, WorkflowId};
use crate::engine::summary::RunSummary;
use crate::engine::trigger::Trigger;
use crate::store::triggers::source_of;
use crate::store::{Fired, Progress, RunEnd, StoreError, TriggerRow, TriggerStore, WebhookKey};

pub(super) struct Kept {
    row: TriggerRow,
    keys: Vec<WebhookKey>,
}

impl Shelves {
    /// With the turn in which the run ends, for every trigger that waits for it.
    pub(super) fn note_run_end(&mut self, summary: &RunSummary) {
        let before = self.runs.get(&summary.header.run_id);
        let ended_then = before.and_then(|(before, _)| before.finished_at);
        // A run that is retried may end again in the same turn.
        if summary.finished_at.is_none() || summary.finished_at == ended_then {
            return;
        }
        let waiting = self.triggers.values().filter(|kept| {
            let trigger = &kept.row.trigger;
            trigger.enabled && source_of(&trigger.source) == Some(&summary.header.workflow_id)
        });
        let ends = waiting.map(|kept| RunEnd {
            trigger_id: kept.row.trigger.id.clone(),
            run_id: summary.header.run_id.clone(),
            seq: summary.seq,
        });
        let ends: Vec<RunEnd> = ends.collect();
        self.run_ends.extend(ends);
    }
}

#[async_trait]
impl TriggerStore for MemoryStore {
    async fn save_trigger(&self, trigger: &Trigger) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        if !trigger.enabled {
            shelves.run_ends.retain(|end| end.trigger_id != trigger.id);
        }
        let kept = shelves.triggers.entry(trigger.id.clone());
        kept.and_modify(|kept| kept.row.trigger = trigger.clone())
            .or_insert_with(|| Kept {
                row: TriggerRow {
                    trigger: trigger.clone(),
                    standing: Default::default(),
                },
                keys: Vec::new(),
            });
        Ok(())
    }

    async fn trigger(&self, id: &TriggerId) -> Result<Option<TriggerRow>, StoreError> {
        Ok(self.shelves().triggers.get(id).map(|kept| kept.row.clone()))
    }

    async fn triggers_of(
        &self,
        workflow_id: &WorkflowId,
        after: Option<&TriggerId>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, StoreError> {
        let shelves = self.shelves();
        let rows = shelves.triggers.values().map(|kept| &kept.row);
        Ok(rows
            .filter(|row| row.trigger.workflow_id == *workflow_id)
            .filter(|row| after.is_none_or(|after| row.trigger.id > *after))
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn enabled_triggers(&self) -> Result<Vec<TriggerRow>, StoreError> {
        let shelves = self.shelves();
        let rows = shelves.triggers.values().map(|kept| &kept.row);
        Ok(rows.filter(|row| row.trigger.enabled).cloned().collect())
    }

    async fn delete_trigger(&self, id: &TriggerId) -> Result<bool, StoreError> {
        let mut shelves = self.shelves();
        shelves.run_ends.retain(|end| end.trigger_id != *id);
        Ok(shelves.triggers.remove(id).is_some())
    }

    async fn note_firing(
        &self,
        id: &TriggerId,
        progress: Option<Progress>,
        fired: Option<Fired>,
    ) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        let Some(kept) = shelves.triggers.get_mut(id) else {
            return Ok(());
        };
        let standing = &mut kept.row.standing;
        if let Some(progress) = progress {
            standing.done_until = progress.done_until;
            standing.queued = progress.queued;
        }
        match fired {
            Some(Fired {
                at,
                outcome: Ok(run),
            }) => {
                standing.fired_at = Some(at);
                standing.last_run = Some(run);
                (standing.error, standing.error_at) = (None, None);
            }
            Some(Fired {
                at,
                outcome: Err(why),
            }) => {
                (standing.error, standing.error_at) = (Some(why), Some(at));
            }
            None => {}
        }
        Ok(())
    }

    async fn webhook_keys(&self, id: &TriggerId) -> Result<Vec<WebhookKey>, StoreError> {
        let shelves = self.shelves();
        let kept = shelves.triggers.get(id);
        Ok(kept.map(|kept| kept.keys.clone()).unwrap_or_default())
    }

    async fn keep_webhook_keys(
        &self,
        id: &TriggerId,
        keys: &[WebhookKey],
    ) -> Result<(), StoreError> {
        if let Some(kept) = self.shelves().triggers.get_mut(id) {
            kept.keys = keys.to_vec();
        }
        Ok(())
    }

    async fn run_ends(&self, limit: u32) -> Result<Vec<RunEnd>, StoreError> {
        let shelves = self.shelves();
        Ok(shelves
            .run_ends
            .iter()
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn forget_run_end(&self, end: &RunEnd) -> Result<(), StoreError> {
        self.shelves().run_ends.remove(end);
        Ok(())
    }
}
