//! Logs of steps: numbered without gaps whoever writes, bounded, searched, and gone with their run.

use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

use super::{Place, on_both_databases, start};
use crate::engine::limits::LOG_LINES_MAX;
use crate::engine::logs::{LogAddress, LogCount, LogStream, NewLine};
use crate::engine::time::Timestamp;
use crate::store::sql::Sql;
use crate::store::step_logs::append_to_run;
use crate::store::{Appended, Commit, Database, LogBatch, LogSearch, Store};

on_both_databases!(
    lines_come_back_as_they_were_written,
    many_who_write_at_once_leave_no_gap,
    what_was_sent_before_is_stored_once,
    a_full_log_keeps_its_beginning_and_counts_the_rest,
    a_log_is_searched_as_it_is_read,
    logs_and_their_last_lines_are_listed_by_run,
    a_log_needs_a_run_and_goes_with_it,
    of_lines_that_come_while_their_run_goes_none_is_left,
    a_run_that_goes_waits_for_lines_that_are_being_stored,
    batches_are_stored_together,
);

pub(super) fn log(attempt: u32) -> LogAddress {
    LogAddress {
        run_id: "r".into(),
        step: "each.3.fetch".into(),
        attempt,
    }
}

pub(super) fn batch(attempt: u32, at: i64, lines: &[&str]) -> LogBatch {
    let line = |text: &&str| NewLine::new(LogStream::Stdout, text);
    LogBatch {
        log: log(attempt),
        at: Timestamp::from_micros(at),
        offset: None,
        id: None,
        lines: lines.iter().map(line).collect(),
    }
}

async fn with_run(place: &Place) -> Arc<Database> {
    let database = place.open().await;
    database.commit(start("r")).await.expect("it is stored");
    database
}

async fn write(database: &Database, batch: LogBatch) -> Appended {
    let answers = database.append_logs(&[batch]).await;
    answers.expect("it is stored")[0]
}

async fn texts(database: &Database, attempt: u32) -> Vec<String> {
    let lines = database.log_lines(&log(attempt), 0, u32::MAX).await;
    let lines = lines.expect("they are read").into_iter();
    lines.map(|line| line.text).collect()
}

async fn lines_come_back_as_they_were_written(place: Place) {
    let database = with_run(&place).await;
    let mut first = batch(1, 5, &["a \u{0}\u{1a} \u{1b}[31mü\u{1b}[0m", ""]);
    first.lines.push(NewLine::new(LogStream::Note, "noted"));
    write(&database, first).await;
    let answer = write(&database, batch(1, 6, &["b"])).await;
    let count = LogCount {
        lines: 4,
        bytes: 26,
        ..LogCount::default()
    };
    assert_eq!(answer, Appended::Stored(count));
    assert_eq!(database.log_count(&log(1)).await, Ok(Some(count)));
    assert_eq!(database.log_count(&log(2)).await, Ok(None));
    let lines = database.log_lines(&log(1), 0, 3).await;
    let lines = lines.expect("they are read");
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.seq,
                line.at.as_micros(),
                line.stream,
                line.text.as_str(),
            )
        })
        .collect();
    let expected = [
        (
            1,
            5,
            LogStream::Stdout,
            "a \u{0}\u{1a} \u{1b}[31mü\u{1b}[0m",
        ),
        (2, 5, LogStream::Stdout, ""),
        (3, 5, LogStream::Note, "noted"),
    ];
    assert_eq!(told, expected);
    let rest = database.log_lines(&log(1), 3, 9).await.expect("read");
    assert_eq!((rest.len(), rest[0].seq), (1, 4));
}

async fn many_who_write_at_once_leave_no_gap(place: Place) {
    let database = with_run(&place).await;
    let writers = (0..8).map(|writer| {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            for number in 0..10 {
                let texts: Vec<String> = (0..=number)
                    .map(|at| format!("{writer}.{number}.{at}"))
                    .collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                write(&database, batch(1, 5, &texts)).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("it has written");
    }
    let lines = database.log_lines(&log(1), 0, u32::MAX).await;
    let lines = lines.expect("they are read");
    let seqs: Vec<u32> = lines.iter().map(|line| line.seq).collect();
    assert_eq!(seqs, (1..=440).collect::<Vec<_>>());
    for writer in 0..8 {
        let of_writer = format!("{writer}.");
        let own: Vec<_> = lines
            .iter()
            .filter(|line| line.text.starts_with(&of_writer))
            .collect();
        assert_eq!(own.len(), 55);
        // A batch stays together.
        let last = own
            .iter()
            .position(|line| line.text == format!("{writer}.9.0"));
        let last = last.expect("it is there");
        assert_eq!(own[last + 9].seq - own[last].seq, 9);
    }
}

async fn what_was_sent_before_is_stored_once(place: Place) {
    let database = with_run(&place).await;
    let sent = |offset, lines: &[&str]| LogBatch {
        offset: Some(offset),
        ..batch(1, 5, lines)
    };
    let is_stored =
        |answer, lines| matches!(answer, Appended::Stored(count) if count.lines == lines);
    assert!(is_stored(write(&database, sent(0, &["a", "b"])).await, 2));
    assert!(is_stored(write(&database, sent(0, &["a", "b"])).await, 2));
    assert!(is_stored(write(&database, sent(1, &["b", "c"])).await, 3));
    let ahead = write(&database, sent(4, &["e"])).await;
    assert!(matches!(ahead, Appended::Ahead(count) if count.lines == 3));
    assert!(is_stored(write(&database, sent(3, &["d"])).await, 4));
    assert_eq!(texts(&database, 1).await, ["a", "b", "c", "d"]);
}

async fn a_full_log_keeps_its_beginning_and_counts_the_rest(place: Place) {
    let database = with_run(&place).await;
    let many = vec!["x"; LOG_LINES_MAX as usize - 1];
    write(&database, batch(1, 5, &many)).await;
    let answer = write(&database, batch(1, 5, &["last", "over", "over"])).await;
    let Appended::Stored(count) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((count.lines, count.dropped_lines), (LOG_LINES_MAX, 2));
    assert_eq!(count.dropped_bytes, 10);
    let last = database.log_lines(&log(1), LOG_LINES_MAX - 1, 9).await;
    assert_eq!(last.expect("read")[0].text, "last");
    write(&database, batch(1, 5, &["o"])).await;
    let count = database
        .log_count(&log(1))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((count.dropped_lines, count.dropped_bytes), (3, 12));
}

async fn a_log_is_searched_as_it_is_read(place: Place) {
    let database = with_run(&place).await;
    let mut texts: Vec<String> = (0..1_500).map(|number| format!("line {number}")).collect();
    texts[7] = "100% \u{1b}[1mD\u{1b}[0mone_".to_owned();
    texts[1_400] = "ERROR \u{c4}".to_owned();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    write(&database, batch(1, 5, &texts[..1_450])).await;
    write(&database, batch(1, 9, &texts[1_450..])).await;
    let find = async |search: LogSearch, limit| {
        let found = database.search_log(&log(1), &search, limit).await;
        let found = found.expect("it is searched");
        let seqs: Vec<u32> = found.lines.iter().map(|line| line.seq).collect();
        (seqs, found.matches)
    };
    let words = |words: &str| LogSearch {
        words: words.to_owned(),
        ..LogSearch::default()
    };
    assert_eq!(find(words("% done_"), 9).await, (vec![8], 1));
    assert_eq!(find(words("%"), 9).await, (vec![8], 1));
    assert_eq!(find(words("_"), 9).await, (vec![8], 1));
    assert_eq!(find(words("error \u{e4}"), 9).await, (vec![1_401], 1));
    assert_eq!(find(words("line 14"), 2).await, (vec![15, 141], 110));
    let newest = LogSearch {
        newest: true,
        ..words("line 14")
    };
    assert_eq!(find(newest, 2).await, (vec![1_499, 1_500], 110));
    let then = LogSearch {
        until: Some(Timestamp::from_micros(5)),
        newest: true,
        after: 1_447,
        ..LogSearch::default()
    };
    assert_eq!(find(then, 9).await, (vec![1_448, 1_449, 1_450], 3));
}

async fn logs_and_their_last_lines_are_listed_by_run(place: Place) {
    let database = with_run(&place).await;
    write(&database, batch(2, 5, &["c"])).await;
    write(&database, batch(1, 5, &["a", "b", "b2"])).await;
    let logs = database.logs_of(&"r".into(), 9).await.expect("listed");
    let listed: Vec<_> = logs
        .iter()
        .map(|(log, count)| (log.attempt, count.lines))
        .collect();
    assert_eq!(listed, [(1, 3), (2, 1)]);
    let tails = database.log_tails(&"r".into(), 2, 9).await.expect("read");
    let told: Vec<_> = tails
        .iter()
        .map(|(log, line)| (log.attempt, line.text.as_str()))
        .collect();
    assert_eq!(told, [(1, "b"), (1, "b2"), (2, "c")]);
    let none = database.logs_of(&"other".into(), 9).await;
    assert_eq!(none, Ok(Vec::new()));
}

async fn a_log_needs_a_run_and_goes_with_it(place: Place) {
    let database = place.open().await;
    assert_eq!(
        write(&database, batch(1, 5, &["a"])).await,
        Appended::NoSuchRun
    );
    database.commit(ended("r")).await.expect("it is stored");
    write(&database, batch(1, 5, &["a"])).await;
    assert_eq!(database.forget_run(&"r".into()).await, Ok(true));
    assert_eq!(database.log_count(&log(1)).await, Ok(None));
    assert_eq!(texts(&database, 1).await, Vec::<String>::new());
    assert_nothing_left(&database).await;
}

fn ended(run: &str) -> Commit {
    let first = start(run);
    let mut summary = (*first.summary).clone();
    summary.finished_at = Some(Timestamp::from_micros(9));
    Commit {
        summary: Arc::new(summary),
        ..first
    }
}

async fn assert_nothing_left(database: &Database) {
    let sql = "SELECT (SELECT count(*) FROM run_logs) + (SELECT count(*) FROM step_logs)
        + (SELECT count(*) FROM step_log_lines) AS left_over";
    let row = database.first(Sql::of(sql)).await.expect("it answers");
    assert_eq!(row.expect("a row").number::<u32>("left_over"), Ok(0));
}

async fn of_lines_that_come_while_their_run_goes_none_is_left(place: Place) {
    let database = place.open().await;
    for round in 0..20 {
        database.commit(ended("r")).await.expect("it is stored");
        let writers: Vec<_> = (1..=4)
            .map(|attempt| {
                let database = Arc::clone(&database);
                tokio::spawn(async move {
                    // Not for ever: on PostgreSQL a removal waits until nobody is adding lines.
                    for _ in 0..20 {
                        let many = [
                            batch(attempt, 5, &["a", "b"]),
                            batch(attempt + 4, 5, &["c"]),
                        ];
                        let answers = database.append_logs(&many).await.expect("it answers");
                        if answers[0] == Appended::NoSuchRun {
                            return;
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(round)).await;
        assert_eq!(database.forget_run(&"r".into()).await, Ok(true));
        for writer in writers {
            writer.await.expect("it has heard of it");
        }
        assert_nothing_left(&database).await;
    }
}

async fn a_run_that_goes_waits_for_lines_that_are_being_stored(place: Place) {
    let database = place.open().await;
    database.commit(ended("r")).await.expect("it is stored");
    let mut change = database.change().await.expect("it begins");
    let mut answers = Vec::new();
    let added = append_to_run(&mut change, &[batch(1, 5, &["a"])], &mut answers).await;
    added.expect("it is added");
    let forgetting = {
        let database = Arc::clone(&database);
        tokio::spawn(async move { database.forget_run(&"r".into()).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!forgetting.is_finished(), "there is a line on its way");
    change.commit().await.expect("it is stored");
    assert_eq!(forgetting.await.expect("it answers"), Ok(true));
    assert_nothing_left(&database).await;
}

/// Neither waits for the other: the log of the run is written while lines are added.
#[tokio::test]
async fn on_postgres_lines_wait_for_whoever_forgets_the_run_and_for_nobody_else() {
    let place = Place::postgres();
    let database = place.open().await;
    database.commit(ended("r")).await.expect("it is stored");
    let outsider = PgConnection::connect(&place.url).await;
    let mut outsider = outsider.expect("it connects");
    let mut turn = outsider.begin().await.expect("it begins");
    let sql = "UPDATE runs SET seq = seq + 1, status = 'failed' WHERE id = 'r'";
    sqlx::raw_sql(sql).execute(&mut *turn).await.expect(sql);
    let stored = timeout(
        Duration::from_secs(10),
        write(&database, batch(1, 5, &["a"])),
    )
    .await;
    assert!(matches!(stored, Ok(Appended::Stored(_))), "{stored:?}");
    turn.commit().await.expect("it ends");

    let mut going = outsider.begin().await.expect("it begins");
    let sql = "DELETE FROM runs WHERE id = 'r'";
    sqlx::raw_sql(sql).execute(&mut *going).await.expect(sql);
    let writing = {
        let database = Arc::clone(&database);
        tokio::spawn(async move { write(&database, batch(2, 5, &["a"])).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!writing.is_finished(), "the run may stay yet");
    going.commit().await.expect("it ends");
    assert_eq!(writing.await.expect("it answers"), Appended::NoSuchRun);
    assert_eq!(database.log_count(&log(2)).await, Ok(None));
}

async fn batches_are_stored_together(place: Place) {
    let database = with_run(&place).await;
    let answers = database
        .append_logs(&[batch(1, 5, &["a"]), batch(2, 5, &["b"])])
        .await;
    assert_eq!(answers.expect("stored").len(), 2);
    assert_eq!(texts(&database, 1).await, ["a"]);
    assert_eq!(texts(&database, 2).await, ["b"]);
    database.close().await;
    drop(database);
    let database = place.open().await;
    assert_eq!(texts(&database, 2).await, ["b"], "over a restart");
}
