//! One process at a time: the lock beside an SQLite file, the lease on a PostgreSQL database.

use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;

use super::{Place, progress, start};
use crate::engine::ids::{ArtifactId, RunId, StepPath};
use crate::engine::time::Timestamp;
use crate::store::postgres_server::PostgresServer;
use crate::store::sql::Sql;
use crate::store::{Database, NewArtifact, Store, StoreError};

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(600);
/// Long enough that a busy machine does not miss three renewals.
const LONG: Duration = Duration::from_secs(6);

#[cfg(unix)]
#[tokio::test]
async fn a_second_process_is_kept_off_the_file_of_the_first() {
    let place = Place::sqlite();
    let first = place.open().await;
    let refused = place.open_as("second", LONG).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Unavailable(why)) if why.contains("another Signalbox")),
        "{refused:?}"
    );
    let file = place.url.trim_start_matches("sqlite:");
    let alias = format!("{file}.alias");
    std::os::unix::fs::symlink(file, &alias).expect("a link");
    let by_alias = Place {
        url: format!("sqlite:{alias}"),
        _folder: None,
    };
    let refused = by_alias.open_as("second", LONG).await;
    assert!(refused.is_err(), "another name of the same file");
    first.close().await;
    drop(first);
    place.open().await;
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_lives_and_told_who_that_is() {
    let place = Place::postgres();
    let first = place.open_as("process 7 on box-1", LONG).await;
    let first = first.expect("it opens");
    let refused = place.open_as("second", LONG).await.err();
    let Some(StoreError::Unavailable(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        why.contains("process 7 on box-1") && why.contains("until 2"),
        "{why}"
    );
    first.commit(start("r1")).await.expect("it still works");
    first.close().await;
    let next = place
        .open_as("second", LONG)
        .await
        .expect("it is free at once");
    assert_eq!(epoch(&next).await, 2);
}

#[tokio::test]
async fn the_lease_of_a_process_that_has_died_runs_out() {
    let place = Place::postgres();
    let first = place.open_as("first", SHORT).await.expect("it opens");
    first.commit(start("r1")).await.expect("it is stored");
    // Without a word, as a crash would.
    drop(first);
    let next = place.open_as("next", SHORT).await.expect("it takes over");
    assert_eq!(epoch(&next).await, 2);
    assert_eq!(next.awake_runs().await, Ok(vec!["r1".into()]));
}

#[tokio::test]
async fn a_lease_that_is_renewed_outlasts_its_time() {
    let place = Place::postgres();
    let first = place.open_as("first", SHORT).await.expect("it opens");
    tokio::time::sleep(2 * SHORT).await;
    assert!(first.may_act().await);
    first.commit(start("r1")).await.expect("it is stored");
    assert!(!first.is_lost());
}

#[tokio::test]
async fn of_processes_that_start_at_once_on_an_empty_database_one_gets_it() {
    let place = Place::postgres();
    let names = ["p1", "p2", "p3", "p4"];
    let starts = names.iter().map(|name| place.open_as(name, LONG));
    let results = futures::future::join_all(starts).await;
    let refusals: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert_eq!(refusals.len(), 3, "{refusals:?}");
    for refusal in refusals {
        assert!(
            refusal.to_string().contains("another Signalbox"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn a_process_that_was_replaced_stores_nothing_any_more_and_knows_it() {
    let place = Place::postgres();
    let first = place.open_as("first", LONG).await.expect("it opens");
    first.commit(start("r1")).await.expect("it is stored");
    let next = taken_over(&place, &first).await;
    // By any of the ways in which something is written.
    let lost = Err(StoreError::LeaseLost);
    assert_eq!(first.commit(progress(&start("r1"), 1)).await, lost);
    assert_eq!(first.commit(start("r2")).await, lost);
    let file = NewArtifact {
        id: ArtifactId::new("a1"),
        run_id: RunId::new("r1"),
        step_id: StepPath::new("report"),
        name: "report.md".to_owned(),
        media_type: "text/markdown".to_owned(),
        sha256: "s".to_owned(),
        content: Vec::new(),
        created_at: Timestamp::from_micros(3),
    };
    let kept = first.keep_artifact(&file).await;
    assert_eq!(kept, Err(StoreError::LeaseLost));
    first.lost().await;
    assert!(first.is_lost() && !first.may_act().await);
    assert_eq!(next.awake_runs().await, Ok(vec!["r1".into()]));
    let events = next.events(&"r1".into(), 0, 10).await;
    assert_eq!(events.expect("it answers").len(), 1);
    assert_eq!(next.artifacts_of(&"r1".into()).await, Ok(Vec::new()));
    next.commit(progress(&start("r1"), 1))
        .await
        .expect("the next one goes on");
    first.close().await;
    assert_eq!(
        epoch(&next).await,
        2,
        "closing does not give back what is another's"
    );
    next.commit(start("r3")).await.expect("it is stored");
}

#[tokio::test]
async fn a_replaced_process_notices_it_without_writing() {
    let place = Place::postgres();
    let first = place.open_as("first", SHORT).await.expect("it opens");
    let _next = taken_over(&place, &first).await;
    tokio::time::timeout(LONG, first.lost())
        .await
        .expect("in time");
}

#[tokio::test]
async fn nothing_is_stored_behind_the_back_of_the_process_that_took_over() {
    let place = Place::postgres();
    let first = Arc::new(place.open_as("first", LONG).await.expect("it opens"));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let first = Arc::clone(&first);
            tokio::spawn(async move {
                let mut stored = 0;
                loop {
                    match first.commit(start(&format!("r{writer}-{stored:06}"))).await {
                        Ok(()) => stored += 1,
                        Err(error) => return (stored, error),
                    }
                }
            })
        })
        .collect();
    while first.awake_runs().await.expect("it answers").len() < 100 {
        tokio::task::yield_now().await;
    }
    let next = taken_over(&place, &first).await;
    let at_takeover = next.awake_runs().await.expect("it answers").len();
    let mut acknowledged = 0;
    for writer in writers {
        let (stored, error) = writer.await.expect("no panic");
        assert_eq!(error, StoreError::LeaseLost);
        acknowledged += stored;
    }
    let at_the_end = next.awake_runs().await.expect("it answers").len();
    assert_eq!((acknowledged, at_the_end), (at_takeover, at_takeover));
}

#[tokio::test]
async fn a_claim_waits_for_a_write_that_has_begun() {
    let place = Place::postgres();
    let first = Arc::new(place.open_as("first", LONG).await.expect("it opens"));
    first.commit(start("r1")).await.expect("it is stored");
    // Somebody keeps the run's row, so that a write stops halfway.
    let mut outsider = PgConnection::connect(&place.url)
        .await
        .expect("it connects");
    let mut keeping = outsider.begin().await.expect("it begins");
    for sql in [
        "UPDATE leases SET expires_at = 0",
        "COMMIT",
        "BEGIN",
        "SELECT id FROM runs WHERE id = 'r1' FOR UPDATE",
    ] {
        sqlx::raw_sql(sql).execute(&mut *keeping).await.expect(sql);
    }
    let writer = Arc::clone(&first);
    let writing = tokio::spawn(async move { writer.commit(progress(&start("r1"), 3)).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut *keeping)
        .await
        .ok()
        == Some(0)
    {
        tokio::task::yield_now().await;
    }
    let mut claiming = std::pin::pin!(place.open_as("next", LONG));
    let early = tokio::time::timeout(SHORT, &mut claiming).await;
    assert!(
        early.is_err(),
        "the lease is checked, but the write is not stored yet"
    );
    keeping.commit().await.expect("it ends");
    let next = claiming.await.expect("it takes over");
    assert_eq!(writing.await.expect("no panic"), Ok(()));
    let events = next.events(&"r1".into(), 0, 10).await;
    assert_eq!(events.expect("it answers").len(), 4);
}

#[tokio::test]
async fn a_server_that_breaks_off_is_missed_and_found_again() {
    let server = PostgresServer::start();
    let place = Place {
        url: server.new_database(),
        _folder: None,
    };
    let database = place.open_as("first", SHORT).await.expect("it opens");
    database.commit(start("r1")).await.expect("it is stored");
    server.break_off();
    let refused = database.commit(start("r2")).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let refused = database.awake_runs().await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    // Until nobody can say any more whether the lease still holds. An effect would have to wait.
    tokio::time::sleep(2 * SHORT).await;
    let waiting = tokio::time::timeout(SHORT, database.may_act()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    server.start_again();
    let again = tokio::time::timeout(LONG, database.may_act()).await;
    assert_eq!(again, Ok(true));
    database.commit(start("r3")).await.expect("it is stored");
    let open = database.awake_runs().await;
    assert_eq!(open, Ok(vec!["r1".into(), "r3".into()]));
    assert_eq!(epoch(&database).await, 1);
}

/// Another process takes over while the first one still believes that it holds the lease.
async fn taken_over(place: &Place, first: &Database) -> Database {
    let mut change = first.change().await.expect("it answers");
    let ended = Sql::of("UPDATE leases SET expires_at = 0");
    change.run(ended).await.expect("it is done");
    change.commit().await.expect("it is stored");
    place.open_as("next", LONG).await.expect("it takes over")
}

async fn epoch(database: &Database) -> i64 {
    let row = database.first(Sql::of("SELECT epoch FROM leases")).await;
    let row = row.expect("it answers").expect("there is one");
    row.number("epoch").expect("a number")
}
