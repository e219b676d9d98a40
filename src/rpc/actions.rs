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
    // Only for the browser, to know which page to come back to.
    let _ = run_id;
    let decision = super::read_word(&decision, "decision", "approve or reject")?;
    let gate_id = gate_id.as_str().into();
    let hash = Some(plan_hash).filter(|hash| !hash.is_empty());
    super::service()?
        .decide(&gate_id, decision, super::LOCAL_ACTOR, comment, hash)
        .await?;
    Ok(())
}

#[server(prefix = "/rpc", endpoint = "cancel_run")]
pub async fn cancel_run(run_id: String, comment: String) -> Result<(), PageError> {
    super::service()?
        .cancel(&run_id.as_str().into(), super::LOCAL_ACTOR, comment)
        .await?;
    Ok(())
}

/// `resolution`: `happened`, `did_not` or `retry`.
#[server(prefix = "/rpc", endpoint = "resolve_outcome")]
pub async fn resolve_outcome(
    run_id: String,
    step_id: String,
    resolution: String,
    comment: String,
) -> Result<(), PageError> {
    let resolution = super::read_word(&resolution, "resolution", "happened, did_not or retry")?;
    let (run_id, step_id) = (run_id.as_str().into(), step_id.as_str().into());
    super::service()?
        .resolve_outcome(&run_id, &step_id, resolution, super::LOCAL_ACTOR, comment)
        .await?;
    Ok(())
}
