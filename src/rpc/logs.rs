//! What the pages show of logs: lines in pieces with the names of their looks, so that the client need not know what
//! terminals obey.

use std::collections::BTreeMap;

use super::error::PageError;
use super::views::{LOGS_MAX, LogRow, LogTail, LogView};
use crate::driver::service::Service;
use crate::engine::ansi::spans;
use crate::engine::ids::RunId;
use crate::engine::logs::{LogAddress, LogCount, LogLine};
use crate::engine::time::Timestamp;
use crate::store::LogSearch;

/// The last lines that come with the page of a run, of each log and of all.
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
    // By log: one may have begun since the logs were read.
    let mut by_log: BTreeMap<LogAddress, Vec<LogLine>> = BTreeMap::new();
    for (log, line) in lines.await? {
        by_log.entry(log).or_default().push(line);
    }
    let mut room = TAIL_BYTES;
    let tail = |(log, count): (LogAddress, LogCount)| {
        let lines = by_log.remove(&log).unwrap_or_default();
        LogTail {
            rows: last_rows(lines, count.lines, &mut room),
            step: log.step,
            attempt: log.attempt,
            count,
        }
    };
    Ok(logs.into_iter().map(tail).collect())
}

/// The last of these lines that there is room for, in bytes. None at all where the end is missing: what is shown are the
/// last lines of the log, up to the one of that number.
fn last_rows(lines: Vec<LogLine>, last: u32, room: &mut usize) -> Vec<LogRow> {
    if lines.last().is_none_or(|line| line.seq < last) {
        return Vec::new();
    }
    let fitting = lines.into_iter().rev().map_while(|line| {
        *room = room.checked_sub(line.text.len())?;
        Some(row(line))
    });
    let mut rows: Vec<_> = fitting.collect();
    rows.reverse();
    rows
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
    // A page asks once more when it hears of the end, and then no more.
    service.last_lines(&log).await;
    let found = service.search_log(&log, &search, SHOWN_LINES).await?;
    Ok(LogView {
        count: service.log_count(&log).await?,
        matches: found.matches,
        last: found.last,
        rows: found.lines.into_iter().map(row).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::logs::LogStream;

    fn lines(from: u32, to: u32) -> Vec<LogLine> {
        let line = |seq| LogLine {
            seq,
            at: Timestamp::from_micros(1),
            stream: LogStream::Stdout,
            text: "x".repeat(10),
        };
        (from..=to).map(line).collect()
    }

    fn numbers(rows: &[LogRow]) -> Vec<u32> {
        rows.iter().map(|row| row.seq).collect()
    }

    #[test]
    fn where_there_is_no_room_the_first_lines_are_left_out() {
        let mut room = 35;
        assert_eq!(numbers(&last_rows(lines(5, 9), 9, &mut room)), [7, 8, 9]);
        assert_eq!(room, 5);
        assert!(last_rows(lines(1, 2), 2, &mut room).is_empty());
    }

    #[test]
    fn lines_before_the_last_ones_are_not_shown_as_these() {
        let mut room = 1_000;
        assert!(last_rows(lines(5, 8), 9, &mut room).is_empty());
        assert_eq!(room, 1_000);
        // More were written since they were counted.
        assert_eq!(numbers(&last_rows(lines(8, 10), 9, &mut room)), [8, 9, 10]);
    }
}
