//! Forgetting runs that ended long ago, or of which there are many newer ones.

use super::sql::Sql;
use super::{Database, StoreError};
use crate::engine::ids::RunId;
use crate::engine::time::Timestamp;

/// Which ended runs may go. Neither given: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Those that ended before this moment.
    pub ended_before: Option<Timestamp>,
    /// Those beyond so many newer ended ones of their workflow.
    pub newest_of_workflow: Option<u32>,
}

impl Database {
    /// At most `limit` runs that may go, oldest first, behind `after`. One whose end a trigger has yet to follow stays.
    pub async fn expired_runs(
        &self,
        expired: &Expired,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut sql = Sql::of(
            "SELECT id FROM (SELECT id, finished_at,
                row_number() OVER (PARTITION BY workflow_id ORDER BY created_at DESC, id DESC) AS newer
             FROM runs WHERE finished_at IS NOT NULL) AS ended
             WHERE NOT EXISTS (SELECT 1 FROM run_ends WHERE run_ends.run_id = ended.id) AND (1 = 0",
        );
        if let Some(before) = expired.ended_before {
            sql.push(" OR finished_at < ").push_bind(before);
        }
        if let Some(newest) = expired.newest_of_workflow {
            sql.push(" OR newer > ").push_bind(newest);
        }
        sql.push(")");
        if let Some(after) = after {
            sql.push(" AND id > ").push_bind(after.as_str());
        }
        sql.push(" ORDER BY id LIMIT ").push_bind(limit);
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| row.text("id").map(RunId::new))
            .collect()
    }

    /// Removes the run and everything that belongs to it. False when it is not there or has not ended, such as one
    /// that somebody has had retried meanwhile; then nothing changes.
    pub async fn forget_run(&self, run_id: &RunId) -> Result<bool, StoreError> {
        let mut change = self.change().await?;
        let run = Sql::of("DELETE FROM runs WHERE id = $1 AND finished_at IS NOT NULL");
        if change.run(run.bind(run_id.as_str())).await? == 0 {
            return Ok(false);
        }
        for sql in [
            "DELETE FROM run_events WHERE run_id = $1",
            "DELETE FROM run_values WHERE run_id = $1",
            "DELETE FROM run_snapshots WHERE run_id = $1",
            "DELETE FROM gates WHERE run_id = $1",
            "DELETE FROM artifacts WHERE run_id = $1",
            // Their row first: whoever works out what the run is found by holds it until that is stored.
            "DELETE FROM runs_to_index WHERE run_id = $1",
            "DELETE FROM run_search WHERE run_id = $1",
            // Their rows first, and that of all of them: whoever adds lines holds these until the lines are stored.
            "DELETE FROM run_logs WHERE run_id = $1",
            "DELETE FROM step_logs WHERE run_id = $1",
            "DELETE FROM step_log_lines WHERE run_id = $1",
            "DELETE FROM start_keys WHERE run_id = $1",
        ] {
            change.run(Sql::of(sql).bind(run_id.as_str())).await?;
        }
        change.commit().await?;
        Ok(true)
    }

    /// As a broken disk would: the logs of the runs up to this one can no longer be read.
    #[cfg(test)]
    pub(crate) async fn spoil_logs(&self, last: &RunId) -> Result<(), StoreError> {
        let mut change = self.change().await?;
        let sql = Sql::of("UPDATE run_events SET payload = '{' WHERE run_id <= $1");
        change.run(sql.bind(last.as_str())).await?;
        change.commit().await
    }
}
