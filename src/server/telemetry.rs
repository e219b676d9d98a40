//! The log: where it goes, what it holds, and the span that carries a request's name through it.

use super::config::LogFormat;
use super::problem::RequestId;
use std::io::{self, IsTerminal};
use tracing::Span;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Starts the log on standard error, so that standard output holds only what a person asked for.
pub fn start(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Said on standard error too, which panics when that cannot be written: a log on a full disk must not end
        // whatever had something to say.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // A second call, as in tests, keeps the first log.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

/// Holds the path but not the query, which may carry what a person typed.
pub fn request_span<B>(request: &axum::http::Request<B>) -> Span {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.to_string());
    tracing::info_span!(
        "request",
        request_id = id.as_deref().unwrap_or_default(),
        method = %request.method(),
        path = request.uri().path(),
    )
}
