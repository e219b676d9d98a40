//! What a person does on a page. Starting a run is a plain form post (see `forms`), so that a refused form comes
//! back with everything that was typed.

use leptos::prelude::*;

use super::codec::Told;
use super::error::PageError;

/// `decision`: `approve` or `reject`. `plan_hash`: of what was shown.
#[server(prefix = "/rpc", endpoint = "decide_gate", output = Told)]
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

/// `resolution`: `happened`, `did_not` or `retry`.
#[server(prefix = "/rpc", endpoint = "resolve_outcome", output = Told)]
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

/// `act`: `pause`, `resume`, `cancel` or `retry`. `again` starts a new run and leads to its page.
#[server(prefix = "/rpc", endpoint = "act_on_run", output = Told)]
pub async fn act_on_run(run_id: String, act: String, comment: String) -> Result<(), PageError> {
    let (service, actor) = (super::service()?, super::LOCAL_ACTOR);
    let run_id = run_id.as_str().into();
    match super::read_word(&act, "act", "pause, resume, cancel, retry or again")? {
        super::acts::RunAct::Pause => service.pause(&run_id, actor, comment).await?,
        super::acts::RunAct::Resume => service.resume(&run_id, actor, comment).await?,
        super::acts::RunAct::Cancel => {
            service.cancel(&run_id, actor, comment).await?;
        }
        super::acts::RunAct::Retry => service.retry(&run_id, actor, comment).await?,
        super::acts::RunAct::Again => {
            let started = service.start_again(&run_id, actor).await?;
            leptos_axum::redirect(&format!("/runs/{started}"));
        }
    }
    Ok(())
}

/// `act`: `skip`, or `fork`, which starts a new run at the step and leads to its page. `input`: of that run, as JSON; the
/// same as before if there is none.
#[server(prefix = "/rpc", endpoint = "act_on_step", output = Told)]
pub async fn act_on_step(
    run_id: String,
    step_id: String,
    act: String,
    comment: String,
    input: Option<String>,
) -> Result<(), PageError> {
    let (service, actor) = (super::service()?, super::LOCAL_ACTOR);
    let (run_id, step) = (run_id.as_str().into(), step_id.as_str().into());
    match super::read_word(&act, "act", "skip or fork")? {
        super::acts::StepAct::Skip if comment.trim().is_empty() => {
            let message = "Say why the step is skipped.";
            return Err(PageError::new(422, "reason_missing", message));
        }
        super::acts::StepAct::Skip => service.skip(&run_id, &step, actor, comment).await?,
        super::acts::StepAct::Fork => {
            let input = input.as_deref().map(super::read_json).transpose()?;
            let started = service.fork(&run_id, &step, None, input, actor).await?;
            leptos_axum::redirect(&format!("/runs/{started}"));
        }
    }
    Ok(())
}
