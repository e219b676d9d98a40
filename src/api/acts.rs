//! What is done to a run that there is: cancel, hold, skip, retry, begin again; and what is reported from outside.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::problem::Problem;
use super::runs::created;
use super::{Json, LOCAL_ACTOR, Path};
use crate::driver::service::Service;
use crate::engine::command::Report;
use crate::engine::event::Resolution;
use crate::engine::failure::StepError;
use crate::engine::ids::{RunId, StepPath};
use crate::engine::summary::RunSummary;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommentBody {
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutcomeBody {
    resolution: Resolution,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForkBody {
    /// The step to begin with, such as `deploy` or `each.3.fetch`.
    step: StepPath,
    /// Of the same workflow; that of the run when absent.
    version: Option<u32>,
    /// That of the run when absent.
    input: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "outcome", rename_all = "snake_case")]
pub(super) enum ResultBody {
    Succeeded {
        #[serde(default)]
        output: Value,
    },
    Failed {
        code: Option<String>,
        message: String,
        data: Option<Value>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgressBody {
    /// 0 to 100.
    percent: u8,
    #[serde(default)]
    doing: String,
}

type Body = Option<axum::Json<CommentBody>>;

fn comment(body: Body) -> String {
    body.map(|body| body.0.comment).unwrap_or_default()
}

async fn summary(service: &Service, run_id: &RunId) -> Result<Json<RunSummary>, Problem> {
    Ok(Json(service.run_summary(run_id).await?))
}

pub(super) async fn cancel(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    body: Body,
) -> Result<Json<RunSummary>, Problem> {
    service.cancel(&run_id, LOCAL_ACTOR, comment(body)).await?;
    summary(&service, &run_id).await
}

pub(super) async fn pause(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    body: Body,
) -> Result<Json<RunSummary>, Problem> {
    service.pause(&run_id, LOCAL_ACTOR, comment(body)).await?;
    summary(&service, &run_id).await
}

pub(super) async fn resume(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    body: Body,
) -> Result<Json<RunSummary>, Problem> {
    service.resume(&run_id, LOCAL_ACTOR, comment(body)).await?;
    summary(&service, &run_id).await
}

pub(super) async fn retry(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    body: Body,
) -> Result<Json<RunSummary>, Problem> {
    service.retry(&run_id, LOCAL_ACTOR, comment(body)).await?;
    summary(&service, &run_id).await
}

pub(super) async fn again(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
) -> Result<Response, Problem> {
    let run_id = service.start_again(&run_id, LOCAL_ACTOR).await?;
    created(&service, &run_id).await
}

pub(super) async fn fork(
    State(service): State<Service>,
    Path(run_id): Path<RunId>,
    Json(body): Json<ForkBody>,
) -> Result<Response, Problem> {
    let forked = service
        .fork(&run_id, &body.step, body.version, body.input, LOCAL_ACTOR)
        .await?;
    created(&service, &forked).await
}

pub(super) async fn skip(
    State(service): State<Service>,
    Path((run_id, step)): Path<(RunId, StepPath)>,
    body: Body,
) -> Result<Json<RunSummary>, Problem> {
    let comment = comment(body);
    if comment.trim().is_empty() {
        return Err(Problem::bad_request(
            "Say in `comment` why the step is skipped.",
        ));
    }
    service.skip(&run_id, &step, LOCAL_ACTOR, comment).await?;
    summary(&service, &run_id).await
}

pub(super) async fn resolve_outcome(
    State(service): State<Service>,
    Path((run_id, step)): Path<(RunId, StepPath)>,
    Json(body): Json<OutcomeBody>,
) -> Result<Json<RunSummary>, Problem> {
    service
        .resolve_outcome(&run_id, &step, body.resolution, LOCAL_ACTOR, body.comment)
        .await?;
    summary(&service, &run_id).await
}

/// How an `external` step ended.
pub(super) async fn result(
    State(service): State<Service>,
    Path((run_id, step)): Path<(RunId, StepPath)>,
    Json(body): Json<ResultBody>,
) -> Result<Json<RunSummary>, Problem> {
    let report = match body {
        ResultBody::Succeeded { output } => Report::Succeeded { output },
        ResultBody::Failed {
            code,
            message,
            data,
        } => {
            let error = StepError::new(code.as_deref().unwrap_or("failed"), message);
            Report::Failed {
                error: match data {
                    Some(data) => error.with_data(data),
                    None => error,
                },
            }
        }
    };
    service.report(&run_id, &step, report).await?;
    summary(&service, &run_id).await
}

/// How far an `external` step is.
pub(super) async fn progress(
    State(service): State<Service>,
    Path((run_id, step)): Path<(RunId, StepPath)>,
    Json(body): Json<ProgressBody>,
) -> Result<Json<RunSummary>, Problem> {
    if body.percent > 100 {
        return Err(Problem::bad_request(
            "`percent` must lie between 0 and 100.",
        ));
    }
    let report = Report::Progressed {
        percent: body.percent,
        doing: body.doing,
    };
    service.report(&run_id, &step, report).await?;
    summary(&service, &run_id).await
}
