//! Lists of runs and gates, from the projections.

use serde::Deserialize;

use super::sql::{Row, Sql};
use super::{Database, StoreError, corrupt, rows};
use crate::engine::event::{Event, Question};
use crate::engine::ids::{GateId, RunId, StepPath, WorkflowId};
use crate::engine::reliability::Ended;
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;

/// Runs among which it is looked for workflows that ran last.
const LATEST_RUNS: u32 = 200;

#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub status: Option<RunStatus>,
    pub workflow_id: Option<WorkflowId>,
    /// Only runs that have (true) or have not (false) ended.
    pub ended: Option<bool>,
    /// Only runs that wait for more than the questions of their gates: somebody has to say what happened.
    pub in_doubt: bool,
}

/// A question that waits, with what was shown.
#[derive(Clone, Debug)]
pub struct OpenGate {
    pub id: GateId,
    pub run_id: RunId,
    pub step_id: StepPath,
    pub workflow_name: String,
    pub question: Question,
    pub plan_hash: String,
    pub opened_at: Timestamp,
    pub deadline: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct StatusCount {
    pub status: RunStatus,
    pub runs: u32,
}

impl Database {
    /// Newest first. Lists that people narrow and turn: see `find_runs`.
    pub async fn list_runs(
        &self,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let mut sql = Sql::of(concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE true"
        ));
        // Only what was asked for is written, so that the planner sees which index fits.
        if let Some(status) = filter.status {
            sql.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(workflow) = &filter.workflow_id {
            sql.push(" AND workflow_id = ").push_bind(workflow.as_str());
        }
        match filter.ended {
            Some(true) => {
                sql.push(" AND finished_at IS NOT NULL");
            }
            Some(false) => {
                sql.push(" AND finished_at IS NULL");
            }
            None => {}
        }
        if filter.in_doubt {
            sql.push(
                " AND waiting_for_people >
                 (SELECT count(*) FROM gates WHERE gates.run_id = runs.id AND gates.state = 'open')",
            );
        }
        sql.push(" ORDER BY created_at DESC, id DESC LIMIT ")
            .push_bind(limit);
        self.all(sql).await?.iter().map(rows::summary).collect()
    }

    /// The newest run of each of these workflows that has had one.
    pub async fn last_runs(&self, workflows: &[WorkflowId]) -> Result<Vec<RunSummary>, StoreError> {
        // One look into the index for each workflow, however many runs it has.
        let mut sql = Sql::of(concat!(
            "SELECT ",
            rows::summary_columns!(),
            " FROM runs WHERE id IN (SELECT
                (SELECT r.id FROM runs AS r WHERE r.workflow_id = w.id ORDER BY r.created_at DESC, r.id DESC LIMIT 1)
                FROM workflows AS w WHERE w.id IN (''"
        ));
        for workflow in workflows {
            sql.push(", ").push_bind(workflow.as_str());
        }
        sql.push("))");
        self.all(sql).await?.iter().map(rows::summary).collect()
    }

    /// Id, slug and name of at most `limit` workflows, those first whose runs were begun last; only of runs that have ended.
    pub async fn workflows_that_ran(
        &self,
        limit: usize,
    ) -> Result<Vec<(WorkflowId, String, String)>, StoreError> {
        // Of the newest runs alone: whoever has not run for so long is not what somebody looks for there.
        let sql = Sql::of(
            "SELECT workflow_id, workflow_slug, workflow_name FROM runs
             WHERE finished_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $1",
        );
        let mut found: Vec<(WorkflowId, String, String)> = Vec::new();
        for row in self.all(sql.bind(LATEST_RUNS)).await? {
            let id = WorkflowId::new(row.text("workflow_id")?);
            if found.len() < limit && found.iter().all(|(known, ..)| *known != id) {
                found.push((id, row.text("workflow_slug")?, row.text("workflow_name")?));
            }
        }
        Ok(found)
    }

    /// How the workflow's last runs have ended, newest first; at most `limit`.
    pub async fn last_ends(
        &self,
        workflow: &WorkflowId,
        limit: u32,
    ) -> Result<Vec<Ended>, StoreError> {
        let sql = Sql::of(
            "SELECT status, coalesce(started_at, created_at) AS began, finished_at FROM runs
             WHERE workflow_id = $1 AND finished_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $2",
        );
        let ended = |row: &Row| {
            let (began, ended) = (row.moment("began")?, row.moment("finished_at")?);
            Ok(Ended {
                status: row.text("status")?.parse().map_err(corrupt)?,
                took_ms: ended.ms_since(began),
            })
        };
        let rows = self.all(sql.bind(workflow.as_str()).bind(limit)).await?;
        rows.iter().map(ended).collect()
    }

    /// Runs by state.
    pub async fn stats(&self) -> Result<Vec<StatusCount>, StoreError> {
        let sql = Sql::of("SELECT status, count(*) AS runs FROM runs GROUP BY status");
        let count = |row: &Row| {
            Ok(StatusCount {
                status: row.text("status")?.parse().map_err(corrupt)?,
                runs: row.number("runs")?,
            })
        };
        self.all(sql).await?.iter().map(count).collect()
    }

    /// How many steps of all open runs wait for a person.
    pub async fn waiting_for_people(&self) -> Result<u32, StoreError> {
        // PostgreSQL adds up to a type of its own.
        let sql = Sql::of(
            "SELECT CAST(coalesce(sum(waiting_for_people), 0) AS BIGINT) AS people
             FROM runs WHERE finished_at IS NULL",
        );
        let row = self.first(sql).await?;
        row.map_or(Ok(0), |row| row.number("people"))
    }

    /// Questions that wait, oldest first. `run_id` narrows it to one run. One that cannot be read is left out and
    /// told about in the log, so that it does not hide the others.
    pub async fn open_gates(
        &self,
        run_id: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<OpenGate>, StoreError> {
        let mut sql = Sql::of(
            "SELECT g.id, g.run_id, g.step_id, g.opened_at, g.deadline, r.workflow_name, e.payload
             FROM gates g JOIN runs r ON r.id = g.run_id
             JOIN run_events e ON e.run_id = g.run_id AND e.seq = g.opened_seq
             WHERE g.state = 'open'",
        );
        if let Some(run_id) = run_id {
            sql.push(" AND g.run_id = ").push_bind(run_id.as_str());
        }
        sql.push(" ORDER BY g.opened_at, g.id LIMIT ")
            .push_bind(limit);
        let rows = self.all(sql).await?;
        let readable = rows.iter().filter_map(|row| {
            let gate = open_gate(row).inspect_err(|error| {
                let id = row.text("id").unwrap_or_default();
                tracing::error!(gate.id = id, %error, "gate {id} cannot be read");
            });
            gate.ok()
        });
        Ok(readable.collect())
    }
}

fn open_gate(row: &Row) -> Result<OpenGate, StoreError> {
    let Event::GateOpened {
        question,
        plan_hash,
        ..
    } = row.json("payload")?
    else {
        return Err(corrupt("a gate points at an event that opened none"));
    };
    Ok(OpenGate {
        id: GateId::new(row.text("id")?),
        run_id: RunId::new(row.text("run_id")?),
        step_id: StepPath::new(row.text("step_id")?),
        workflow_name: row.text("workflow_name")?,
        question,
        plan_hash,
        opened_at: row.moment("opened_at")?,
        deadline: row.optional_moment("deadline")?,
    })
}
