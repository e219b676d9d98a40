//! States of runs, written down beside their logs. They may be thrown away at any time.

use super::sql::Sql;
use super::{Database, Snapshot, StoreError};
use crate::engine::ids::RunId;

impl Database {
    pub(super) async fn snapshot(
        &self,
        run_id: &RunId,
        format: &str,
    ) -> Result<Option<Snapshot>, StoreError> {
        let sql = Sql::of("SELECT seq, state FROM run_snapshots WHERE run_id = $1 AND format = $2");
        let sql = sql.bind(run_id.as_str()).bind(format);
        let Some(row) = self.first(sql).await? else {
            return Ok(None);
        };
        let snapshot = Snapshot {
            seq: row.number("seq")?,
            state: row.json_text("state")?.to_owned(),
        };
        Ok(Some(snapshot))
    }

    pub(super) async fn write_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of(
            "INSERT INTO run_snapshots (run_id, seq, format, state)
             SELECT $1, $2, $3, $4 FROM runs WHERE id = $1 AND finished_at IS NULL
             ON CONFLICT (run_id) DO UPDATE SET
                seq = excluded.seq, format = excluded.format, state = excluded.state
             WHERE run_snapshots.seq < excluded.seq OR run_snapshots.format <> excluded.format",
        );
        let sql = sql.bind(run_id.as_str()).bind(snapshot.seq).bind(format);
        change.run(sql.bind(&snapshot.state)).await?;
        change.commit().await
    }
}
