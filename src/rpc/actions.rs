//! What a person does on a page. Starting a run is a plain form post (see `forms`), so that a refused form comes
//! back with everything that was typed.

use leptos::prelude::*;

use super::error::PageError;

/// `decision`: `approve` or `reject`. `plan_hash`: of what was shown.
#[server(prefix = "/rpc", endpoint = "decide_gate")]
pub async fn decide_gate(
    run_id: String,
    gate_id: String,
    decision: String,
    comment: String,
    plan_hash: String,
) -> Result<(), PageError> {
    let _ = (run_id, gate_id, decision, comment, plan_hash);
    Err(PageError::not_found("gate"))
}

#[server(prefix = "/rpc", endpoint = "cancel_run")]
pub async fn cancel_run(run_id: String, comment: String) -> Result<(), PageError> {
    let _ = (run_id, comment);
    Err(PageError::not_found("run"))
}

/// `resolution`: `happened`, `did_not` or `retry`.
#[server(prefix = "/rpc", endpoint = "resolve_outcome")]
pub async fn resolve_outcome(
    run_id: String,
    step_id: String,
    resolution: String,
    comment: String,
) -> Result<(), PageError> {
    let _ = (run_id, step_id, resolution, comment);
    Err(PageError::not_found("step"))
}
