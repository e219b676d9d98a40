//! The hot path on SQLite.

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use super::{SqliteStore, corrupt, rows, unavailable};
use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::workflow::Workflow;
use crate::store::{Commit, GateRow, Store, StoreError, StoredRun, VersionCard};

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.log.commit(commit).await
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let sql = concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE id = $1"
        );
        let row = sqlx::query(sql)
            .bind(run_id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let header = rows::header(&row)?;
        let events = self.events(run_id, 0, u32::MAX).await?;
        Ok(Some(StoredRun { header, events }))
    }

    async fn events(
        &self,
        run_id: &RunId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        sqlx::query("SELECT seq, at, payload FROM run_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
            .bind(run_id.as_str())
            .bind(i64::from(after))
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable)?
            .iter()
            .map(rows::recorded)
            .collect()
    }

    async fn open_runs(&self) -> Result<Vec<RunId>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM runs WHERE finished_at IS NULL ORDER BY id")
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable)?;
        Ok(ids.into_iter().map(RunId::new).collect())
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let sql = concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE id = $1"
        );
        let row = sqlx::query(sql)
            .bind(run_id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(rows::summary).transpose()
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        let row = sqlx::query(
            "SELECT w.id AS workflow_id, v.id AS version_id, w.slug, w.name, v.number
             FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
             WHERE (w.slug = $1 OR w.id = $1) AND v.number = coalesce($2, w.version)",
        )
        .bind(slug_or_id)
        .bind(number.map(i64::from))
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?;
        row.map(|row| {
            Ok(VersionCard {
                workflow_id: rows::text(&row, "workflow_id")?.as_str().into(),
                version_id: rows::text(&row, "version_id")?.as_str().into(),
                slug: rows::text(&row, "slug")?,
                name: rows::text(&row, "name")?,
                number: rows::number(&row, "number")?,
            })
        })
        .transpose()
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id, run_id, step_id, state, opened_seq, opened_at, deadline FROM gates WHERE id = $1",
        )
        .bind(gate_id.as_str())
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?;
        row.as_ref().map(rows::gate).transpose()
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        self.of_version(
            "SELECT definition FROM workflow_versions WHERE id = $1",
            version_id,
        )
        .await
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        self.of_version(
            "SELECT outline FROM workflow_versions WHERE id = $1",
            version_id,
        )
        .await
    }
}

impl SqliteStore {
    /// What a version keeps as JSON in one column.
    async fn of_version<T: DeserializeOwned>(
        &self,
        sql: &'static str,
        version_id: &VersionId,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = sqlx::query_scalar(sql)
            .bind(version_id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        text.map(|text| serde_json::from_str(&text).map_err(corrupt))
            .transpose()
    }
}
