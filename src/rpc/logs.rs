//! What the pages show of logs: lines in pieces with the names of their looks, so that the client need not know what
//! terminals obey.

use super::error::PageError;
use super::views::{LogRow, LogTail, LogView};
use crate::driver::service::Service;
use crate::engine::ansi::spans;
use crate::engine::ids::RunId;
use crate::engine::logs::{LogAddress, LogLine};
use crate::engine::time::Timestamp;
use crate::store::LogSearch;

/// Logs that come with the page of a run, and the last lines of each, and of all.
const LOGS_MAX: u32 = 500;
const TAIL_LINES: u32 = 20;
const TAIL_LINES_OF_ALL: u32 = 1_000;
/// Bytes of such lines: a page is not to be made of them.
const TAIL_BYTES: usize = 100_000;
/// Lines that a page shows at once.
const SHOWN_LINES: u32 = 1_000;
/// What is searched for; more is not looked at.
const SEARCH_CHARS_MAX: usize = 200;

fn row(line: LogLine) -> LogRow {
    LogRow {
        seq: line.seq,
        at: line.at,
        stream: line.stream,
        spans: spans(&line.text),
    }
}

/// The logs of a run with their last lines; where there are too many of those, without.
pub(super) async fn tails(service: &Service, run_id: &RunId) -> Result<Vec<LogTail>, PageError> {
    let store = service.store();
    let logs = store.logs_of(run_id, LOGS_MAX).await?;
    if logs.is_empty() {
        return Ok(Vec::new());
    }
    let lines = store.log_tails(run_id, TAIL_LINES, TAIL_LINES_OF_ALL);
    let mut lines = lines.await?.into_iter().peekable();
    let mut bytes = 0;
    let mut tails = Vec::with_capacity(logs.len());
    for (log, count) in logs {
        let mut rows = Vec::new();
        while let Some((_, line)) = lines.next_if(|(of, _)| *of == log) {
            bytes += line.text.len();
            if bytes <= TAIL_BYTES {
                rows.push(row(line));
            }
        }
        tails.push(LogTail {
            step: log.step,
            attempt: log.attempt,
            count,
            rows,
        });
    }
    Ok(tails)
}

/// What somebody wants to see of a log.
pub(super) struct LogLook {
    pub log: LogAddress,
    /// Only lines behind this one.
    pub after: u32,
    pub find: String,
    /// Only those that had arrived by then.
    pub until: Timestamp,
}

/// As a page asks for it; `until` in microseconds.
pub(super) fn look(
    run_id: &str,
    step: &str,
    attempt: u32,
    after: u32,
    find: String,
    until: i64,
) -> LogLook {
    let log = LogAddress {
        run_id: run_id.into(),
        step: step.into(),
        attempt,
    };
    LogLook {
        log,
        after,
        find,
        until: Timestamp::from_micros(until),
    }
}

pub(super) async fn view(service: &Service, look: LogLook) -> Result<LogView, PageError> {
    let LogLook {
        log,
        after,
        find,
        until,
    } = look;
    let find: String = find.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let search = LogSearch {
        words: find.to_lowercase(),
        after,
        until: Some(until),
        newest: true,
    };
    let found = service.search_log(&log, &search, SHOWN_LINES).await?;
    Ok(LogView {
        count: service.log_count(&log).await?,
        matches: found.matches,
        last: found.last,
        rows: found.lines.into_iter().map(row).collect(),
    })
}
