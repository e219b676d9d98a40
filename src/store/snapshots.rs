//! States of runs, written down beside their logs. They may be thrown away at any time.

use super::large::{places, put_back, take_out};
use super::sql::Sql;
use super::{Database, Snapshot, StoreError, corrupt};
use crate::engine::ids::RunId;

impl Database {
    pub(super) async fn snapshot(
        &self,
        run_id: &RunId,
        format: &str,
    ) -> Result<Option<Snapshot>, StoreError> {
        let sql = Sql::of(
            "SELECT seq, state, large FROM run_snapshots WHERE run_id = $1 AND format = $2",
        );
        let sql = sql.bind(run_id.as_str()).bind(format);
        let Some(row) = self.first(sql).await? else {
            return Ok(None);
        };
        let text = row.json_text("state")?;
        let state = match row.optional_json_text("large")? {
            None => text.to_owned(),
            Some(large) => {
                let places = places(large)?;
                let hashes = places.iter().map(|(_, sha256)| sha256.clone()).collect();
                let contents = self.values(run_id, hashes).await?;
                put_back(text, places, &contents)?.to_string()
            }
        };
        let seq = row.number("seq")?;
        Ok(Some(Snapshot { seq, state }))
    }

    pub(super) async fn write_snapshot(
        &self,
        run_id: &RunId,
        format: &str,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let mut values = Vec::new();
        let text = take_out(snapshot.state, &mut values).map_err(corrupt)?;
        let mut change = self.change().await?;
        let run = run_id.as_str();
        let write = Sql::of(
            "INSERT INTO run_snapshots (run_id, seq, format, state, large)
             SELECT $1, $2, $3, $4, $5 FROM runs WHERE id = $1 AND finished_at IS NULL
             ON CONFLICT (run_id) DO UPDATE SET
                seq = excluded.seq, format = excluded.format, state = excluded.state, large = excluded.large
             WHERE run_snapshots.seq < excluded.seq OR run_snapshots.format <> excluded.format",
        );
        let write = write.bind(run).bind(snapshot.seq).bind(format);
        let write = write.bind(&text.text).bind(text.large.as_deref());
        if change.run(write).await? == 0 {
            return Ok(());
        }
        for value in &values {
            let keep = Sql::of(
                "INSERT INTO run_values (run_id, sha256, content) VALUES ($1, $2, $3)
                 ON CONFLICT (run_id, sha256) DO NOTHING",
            );
            let keep = keep.bind(run).bind(&value.sha256).bind(&value.content);
            change.run(keep).await?;
        }
        change.commit().await
    }
}
