//! What stands around every route, in two functions. Each is one layer and no more: a layer that is made of a function
//! copies, at each request, all that is inside of it, so nine of them cost as much as the engine has to do for a small
//! run.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::guard::Guard;
use super::headers::{self, PagePolicy};
use super::limits::{FILE_MAX, RESPONSE_START_MAX};
use super::problem::{self, Asked};
use super::{oversize, rpc_status};

/// Outside of the log and of what catches a panic: whatever the answer is, it is named and says what a browser may do
/// with it.
pub async fn outermost(
    State(policy): State<PagePolicy>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = Asked::named(&mut request);
    let nonce = headers::draw_nonce(&mut request);
    let mut response = next.run(request).await;
    policy.apply(response.headers_mut(), &nonce);
    asked.finish(response).await
}

/// Between the log and the routes: who may not ask is refused, and who may is not kept waiting for ever.
pub async fn innermost(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if let Some(refusal) = guard.refusal(&request) {
        return refusal;
    }
    if oversize::is_announced_by(&request) {
        return oversize::refuse(request).await;
    }
    let is_call = rpc_status::is_call(&request);
    let patience = match oversize::brings_file(&request) {
        true => FILE_MAX,
        false => RESPONSE_START_MAX,
    };
    // Only the time until the answer begins counts.
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) if is_call => rpc_status::correct(response).await,
        Ok(response) => response,
        Err(_) => problem::too_slow().into_response(),
    }
}
