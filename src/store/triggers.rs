//! What starts runs by itself, how far each has come, and the ends of runs that some have yet to follow.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::sql::{Row, Sql};
use super::{Database, StoreError, corrupt};
use crate::engine::ids::{RunId, TriggerId, WorkflowId};
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Source, Standing, Trigger};

/// A trigger as stored. Its keys are read apart, so that nothing that shows triggers has them.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerRow {
    pub trigger: Trigger,
    pub standing: Standing,
}

/// What the messages of a webhook are signed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookKey {
    /// `whsec_` and the key in base64. As clear text, for a signature cannot be checked with less.
    pub secret: String,
    /// It counts until then; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Without the secret: what is printed ends in a log.
impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookKey(until {:?})", self.until)
    }
}

/// The end of a run that a trigger has yet to follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunEnd {
    pub trigger_id: TriggerId,
    pub run_id: RunId,
    /// Of the run's last event: a run that is retried ends again.
    pub seq: u32,
}

/// How far a schedule has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done_until: Option<Timestamp>,
    pub queued: Option<Timestamp>,
}

/// What came of a firing: a run, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    pub at: Timestamp,
    pub outcome: Result<RunId, String>,
}

/// What the driver needs in order to start runs by itself.
#[async_trait]
pub trait TriggerStore: Send + Sync {
    /// Keeps what somebody has set, new or in place of what was set before. Ends that a trigger has yet to follow are
    /// forgotten when it is switched off.
    async fn save_trigger(&self, trigger: &Trigger) -> Result<(), StoreError>;

    async fn trigger(&self, id: &TriggerId) -> Result<Option<TriggerRow>, StoreError>;

    /// Oldest first, behind `after`.
    async fn triggers_of(
        &self,
        workflow_id: &WorkflowId,
        after: Option<&TriggerId>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, StoreError>;

    /// All that are switched on. One that cannot be read is left out and told about in the log.
    async fn enabled_triggers(&self) -> Result<Vec<TriggerRow>, StoreError>;

    /// Whether there was one.
    async fn delete_trigger(&self, id: &TriggerId) -> Result<bool, StoreError>;

    /// Keeps how far it has come and what came of a firing. When the process dies before, the same firing is made once
    /// more, and its start key leads to the run that there is.
    async fn note_firing(
        &self,
        id: &TriggerId,
        progress: Option<Progress>,
        fired: Option<Fired>,
    ) -> Result<(), StoreError>;

    async fn webhook_keys(&self, id: &TriggerId) -> Result<Vec<WebhookKey>, StoreError>;

    async fn keep_webhook_keys(
        &self,
        id: &TriggerId,
        keys: &[WebhookKey],
    ) -> Result<(), StoreError>;

    /// Noted in the transaction in which the run ended, for every trigger that was switched on and waits for runs of
    /// its workflow, whatever the state.
    async fn run_ends(&self, limit: u32) -> Result<Vec<RunEnd>, StoreError>;

    async fn forget_run_end(&self, end: &RunEnd) -> Result<(), StoreError>;
}

/// The columns that `trigger_row` reads.
macro_rules! columns {
    () => {
        "id, workflow_id, name, enabled, settings, since, created_at, done_until, queued, fired_at, last_run, error, error_at"
    };
}

#[async_trait]
impl TriggerStore for Database {
    async fn save_trigger(&self, trigger: &Trigger) -> Result<(), StoreError> {
        let settings = serde_json::to_string(&trigger.source).map_err(corrupt)?;
        let source = source_of(&trigger.source).map(WorkflowId::as_str);
        let mut change = self.change().await?;
        let sql = Sql::of(
            "INSERT INTO triggers (id, workflow_id, name, enabled, settings, source_workflow_id, since, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled,
                 settings = excluded.settings, source_workflow_id = excluded.source_workflow_id,
                 since = excluded.since",
        )
        .bind(trigger.id.as_str())
        .bind(trigger.workflow_id.as_str())
        .bind(&trigger.name)
        .bind(trigger.enabled)
        .bind(&settings)
        .bind(source)
        .bind(trigger.since)
        .bind(trigger.created_at);
        change.run(sql).await?;
        if !trigger.enabled {
            let sql = Sql::of("DELETE FROM run_ends WHERE trigger_id = $1");
            change.run(sql.bind(trigger.id.as_str())).await?;
        }
        change.commit().await
    }

    async fn trigger(&self, id: &TriggerId) -> Result<Option<TriggerRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM triggers WHERE id = $1"
        ));
        let row = self.first(sql.bind(id.as_str())).await?;
        row.as_ref().map(trigger_row).transpose()
    }

    async fn triggers_of(
        &self,
        workflow_id: &WorkflowId,
        after: Option<&TriggerId>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, StoreError> {
        let mut sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM triggers WHERE workflow_id = $1"
        ))
        .bind(workflow_id.as_str());
        if let Some(after) = after {
            sql.push(" AND id > ").push_bind(after.as_str());
        }
        sql.push(" ORDER BY id LIMIT ").push_bind(limit);
        self.all(sql).await?.iter().map(trigger_row).collect()
    }

    async fn enabled_triggers(&self) -> Result<Vec<TriggerRow>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            columns!(),
            " FROM triggers WHERE enabled = 1 ORDER BY id"
        ));
        let rows = self.all(sql).await?;
        let readable = rows.iter().filter_map(|row| {
            let read = trigger_row(row).inspect_err(|error| {
                let id = row.text("id").unwrap_or_default();
                tracing::error!(trigger.id = id, %error, "trigger {id} cannot be read");
            });
            read.ok()
        });
        Ok(readable.collect())
    }

    async fn delete_trigger(&self, id: &TriggerId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let ends = Sql::of("DELETE FROM run_ends WHERE trigger_id = $1");
        change.run(ends.bind(id.as_str())).await?;
        let trigger = Sql::of("DELETE FROM triggers WHERE id = $1");
        let deleted = change.run(trigger.bind(id.as_str())).await?;
        change.commit().await?;
        Ok(deleted > 0)
    }

    async fn note_firing(
        &self,
        id: &TriggerId,
        progress: Option<Progress>,
        fired: Option<Fired>,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        if let Some(progress) = progress {
            let sql = Sql::of("UPDATE triggers SET done_until = $2, queued = $3 WHERE id = $1")
                .bind(id.as_str())
                .bind(progress.done_until)
                .bind(progress.queued);
            change.run(sql).await?;
        }
        match &fired {
            Some(Fired {
                at,
                outcome: Ok(run),
            }) => {
                let sql = Sql::of(
                    "UPDATE triggers SET fired_at = $2, last_run = $3, error = NULL, error_at = NULL WHERE id = $1",
                );
                let sql = sql.bind(id.as_str()).bind(*at).bind(run.as_str());
                change.run(sql).await?;
            }
            Some(Fired {
                at,
                outcome: Err(why),
            }) => {
                let sql = Sql::of("UPDATE triggers SET error = $2, error_at = $3 WHERE id = $1");
                change
                    .run(sql.bind(id.as_str()).bind(why).bind(*at))
                    .await?;
            }
            None => {}
        }
        change.commit().await
    }

    async fn webhook_keys(&self, id: &TriggerId) -> Result<Vec<WebhookKey>, StoreError> {
        let sql = Sql::of("SELECT keys FROM triggers WHERE id = $1 AND keys IS NOT NULL");
        let row = self.first(sql.bind(id.as_str())).await?;
        row.map_or(Ok(Vec::new()), |row| row.json("keys"))
    }

    async fn keep_webhook_keys(
        &self,
        id: &TriggerId,
        keys: &[WebhookKey],
    ) -> Result<(), StoreError> {
        let keys = serde_json::to_string(keys).map_err(corrupt)?;
        let mut change = self.change().await?;
        let sql = Sql::of("UPDATE triggers SET keys = $2 WHERE id = $1");
        change.run(sql.bind(id.as_str()).bind(&keys)).await?;
        change.commit().await
    }

    async fn run_ends(&self, limit: u32) -> Result<Vec<RunEnd>, StoreError> {
        let sql = Sql::of(
            "SELECT trigger_id, run_id, seq FROM run_ends ORDER BY trigger_id, run_id, seq LIMIT $1",
        );
        let rows = self.all(sql.bind(limit)).await?;
        let end = |row: &Row| {
            Ok(RunEnd {
                trigger_id: TriggerId::new(row.text("trigger_id")?),
                run_id: RunId::new(row.text("run_id")?),
                seq: row.number("seq")?,
            })
        };
        rows.iter().map(end).collect()
    }

    async fn forget_run_end(&self, end: &RunEnd) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let sql =
            Sql::of("DELETE FROM run_ends WHERE trigger_id = $1 AND run_id = $2 AND seq = $3")
                .bind(end.trigger_id.as_str())
                .bind(end.run_id.as_str())
                .bind(end.seq);
        change.run(sql).await?;
        change.commit().await
    }
}

/// The workflow whose runs it waits for.
pub(super) fn source_of(source: &Source) -> Option<&WorkflowId> {
    match source {
        Source::RunFinished(finished) => Some(&finished.workflow_id),
        Source::Schedule(_) | Source::Webhook(_) => None,
    }
}

fn trigger_row(row: &Row) -> Result<TriggerRow, StoreError> {
    Ok(TriggerRow {
        trigger: Trigger {
            id: TriggerId::new(row.text("id")?),
            workflow_id: WorkflowId::new(row.text("workflow_id")?),
            name: row.text("name")?,
            enabled: row.flag("enabled")?,
            source: row.json("settings")?,
            since: row.moment("since")?,
            created_at: row.moment("created_at")?,
        },
        standing: Standing {
            done_until: row.optional_moment("done_until")?,
            queued: row.optional_moment("queued")?,
            fired_at: row.optional_moment("fired_at")?,
            last_run: row.optional_text("last_run")?.map(RunId::new),
            error: row.optional_text("error")?,
            error_at: row.optional_moment("error_at")?,
        },
    })
}
