//! Gates: what waits for a person, and the person's answer.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Json, LOCAL_ACTOR, Page, Path, Query, page_items};
use crate::driver::service::Service;
use crate::engine::event::{Decision, Question};
use crate::engine::ids::{GateId, RunId, StepPath};
use crate::engine::time::Timestamp;
use crate::store::OpenGate;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    run: Option<RunId>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct GateItem {
    id: GateId,
    run_id: RunId,
    step_id: StepPath,
    workflow_name: String,
    question: Question,
    plan_hash: String,
    opened_at: Timestamp,
    deadline: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    decision: Decision,
    #[serde(default)]
    comment: String,
    /// Of what was shown; needed to approve.
    #[serde(default)]
    plan_hash: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Decided {
    gate_id: GateId,
    run_id: RunId,
    decision: Decision,
    by: &'static str,
}

impl From<OpenGate> for GateItem {
    fn from(gate: OpenGate) -> Self {
        Self {
            id: gate.id,
            run_id: gate.run_id,
            step_id: gate.step_id,
            workflow_name: gate.workflow_name,
            question: gate.question,
            plan_hash: gate.plan_hash,
            opened_at: gate.opened_at,
            deadline: gate.deadline,
        }
    }
}

/// Open gates, oldest first.
pub(super) async fn list(
    State(service): State<Service>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<GateItem>>, Problem> {
    let gates = service
        .store()
        .open_gates(query.run.as_ref(), page_items(query.limit)?)
        .await?;
    Ok(Json(Page {
        items: gates.into_iter().map(GateItem::from).collect(),
        next: None,
    }))
}

pub(super) async fn decide(
    State(service): State<Service>,
    Path(gate_id): Path<GateId>,
    Json(body): Json<DecisionBody>,
) -> Result<Json<Decided>, Problem> {
    let run_id = service
        .decide(
            &gate_id,
            body.decision,
            LOCAL_ACTOR,
            body.comment,
            body.plan_hash,
        )
        .await?;
    Ok(Json(Decided {
        gate_id,
        run_id,
        decision: body.decision,
        by: LOCAL_ACTOR,
    }))
}
