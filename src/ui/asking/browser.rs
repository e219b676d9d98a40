//! What a browser asks.

use gloo_net::http::{Request, Response};
use leptos::server_fn::ContentType;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook};
use leptos::task::spawn_local;

use crate::rpc::codec::Text;
use crate::rpc::error::PageError;

/// Posts a form, and tells what became of it. What it leads to is shown.
pub fn ask(
    address: &'static str,
    body: String,
    told: impl FnOnce(Result<(), PageError>) + 'static,
) {
    spawn_local(async move {
        let answer = answer(address, body).await;
        let unreachable = |error: gloo_net::Error| ServerFnErrorErr::Request(error.to_string());
        let answer = answer
            .map_err(|error| PageError::from_server_fn_error(unreachable(error)))
            .flatten();
        let (place, answer) =
            answer.map_or_else(|error| (None, Err(error)), |place| (place, Ok(())));
        told(answer);
        if let Some(place) = place {
            call_redirect_hook(&place);
        }
    });
}

/// Where an accepted form leads, if it leads anywhere, or why it was refused.
async fn answer(
    address: &str,
    body: String,
) -> Result<Result<Option<String>, PageError>, gloo_net::Error> {
    let answer = Request::post(address)
        .header("Content-Type", "application/x-www-form-urlencoded")
        // A page is led back to by what it was told; a form without scripting by a redirection.
        .header("Accept", Text::CONTENT_TYPE)
        .body(body)?
        .send()
        .await?;
    if !answer.ok() {
        let error = answer.binary().await?;
        return Ok(Err(PageError::de(error.into())));
    }
    Ok(Ok(place(&answer)))
}

fn place(answer: &Response) -> Option<String> {
    let headers = answer.headers();
    headers
        .get(REDIRECT_HEADER)
        .and_then(|_| headers.get("Location"))
}
