//! The log: where it goes, what it holds, and the span that carries a request's name through it.

use super::config::LogFormat;
use super::problem::RequestId;
use std::backtrace::Backtrace;
use std::io::{self, IsTerminal};
use std::panic;
use std::time::Duration;
use tracing::Span;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Lines that wait for whoever reads the log. What comes beyond is dropped.
const WAITING_LINES_MAX: usize = 8_192;
/// How often it is looked whether lines were dropped.
const DROPPED_LOOK_S: u64 = 10;

/// The log of this process. When it is dropped, what waits is written, for a second at most.
pub struct Log {
    _writing: WorkerGuard,
    dropped: ErrorCounter,
}

/// Starts the log on standard error, so that standard output holds only what a person asked for. A thread of its own
/// writes it: a pipe whose reader has stalled takes nothing more after 64 KiB, and whoever wrote there would wait with
/// all that they do.
pub fn start(filter: &str, format: LogFormat) -> Result<Log, ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let (writer, writing) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES_MAX)
        .thread_name("log")
        .finish(io::stderr());
    let dropped = writer.error_counter();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // Said on standard error too, which panics when that cannot be written: a log on a full disk must not end
        // whatever had something to say.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // A second call, as in tests, keeps the first log.
    let begun = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if begun.is_ok() {
        // What it says by itself would be written by whoever panics, and wait for the log's reader as well.
        panic::set_hook(Box::new(|panic| {
            let backtrace = Backtrace::capture();
            tracing::error!(%panic, %backtrace, "a fault of Signalbox itself");
        }));
    }
    Ok(Log {
        _writing: writing,
        dropped,
    })
}

impl Log {
    /// Says in the log, once somebody reads it again, how much of it is missing.
    pub fn tell_of_dropped(&self) -> impl Future<Output = ()> + use<> {
        let dropped = self.dropped.clone();
        async move {
            let mut told = 0;
            loop {
                tokio::time::sleep(Duration::from_secs(DROPPED_LOOK_S)).await;
                let lines = dropped.dropped_lines();
                if lines > told {
                    // In all: this line may be dropped as well.
                    tracing::warn!(
                        lines,
                        "lines of this log are missing since it began: they came faster than they were read"
                    );
                    told = lines;
                }
            }
        }
    }
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
