//! The logs of steps. Whoever adds lines holds the rows of their run's logs and of their own log until they are stored:
//! numbers have no gaps and no bound is passed, whoever else writes at the same time. A process that dies leaves whole batches, and so a beginning without gaps.

use super::database::Change;
use super::sql::{Row, Sql};
use super::{Database, StoreError, corrupt};
use crate::engine::ids::{RunId, StepPath};
use crate::engine::limits::LOGS_OF_RUN_BYTES_MAX;
use crate::engine::logs::{LogAddress, LogCount, LogLine, NewLine};
use crate::engine::time::Timestamp;

/// Lines that one statement adds. Few sizes, so that few statements have to be prepared.
const AT_ONCE: [usize; 3] = [64, 8, 1];
/// Lines looked through between two looks at the clock of others: a search reads no more at once.
const SEARCHED_AT_ONCE: u32 = 1_000;

/// Lines on their way into one log.
#[derive(Clone, Debug)]
pub struct LogBatch {
    pub log: LogAddress,
    /// When they arrived.
    pub at: Timestamp,
    /// How many lines whoever sends them has sent before. What has arrived already is not stored again.
    pub offset: Option<u32>,
    /// A name that no other batch has, from whoever sends it again when no answer comes, and nothing else to this log before
    /// there is one. It is stored once.
    pub id: Option<String>,
    pub lines: Vec<NewLine>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// How far the log is now.
    Stored(LogCount),
    /// Nothing was stored: lines before these are missing. How far the log is.
    Ahead(LogCount),
    NoSuchRun,
}

impl LogBatch {
    /// Those of the lines that the log, whose last named batch is `last`, does not have; none if others are missing before
    /// them.
    pub(super) fn news(&self, count: &LogCount, last: Option<&str>) -> Option<&[NewLine]> {
        if self.id.is_some() && self.id.as_deref() == last {
            return Some(&[]);
        }
        let Some(offset) = self.offset else {
            return Some(&self.lines);
        };
        let known = count.received().checked_sub(offset)?;
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        Some(&self.lines[known.min(self.lines.len())..])
    }
}

/// What is looked for in a log.
#[derive(Clone, Debug, Default)]
pub struct LogSearch {
    /// In lower case; nothing for every line.
    pub words: String,
    /// Only lines with a higher number.
    pub after: u32,
    /// Only those that had arrived by then.
    pub until: Option<Timestamp>,
    /// The last ones instead of the first.
    pub newest: bool,
}

/// What was found in a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// In order.
    pub lines: Vec<LogLine>,
    /// Lines that were looked for, also those that are not among `lines`.
    pub matches: u32,
    /// The number of the last line that was looked at.
    pub last: u32,
}

impl Database {
    /// Stores the batches, all or none. Their logs must be different ones and in order, so that of two who store at once
    /// neither waits for the other for ever.
    pub(super) async fn write_logs(
        &self,
        batches: &[LogBatch],
    ) -> Result<Vec<Appended>, StoreError> {
        let mut change = self.change().await?;
        let mut answers = Vec::with_capacity(batches.len());
        for of_run in batches.chunk_by(|one, next| one.log.run_id == next.log.run_id) {
            append_to_run(&mut change, of_run, &mut answers).await?;
        }
        change.commit().await?;
        Ok(answers)
    }

    /// How far the log is; none where nothing was ever written.
    pub async fn log_count(&self, log: &LogAddress) -> Result<Option<LogCount>, StoreError> {
        let sql = Sql::of(
            "SELECT lines, bytes, dropped_lines, dropped_bytes FROM step_logs
             WHERE run_id = $1 AND step_id = $2 AND attempt = $3",
        );
        let row = self.first(addressed(sql, log)).await?;
        row.as_ref().map(count).transpose()
    }

    /// The logs of a run, by step and attempt; at most `limit`.
    pub async fn logs_of(
        &self,
        run_id: &RunId,
        limit: u32,
    ) -> Result<Vec<(LogAddress, LogCount)>, StoreError> {
        let sql = Sql::of(
            "SELECT step_id, attempt, lines, bytes, dropped_lines, dropped_bytes FROM step_logs
             WHERE run_id = $1 ORDER BY step_id, attempt LIMIT $2",
        );
        let rows = self.all(sql.bind(run_id.as_str()).bind(limit)).await?;
        rows.iter()
            .map(|row| Ok((address(run_id, row)?, count(row)?)))
            .collect()
    }

    /// At most `limit` lines behind that number, in order.
    pub async fn log_lines(
        &self,
        log: &LogAddress,
        after: u32,
        limit: u32,
    ) -> Result<Vec<LogLine>, StoreError> {
        let sql = Sql::of(
            "SELECT seq, at, stream, text FROM step_log_lines
             WHERE run_id = $1 AND step_id = $2 AND attempt = $3 AND seq > $4 ORDER BY seq LIMIT $5",
        );
        let sql = addressed(sql, log).bind(after).bind(limit);
        self.all(sql).await?.iter().map(line).collect()
    }

    /// The last `lines` of each of the run's logs, by step, attempt and number; at most `limit` in all.
    pub async fn log_tails(
        &self,
        run_id: &RunId,
        lines: u32,
        limit: u32,
    ) -> Result<Vec<(LogAddress, LogLine)>, StoreError> {
        let sql = Sql::of(
            "SELECT line.step_id, line.attempt, line.seq, line.at, line.stream, line.text
             FROM step_logs AS log JOIN step_log_lines AS line ON line.run_id = log.run_id
                AND line.step_id = log.step_id AND line.attempt = log.attempt AND line.seq > log.lines - $2
             WHERE log.run_id = $1 ORDER BY line.step_id, line.attempt, line.seq LIMIT $3",
        );
        let sql = sql.bind(run_id.as_str()).bind(lines).bind(limit);
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| Ok((address(run_id, row)?, line(row)?)))
            .collect()
    }

    /// Looks through a log; answers at most `limit` lines. Whatever the case, and as the lines are read, without colours.
    pub async fn search_log(
        &self,
        log: &LogAddress,
        search: &LogSearch,
        limit: u32,
    ) -> Result<Found, StoreError> {
        let limit = limit as usize;
        let mut found = Found {
            last: search.after,
            ..Found::default()
        };
        loop {
            let lines = self.log_lines(log, found.last, SEARCHED_AT_ONCE).await?;
            let Some(last) = lines.last() else {
                return Ok(found);
            };
            found.last = last.seq;
            for line in lines {
                let is_late = search.until.is_some_and(|until| line.at > until);
                if is_late || !(search.words.is_empty() || line.says(&search.words)) {
                    continue;
                }
                found.matches += 1;
                if search.newest || found.lines.len() < limit {
                    found.lines.push(line);
                }
            }
            let beyond = found.lines.len().saturating_sub(limit);
            found.lines.drain(..beyond);
        }
    }
}

/// Batches of one run.
pub(super) async fn append_to_run(
    change: &mut Change,
    batches: &[LogBatch],
    answers: &mut Vec<Appended>,
) -> Result<(), StoreError> {
    let Some(first) = batches.first() else {
        return Ok(());
    };
    let run_id = first.log.run_id.as_str();
    let lines = batches.iter().flat_map(|batch| &batch.lines);
    let offered: u64 = lines.map(NewLine::bytes).sum();
    // All of it is counted at once; most of the time all of it is kept.
    let mut sql =
        Sql::of("INSERT INTO run_logs (run_id, bytes) SELECT id, $2 FROM runs WHERE id = $1");
    if matches!(change, Change::Postgres(_)) {
        // Others may forget the run meanwhile. They wait for this, or this for them, and nobody else does: who only moves
        // the run on does not touch its id. It comes before every other row of the run, or the two could wait for each
        // other.
        sql.push(" FOR KEY SHARE");
    }
    sql.push(" ON CONFLICT (run_id) DO UPDATE SET bytes = run_logs.bytes + $2 RETURNING bytes");
    let rows = change.all(sql.bind(run_id).bind(signed(offered))).await?;
    let Some(row) = rows.first() else {
        answers.extend(batches.iter().map(|_| Appended::NoSuchRun));
        return Ok(());
    };
    let before = row.number::<u64>("bytes")?.saturating_sub(offered);
    let room = LOGS_OF_RUN_BYTES_MAX.saturating_sub(before);
    let mut left = room;
    for batch in batches {
        answers.push(append(change, batch, &mut left).await?);
    }
    let not_kept = offered.saturating_sub(room - left);
    if not_kept > 0 {
        let sql = Sql::of("UPDATE run_logs SET bytes = bytes - $2 WHERE run_id = $1");
        change.run(sql.bind(run_id).bind(signed(not_kept))).await?;
    }
    Ok(())
}

/// `room`: bytes that the logs of the run have left.
async fn append(
    change: &mut Change,
    batch: &LogBatch,
    room: &mut u64,
) -> Result<Appended, StoreError> {
    let LogBatch { log, at, id, .. } = batch;
    // Sets what is set already: what counts is that the row is there and held.
    let sql = Sql::of(
        "INSERT INTO step_logs (run_id, step_id, attempt, lines, bytes, dropped_lines, dropped_bytes)
         SELECT id, $2, $3, 0, 0, 0, 0 FROM runs WHERE id = $1
         ON CONFLICT (run_id, step_id, attempt) DO UPDATE SET lines = step_logs.lines
         RETURNING lines, bytes, dropped_lines, dropped_bytes, last_batch",
    );
    let rows = change.all(addressed(sql, log)).await?;
    let Some(row) = rows.first() else {
        return Ok(Appended::NoSuchRun);
    };
    let mut count = count(row)?;
    let last = row.optional_text("last_batch")?;
    let Some(news) = batch.news(&count, last.as_deref()) else {
        return Ok(Appended::Ahead(count));
    };
    let kept = count.take(*at, news, room);
    let mut rest = kept.as_slice();
    for size in AT_ONCE {
        while let Some((some, behind)) = rest.split_at_checked(size) {
            change.run(insert(log, some)).await?;
            rest = behind;
        }
    }
    let sql = Sql::of(
        "UPDATE step_logs SET lines = $4, bytes = $5, dropped_lines = $6, dropped_bytes = $7,
            last_batch = coalesce($8, last_batch)
         WHERE run_id = $1 AND step_id = $2 AND attempt = $3",
    );
    let sql = addressed(sql, log)
        .bind(count.lines)
        .bind(signed(count.bytes))
        .bind(count.dropped_lines)
        .bind(signed(count.dropped_bytes))
        .bind(id.as_deref());
    change.run(sql).await?;
    Ok(Appended::Stored(count))
}

fn insert<'a>(log: &'a LogAddress, lines: &'a [LogLine]) -> Sql<'a> {
    let mut sql = Sql::of(
        "INSERT INTO step_log_lines (run_id, step_id, attempt, seq, at, stream, text) VALUES ",
    );
    for (position, line) in lines.iter().enumerate() {
        sql.push(if position == 0 { "(" } else { ", (" });
        sql.push_bind(log.run_id.as_str());
        sql.push(", ").push_bind(log.step.as_str());
        sql.push(", ").push_bind(log.attempt);
        sql.push(", ").push_bind(line.seq);
        sql.push(", ").push_bind(line.at);
        sql.push(", ").push_bind(line.stream.as_str());
        sql.push(", ").push_bind(&line.text);
        sql.push(")");
    }
    sql
}

fn addressed<'a>(sql: Sql<'a>, log: &'a LogAddress) -> Sql<'a> {
    sql.bind(log.run_id.as_str())
        .bind(log.step.as_str())
        .bind(log.attempt)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn address(run_id: &RunId, row: &Row) -> Result<LogAddress, StoreError> {
    Ok(LogAddress {
        run_id: run_id.clone(),
        step: StepPath::new(row.text("step_id")?),
        attempt: row.number("attempt")?,
    })
}

fn count(row: &Row) -> Result<LogCount, StoreError> {
    Ok(LogCount {
        lines: row.number("lines")?,
        bytes: row.number("bytes")?,
        dropped_lines: row.number("dropped_lines")?,
        dropped_bytes: row.number("dropped_bytes")?,
    })
}

fn line(row: &Row) -> Result<LogLine, StoreError> {
    Ok(LogLine {
        seq: row.number("seq")?,
        at: row.moment("at")?,
        stream: row.str("stream")?.parse().map_err(corrupt)?,
        text: row.text("text")?,
    })
}
