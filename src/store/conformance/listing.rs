//! The list of runs, narrowed and turned: the same answers from both databases.

use std::sync::Arc;

use super::queries::version;
use super::{Place, on_both_databases, progress, start};
use crate::engine::event::{Event, Recorded};
use crate::engine::ids::{RunId, WorkflowId};
use crate::engine::listing::{Asked, Cursor, Listing, Page};
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::store::sql::Sql;
use crate::store::{Commit, Database, Indexed, RunSearch, Store};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

on_both_databases!(
    runs_are_found_by_each_of_their_traits_and_by_several,
    runs_are_found_by_words_of_their_input_to_the_letter,
    pages_lead_there_and_back_also_between_runs_of_one_moment,
    what_starts_meanwhile_moves_no_page,
    runs_are_counted_as_far_as_is_asked,
    a_run_goes_on_and_is_found_by_the_same_input,
    runs_of_earlier_releases_are_found_once_they_are_worked_out,
    what_a_run_is_found_by_is_worked_out_from_large_values_too,
    what_a_run_is_found_by_goes_with_it,
);

/// A run of its own moment.
fn run(id: &str, created_at: i64, input: Value) -> Commit {
    let mut commit = start(id);
    let summary = Arc::make_mut(&mut commit.summary);
    summary.header.created_at = Timestamp::from_micros(created_at);
    commit.events = vec![Recorded {
        seq: 1,
        at: Timestamp::from_micros(created_at),
        event: Event::started(input, "local"),
    }]
    .into();
    commit
}

fn with(mut commit: Commit, change: impl FnOnce(&mut RunSummary)) -> Commit {
    change(Arc::make_mut(&mut commit.summary));
    commit
}

fn search(query: &str) -> RunSearch {
    let listing = Listing::read(&Asked::of_query(query)).expect("it can be read");
    let workflow_id = listing.workflow.as_deref().map(WorkflowId::new);
    RunSearch {
        listing,
        workflow_id,
    }
}

async fn found(database: &Database, search: &RunSearch, limit: u32) -> Vec<String> {
    let found = database.find_runs(search, limit).await;
    let found = found.expect("it answers").into_iter();
    found.map(|run| run.header.run_id.to_string()).collect()
}

/// Six runs of two workflows, a second apart from 1970 on.
async fn six(database: &Database) {
    for (workflow, slug, tags) in [
        ("w", "health", vec!["Ops", "n\u{c4}chtlich"]),
        ("w2", "deploy", vec!["100%", "ops too"]),
    ] {
        let mut new = version(workflow, &format!("{workflow}-v1"), slug);
        new.definition.tags = tags.into_iter().map(str::to_owned).collect();
        database.save_version(&new).await.expect("it is stored");
    }
    let states = [
        RunStatus::Running,
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Failed,
        RunStatus::Waiting,
        RunStatus::Cancelled,
    ];
    for (at, status) in (1..).zip(states) {
        let input = json!({ "host": format!("web-{at}"), "n": at % 2 });
        let commit = run(&format!("r{at}"), at * 1_000_000, input);
        let commit = with(commit, |summary| {
            summary.status = status;
            if at % 2 == 0 {
                summary.header.workflow_id = WorkflowId::new("w2");
            }
            summary.header.version = u32::try_from(1 + at % 3).expect("small");
            if at > 4 {
                summary.started_by = "trigger:t1".to_owned();
            }
        });
        database.commit(commit).await.expect("it is stored");
    }
}

async fn runs_are_found_by_each_of_their_traits_and_by_several(place: Place) {
    let database = place.open().await;
    six(&database).await;
    for (query, expected) in [
        ("", &["r6", "r5", "r4", "r3", "r2", "r1"][..]),
        ("status=failed", &["r4", "r3"]),
        ("status=failed&status=running", &["r4", "r3", "r1"]),
        (
            "status=failed&status=running&older=4000000.r4",
            &["r3", "r1"],
        ),
        (
            "status=failed&status=running&newer=1000000.r1",
            &["r4", "r3"],
        ),
        ("status=failed&status=running&q=web-3&tag=ops", &["r3"]),
        ("status=paused", &[]),
        ("workflow=w2", &["r6", "r4", "r2"]),
        ("workflow=w2&status=failed", &["r4"]),
        ("version=1", &["r6", "r3"]),
        ("version=2&workflow=w", &["r1"]),
        ("started_by=local", &["r4", "r3", "r2", "r1"]),
        ("started_by=trigger:t1&status=waiting", &["r5"]),
        ("started_by=trigger", &[]),
        ("tag=ops", &["r5", "r3", "r1"]),
        ("tag=OPS&status=failed", &["r3"]),
        ("tag=N%C3%84CHTLICH", &["r5", "r3", "r1"]),
        ("tag=100%25", &["r6", "r4", "r2"]),
        ("tag=1%25", &[]),
        ("tag=op", &[]),
        ("from=1970-01-01T00:00:05Z", &["r6", "r5"]),
        ("until=1970-01-01T00:00:02Z", &["r1"]),
        (
            "from=1970-01-01&until=1970-01-01",
            &["r6", "r5", "r4", "r3", "r2", "r1"],
        ),
        ("from=1970-01-02", &[]),
        ("q=web-3", &["r3"]),
        ("q=WEB+1&status=failed", &["r3"]),
        (
            "status=failed&workflow=w2&version=2&started_by=local&tag=ops+too&q=web&from=1970-01-01&until=1970-01-01",
            &["r4"],
        ),
    ] {
        assert_eq!(
            found(&database, &search(query), 10).await,
            expected,
            "{query}"
        );
    }
    assert!(found(&database, &search(""), 0).await.is_empty());
}

async fn runs_are_found_by_words_of_their_input_to_the_letter(place: Place) {
    let database = place.open().await;
    let inputs = [
        json!({ "text": "50% of it" }),
        json!({ "text": "50 of it" }),
        json!({ "text": "under_score and a!b and back\\slash" }),
        json!({ "text": "underscore" }),
        json!({ "text": "it's \"quoted\" \u{1f600}" }),
        json!({ "text": "\u{c4}PFEL \u{d6}l \u{1e9e}" }),
        json!({ "text": "a\0b" }),
        json!({ "nested": [{ "deep": "needle" }, 42] }),
        json!(null),
    ];
    for (at, input) in (1..).zip(inputs) {
        let commit = run(&format!("r{at}"), at, input);
        database.commit(commit).await.expect("it is stored");
    }
    for (words, expected) in [
        (&["50%"][..], &["r1"][..]),
        (&["50"], &["r2", "r1"]),
        (&["r_s"], &["r3"]),
        (&["a!b"], &["r3"]),
        (&["back\\"], &["r3"]),
        (&["it's"], &["r5"]),
        (&["\"quoted\""], &["r5"]),
        (&["\u{1f600}"], &["r5"]),
        (&["\u{e4}pfel"], &["r6"]),
        (&["\u{d6}L", "\u{c4}P"], &["r6"]),
        (&["\u{e4}pfel", "50"], &[]),
        (&["a\0b"], &["r7"]),
        (&["NEEDLE", "42"], &["r8"]),
        (&["text"], &[]),
        (&["'; DROP TABLE runs; --"], &[]),
    ] {
        let mut search = RunSearch::default();
        search.listing.words = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(found(&database, &search, 10).await, expected, "{words:?}");
    }
}

/// Seven runs, of which three began at the same moment.
async fn seven(database: &Database) -> Vec<String> {
    for (id, at) in [
        ("a", 1),
        ("e", 2),
        ("c", 2),
        ("d", 2),
        ("b", 3),
        ("g", 4),
        ("f", 5),
    ] {
        let commit = run(id, at, json!({}));
        database.commit(commit).await.expect("it is stored");
    }
    ["f", "g", "b", "e", "d", "c", "a"]
        .map(str::to_owned)
        .to_vec()
}

fn cursor(run: &RunSummary) -> Cursor {
    Cursor {
        created_at: run.header.created_at,
        run_id: run.header.run_id.clone(),
    }
}

async fn pages_lead_there_and_back_also_between_runs_of_one_moment(place: Place) {
    let database = place.open().await;
    let all = seven(&database).await;
    let page = async |page: Page, limit: u32| {
        let mut search = RunSearch::default();
        search.listing.page = page;
        database
            .find_runs(&search, limit)
            .await
            .expect("it answers")
    };
    for size in 1..=4_u32 {
        let step = usize::try_from(size).expect("small");
        let (mut there, mut pages) = (Page::First, Vec::new());
        loop {
            let found = page(there.clone(), size).await;
            let Some(last) = found.last() else { break };
            there = Page::Older(cursor(last));
            pages.push(found);
        }
        let ids: Vec<&str> = pages
            .iter()
            .flatten()
            .map(|run| run.header.run_id.as_str())
            .collect();
        assert_eq!(ids, all, "{size} at a time");
        // And back: the page before each is the one that was there on the way.
        for pair in pages.windows(2) {
            let first = cursor(&pair[1][0]);
            let back = page(Page::Newer(first), size).await;
            assert_eq!(back, pair[0], "{size} at a time");
            assert_eq!(back.len(), step);
        }
        let newest = cursor(&pages[0][0]);
        assert!(page(Page::Newer(newest), size).await.is_empty());
    }
    // From a run that is there no more.
    let gone = Cursor {
        created_at: Timestamp::from_micros(2),
        run_id: RunId::new("d5"),
    };
    let ids = |runs: Vec<RunSummary>| -> Vec<String> {
        runs.into_iter()
            .map(|run| run.header.run_id.to_string())
            .collect()
    };
    assert_eq!(ids(page(Page::Older(gone.clone()), 2).await), ["d", "c"]);
    assert_eq!(ids(page(Page::Newer(gone), 2).await), ["b", "e"]);
}

async fn what_starts_meanwhile_moves_no_page(place: Place) {
    let database = place.open().await;
    seven(&database).await;
    let first = database
        .find_runs(&search(""), 3)
        .await
        .expect("it answers");
    let commit = run("z", 9, json!({}));
    database.commit(commit).await.expect("it is stored");
    let mut next = RunSearch::default();
    next.listing.page = Page::Older(cursor(&first[2]));
    assert_eq!(found(&database, &next, 3).await, ["e", "d", "c"]);
    next.listing.page = Page::Newer(cursor(&first[0]));
    assert_eq!(found(&database, &next, 3).await, ["z"]);
}

async fn runs_are_counted_as_far_as_is_asked(place: Place) {
    let database = place.open().await;
    six(&database).await;
    for (query, at_most, expected) in [
        ("", 10, 6),
        ("", 6, 6),
        ("", 4, 4),
        ("status=failed&tag=ops", 10, 1),
        ("q=web&started_by=local", 10, 4),
        ("q=nowhere", 10, 0),
        ("newer=4000000.r4", 10, 2),
        ("older=4000000.r4", 10, 3),
        ("older=4000000.r4&workflow=w2", 10, 1),
    ] {
        let counted = database.count_runs(&search(query), at_most).await;
        assert_eq!(counted, Ok(expected), "{query}");
    }
}

async fn a_run_goes_on_and_is_found_by_the_same_input(place: Place) {
    let database = place.open().await;
    let first = run("r1", 1, json!({ "host": "web-1" }));
    database.commit(first.clone()).await.expect("it is stored");
    database
        .commit(progress(&first, 3))
        .await
        .expect("it is stored");
    assert_eq!(found(&database, &search("q=web-1"), 10).await, ["r1"]);
    let next = with(progress(&first, 1), |summary| {
        summary.seq = 5;
        summary.status = RunStatus::Completed;
        summary.finished_at = Some(Timestamp::from_micros(9));
    });
    let next = Commit {
        expected_seq: 4,
        events: vec![Recorded {
            seq: 5,
            ..next.events[0].clone()
        }]
        .into(),
        ..next
    };
    database.commit(next).await.expect("it is stored");
    assert_eq!(
        found(&database, &search("q=web-1&status=completed"), 10).await,
        ["r1"]
    );
}

async fn to_the_end(database: &Database) -> usize {
    let mut indexed = 0;
    loop {
        match database.index_runs().await.expect("it answers") {
            Indexed::Some(more) => indexed += more,
            Indexed::All => return indexed,
        }
    }
}

async fn runs_of_earlier_releases_are_found_once_they_are_worked_out(place: Place) {
    let database = place.open().await;
    for at in 1..=50 {
        let input = json!({ "host": format!("web-{at}.") });
        let commit = run(&format!("r{at:02}"), at, input);
        database.commit(commit).await.expect("it is stored");
    }
    assert_eq!(database.index_runs().await, Ok(Indexed::All));
    let forgotten = database.forget_what_runs_are_found_by().await;
    forgotten.expect("it is stored");
    let mut change = database.change().await.expect("a change");
    for sql in [
        "UPDATE run_events SET payload = '{' WHERE run_id = 'r07'",
        "DELETE FROM run_events WHERE run_id = 'r08'",
    ] {
        change.run(Sql::of(sql)).await.expect("it is changed");
    }
    change.commit().await.expect("it is stored");
    assert!(found(&database, &search("q=web-50."), 10).await.is_empty());
    assert!(matches!(database.index_runs().await, Ok(Indexed::Some(20))));
    assert_eq!(
        found(&database, &search("q=web-50."), 10).await,
        ["r50"],
        "the newest first"
    );
    assert!(found(&database, &search("q=web-1."), 10).await.is_empty());
    assert_eq!(to_the_end(&database).await, 30);
    assert_eq!(found(&database, &search("q=web-1."), 10).await, ["r01"]);
    for nobody in ["q=web-7.", "q=web-8."] {
        assert!(found(&database, &search(nobody), 10).await.is_empty());
    }
    assert_eq!(database.index_runs().await, Ok(Indexed::All));
}

async fn what_a_run_is_found_by_is_worked_out_from_large_values_too(place: Place) {
    let database = place.open().await;
    let text = format!("Needle {}", "x".repeat(50_000));
    let commit = run("r1", 1, json!({ "small": "hay", "text": text }));
    database.commit(commit).await.expect("it is stored");
    for _ in 0..2 {
        for query in ["q=needle", "q=hay", "q=needle+hay"] {
            assert_eq!(
                found(&database, &search(query), 10).await,
                ["r1"],
                "{query}"
            );
        }
        let forgotten = database.forget_what_runs_are_found_by().await;
        forgotten.expect("it is stored");
        assert_eq!(to_the_end(&database).await, 1);
    }
}

async fn what_a_run_is_found_by_goes_with_it(place: Place) {
    let database = place.open().await;
    let left = async || {
        let sql = "SELECT (SELECT count(*) FROM run_search) + (SELECT count(*) FROM runs_to_index) AS left_over";
        let row = database.first(Sql::of(sql)).await.expect("it answers");
        row.expect("a row").number::<u32>("left_over")
    };
    for (id, input) in [("r1", json!({ "host": "web" })), ("r2", json!({}))] {
        let ended = with(run(id, 1, input), |summary| {
            summary.finished_at = Some(Timestamp::from_micros(9));
        });
        database.commit(ended).await.expect("it is stored");
    }
    assert_eq!(
        left().await,
        Ok(1),
        "an empty input has nothing to be found by"
    );
    assert_eq!(database.forget_run(&"r1".into()).await, Ok(true));
    assert_eq!(left().await, Ok(0));
    let forgotten = database.forget_what_runs_are_found_by().await;
    forgotten.expect("it is stored");
    assert_eq!(left().await, Ok(1));
    assert_eq!(database.forget_run(&"r2".into()).await, Ok(true));
    assert_eq!(left().await, Ok(0));
}

/// It waits neither for the log, which is written meanwhile, nor for whoever forgets a run.
#[tokio::test]
async fn on_postgres_what_somebody_has_in_hand_is_passed_over() {
    let place = Place::postgres();
    let database = place.open().await;
    for at in 1..=3 {
        let commit = run(&format!("r{at}"), at, json!({ "host": "web" }));
        database.commit(commit).await.expect("it is stored");
    }
    let forgotten = database.forget_what_runs_are_found_by().await;
    forgotten.expect("it is stored");
    let outsider = PgConnection::connect(&place.url).await;
    let mut outsider = outsider.expect("it connects");
    let mut keeping = outsider.begin().await.expect("it begins");
    for sql in [
        "SELECT id FROM runs FOR UPDATE",
        "SELECT run_id FROM runs_to_index WHERE run_id = 'r2' FOR UPDATE",
    ] {
        sqlx::raw_sql(sql).execute(&mut *keeping).await.expect(sql);
    }
    assert_eq!(database.index_runs().await, Ok(Indexed::Some(2)));
    assert_eq!(database.index_runs().await, Ok(Indexed::Some(0)));
    assert_eq!(found(&database, &search("q=web"), 10).await, ["r3", "r1"]);
    keeping.commit().await.expect("it ends");
    assert_eq!(to_the_end(&database).await, 1);
    assert_eq!(
        found(&database, &search("q=web"), 10).await,
        ["r3", "r2", "r1"]
    );
}
