//! The driver's side of the database. What is read is the same on both; what is written goes to the group commit,
//! which each database does in its own way.

use async_trait::async_trait;

use super::entry::Entry;
use super::sql::Sql;
use super::{
    Appended, Commit, Database, GateRow, LogBatch, Rest, Resumed, Snapshot, Store, StoreError,
    StoredRun, VersionCard, rows,
};
use crate::engine::event::Recorded;
use crate::engine::ids::{GateId, RunId, VersionId};
use crate::engine::plan::Outline;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;

/// A log comes in a few long texts: each row of its own would cost more to hand over than to read.
const EVENTS: &str = "
    SELECT '[' || string_agg(
        '[' || seq || ',' || at || ',' || payload || ',' || coalesce(large, 'null') || ']', ',' ORDER BY seq
    ) || ']' AS events
    FROM (SELECT seq, at, payload, large FROM run_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS log
    GROUP BY seq / 1000 ORDER BY min(seq)";

/// Of a run that waits for nothing but people and programs.
const UNTIL_ASKED: Timestamp = Timestamp::from_micros(i64::MAX);

#[async_trait]
impl Store for Database {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.log.commit(Entry::of(commit)?).await
    }

    async fn load(&self, run_id: &RunId) -> Result<Option<StoredRun>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE id = $1"
        ));
        let Some(row) = self.first(sql.bind(run_id.as_str())).await? else {
            return Ok(None);
        };
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
        let sql = Sql::of(EVENTS);
        let sql = sql.bind(run_id.as_str()).bind(after).bind(limit);
        let chunks = self.all(sql).await?;
        let mut rows = Vec::new();
        for chunk in &chunks {
            rows.extend(rows::logged(chunk)?);
        }
        let hashes = rows.iter().flat_map(|row| row.large.iter().flatten());
        let hashes = hashes.map(|(_, sha256)| sha256.clone()).collect();
        let contents = self.values(run_id, hashes).await?;
        rows.into_iter()
            .map(|row| row.recorded(&contents))
            .collect()
    }

    async fn resume(&self, run_id: &RunId, format: &str) -> Result<Option<Resumed>, StoreError> {
        let Some(summary) = self.run_summary(run_id).await? else {
            return Ok(None);
        };
        let snapshot = self.snapshot(run_id, format).await?;
        // A log that is shorter than its snapshot has been cut since.
        let snapshot = snapshot.filter(|snapshot| snapshot.seq <= summary.seq);
        let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.seq);
        Ok(Some(Resumed {
            header: summary.header,
            events: self.events(run_id, after, u32::MAX).await?,
            snapshot,
        }))
    }

    async fn keep_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        self.write_snapshot(run_id, format, &snapshot).await
    }

    async fn awake_runs(&self) -> Result<Vec<RunId>, StoreError> {
        let sql = Sql::of(
            "SELECT id FROM runs WHERE finished_at IS NULL AND rests_until IS NULL ORDER BY id",
        );
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| row.text("id").map(RunId::new))
            .collect()
    }

    async fn put_to_rest(&self, runs: &[Rest]) -> Result<Vec<bool>, StoreError> {
        let mut change = self.change().await?;
        let mut rest = Vec::with_capacity(runs.len());
        for Rest { run_id, seq, until } in runs {
            let sql = Sql::of(
                "UPDATE runs SET rests_until = $1 WHERE id = $2 AND seq = $3 AND finished_at IS NULL",
            );
            let sql = sql.bind(until.unwrap_or(UNTIL_ASKED));
            let changed = change.run(sql.bind(run_id.as_str()).bind(*seq)).await?;
            rest.push(changed == 1);
        }
        change.commit().await?;
        Ok(rest)
    }

    async fn resting_runs(&self, limit: usize) -> Result<Vec<(RunId, Timestamp)>, StoreError> {
        let sql = Sql::of(
            "SELECT id, rests_until FROM runs WHERE rests_until < $1 ORDER BY rests_until, id LIMIT $2",
        );
        let rows = self.all(sql.bind(UNTIL_ASKED).bind(limit)).await?;
        rows.iter()
            .map(|row| Ok((row.text("id").map(RunId::new)?, row.moment("rests_until")?)))
            .collect()
    }

    async fn run_summary(&self, run_id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let sql = Sql::of(concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE id = $1"
        ));
        let row = self.first(sql.bind(run_id.as_str())).await?;
        row.as_ref().map(rows::summary).transpose()
    }

    async fn started_under(&self, prefix: &str) -> Result<u32, StoreError> {
        let sql = Sql::of("SELECT count(*) AS runs FROM start_keys WHERE key >= $1 AND key < $2");
        let after = after_prefix(prefix);
        let row = self.first(sql.bind(prefix).bind(&after)).await?;
        row.map_or(Ok(0), |row| row.number("runs"))
    }

    async fn find_version(
        &self,
        slug_or_id: &str,
        number: Option<u32>,
    ) -> Result<Option<VersionCard>, StoreError> {
        let asked = match self.cards.get(slug_or_id, number) {
            Ok(card) => return Ok(Some(card)),
            Err(asked) => asked,
        };
        let mut sql = Sql::of(
            "SELECT w.id AS workflow_id, v.id AS version_id, w.slug, w.name, v.number, w.deleted_at
             FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
             WHERE (w.slug = $1 OR w.id = $1) AND v.number = ",
        )
        .bind(slug_or_id);
        match number {
            Some(number) => sql.push_bind(number),
            None => sql.push("w.version"),
        };
        let Some(row) = self.first(sql).await? else {
            return Ok(None);
        };
        let card = VersionCard {
            workflow_id: row.text("workflow_id")?.as_str().into(),
            version_id: row.text("version_id")?.as_str().into(),
            slug: row.text("slug")?,
            name: row.text("name")?,
            number: row.number("number")?,
            deleted: row.optional_moment("deleted_at")?.is_some(),
        };
        self.cards.keep(asked, slug_or_id, number, &card);
        Ok(Some(card))
    }

    async fn gate(&self, gate_id: &GateId) -> Result<Option<GateRow>, StoreError> {
        let sql = Sql::of(
            "SELECT id, run_id, step_id, state, opened_seq, opened_at, deadline FROM gates WHERE id = $1",
        );
        let row = self.first(sql.bind(gate_id.as_str())).await?;
        row.as_ref().map(rows::gate).transpose()
    }

    async fn definition(&self, version_id: &VersionId) -> Result<Option<Workflow>, StoreError> {
        let sql = Sql::of("SELECT definition FROM workflow_versions WHERE id = $1");
        let row = self.first(sql.bind(version_id.as_str())).await?;
        row.map(|row| row.json("definition")).transpose()
    }

    async fn outline(&self, version_id: &VersionId) -> Result<Option<Outline>, StoreError> {
        let sql = Sql::of("SELECT outline FROM workflow_versions WHERE id = $1");
        let row = self.first(sql.bind(version_id.as_str())).await?;
        row.map(|row| row.json("outline")).transpose()
    }

    async fn append_logs(&self, batches: &[LogBatch]) -> Result<Vec<Appended>, StoreError> {
        self.write_logs(batches).await
    }

    async fn may_act(&self) -> bool {
        self.holds_its_claim().await
    }
}

/// What comes behind every text that begins with the prefix, which ends with `/`: `0` is the next character.
fn after_prefix(prefix: &str) -> String {
    let mut behind = prefix.trim_end_matches('/').to_owned();
    behind.push('0');
    behind
}
