//! The one error that server functions answer with: a code, a sentence and the HTTP status that belongs to it.

use super::codec::Text;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct PageError {
    /// Stable, snake_case.
    pub code: String,
    /// For people; nothing of the inside of the server.
    pub message: String,
    pub status: u16,
}

impl PageError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            status,
        }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("There is no such {what}."))
    }
}

/// Is this part of a query, such as `name=value`, one by which an address tells a page what a form of its was refused for?
/// Forms that are sent without scripting are answered so (`leptos::server_fn`).
pub fn tells_refusal(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    matches!(&*name, "__path" | "__err")
}

impl FromServerFnError for PageError {
    type Encoder = Text;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(message)
            | ServerFnErrorErr::MissingArg(message)
            | ServerFnErrorErr::Deserialization(message) => PageError::new(
                400,
                "bad_request",
                format!("The request could not be read: {message}."),
            ),
            ServerFnErrorErr::Request(_) => PageError::new(
                503,
                "unreachable",
                "The server could not be reached. Check the connection and try again.",
            ),
            ServerFnErrorErr::UnsupportedRequestMethod(_) => {
                PageError::new(405, "method_not_allowed", "This is not a way to call it.")
            }
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_) => {
                PageError::new(500, "internal", "Something went wrong on the server.")
            }
        }
    }
}
