//! What a browser asks.

use futures::future::{Either, select};
use gloo_net::http::{Request, Response};
use gloo_timers::future::TimeoutFuture;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook};
use leptos::server_fn::{ContentType, Decodes};
use leptos::task::spawn_local;
use std::pin::pin;

use crate::rpc::codec::Text;
use crate::rpc::error::PageError;

/// Longer than the server takes until it begins to answer: who has heard nothing by then is cut off from it.
const PATIENCE_MS: u32 = 45_000;

/// Posts a form, and tells what became of it. What it leads to is shown.
pub fn ask(
    address: &'static str,
    body: String,
    told: impl FnOnce(Result<(), PageError>) + 'static,
) {
    spawn_local(async move {
        let asking = pin!(answer(address, body));
        let answer = match select(asking, pin!(TimeoutFuture::new(PATIENCE_MS))).await {
            Either::Left((answer, _)) => answer
                .map_err(|error| {
                    PageError::from_server_fn_error(ServerFnErrorErr::Request(error.to_string()))
                })
                .flatten(),
            Either::Right(_) => Err(unanswered()),
        };
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
    // What stands between may answer in the server's stead, such as with a page on which one signs in.
    let body = answer.binary().await?;
    let said = <Text as Decodes<()>>::decode(body.into());
    Ok(said.map(|()| place(&answer)).map_err(|_| foreign()))
}

fn foreign() -> PageError {
    let message = "Something else than the server has answered. Load the page again, and look whether it was done.";
    PageError::new(502, "foreign_answer", message)
}

fn unanswered() -> PageError {
    let message = "The server has not answered. Look whether it was done before you try again.";
    PageError::new(504, "unanswered", message)
}

fn place(answer: &Response) -> Option<String> {
    let headers = answer.headers();
    headers
        .get(REDIRECT_HEADER)
        .and_then(|_| headers.get("Location"))
}
