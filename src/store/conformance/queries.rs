//! Lists, workflows and files: written once, and the same answers from both databases.

use std::sync::Arc;

use super::{Place, gate, on_both_databases, progress, start};
use crate::engine::event::{Event, Question};
use crate::engine::ids::{ArtifactId, GateId, RunId, StepPath, VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::state::RunStatus;
use crate::engine::summary::RunSummary;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::sql::Sql;
use crate::store::{
    Commit, Database, Expired, GateRow, GateState, NewArtifact, NewVersion, RunFilter, Store,
    StoreError,
};

on_both_databases!(
    everything_is_kept_over_a_restart,
    a_version_is_numbered_and_a_slug_is_taken_once,
    a_slug_wanted_by_many_at_once_is_given_to_one,
    workflows_are_listed_by_name_and_found_by_slug_or_id,
    runs_are_filtered_newest_first,
    a_run_is_listed_as_its_last_turn_left_it,
    files_are_kept_while_the_log_is_never_idle,
    a_run_in_doubt_waits_for_more_than_its_gates,
    runs_are_counted_by_state_and_by_who_waits,
    open_gates_come_oldest_first_with_their_questions,
    a_question_that_cannot_be_read_does_not_hide_the_others,
    a_file_is_replaced_by_the_next_of_its_name,
    a_change_that_is_not_committed_leaves_nothing,
    a_database_that_was_closed_says_so,
    versions_are_found_by_slug_or_id_and_number,
    ended_runs_expire_by_age_and_by_number_and_are_forgotten_whole,
);

async fn everything_is_kept_over_a_restart(place: Place) {
    let new = version("w1", "v1", "health");
    {
        let database = place.open().await;
        assert_eq!(database.save_version(&new).await, Ok(1));
        database.commit(start("r1")).await.expect("it is stored");
        database.close().await;
    }
    let database = place.open().await;
    let found = database.workflow("health").await.expect("it answers");
    let row = found.expect("it is there");
    assert_eq!((row.version, row.version_id), (1, VersionId::new("v1")));
    assert_eq!(row.tags, ["ops", "n\u{e4}chtlich"]);
    assert_eq!((row.is_template, row.steps), (true, 0));
    let v1 = VersionId::new("v1");
    assert_eq!(database.definition(&v1).await, Ok(Some(new.definition)));
    let outline = Outline::clone(&new.outline);
    assert_eq!(database.outline(&v1).await, Ok(Some(outline)));
    assert_eq!(database.awake_runs().await, Ok(vec!["r1".into()]));
}

async fn a_version_is_numbered_and_a_slug_is_taken_once(place: Place) {
    let database = place.open().await;
    let first = version("w1", "v1", "health");
    assert_eq!(database.save_version(&first).await, Ok(1));
    let next = NewVersion {
        hash: "h2".to_owned(),
        ..version("w1", "v2", "health")
    };
    assert_eq!(database.save_version(&next).await, Ok(2));
    let taken = Err(StoreError::SlugTaken("health".to_owned()));
    let rival = version("w2", "v3", "health");
    assert_eq!(database.save_version(&rival).await, taken);
    let hash = async |id: &str| database.version_hash(&id.into()).await;
    assert_eq!(hash("v1").await, Ok(Some("h".to_owned())));
    assert_eq!(hash("v2").await, Ok(Some("h2".to_owned())));
    assert_eq!(hash("v3").await, Ok(None), "nothing of the rival is stored");
}

async fn versions_are_found_by_slug_or_id_and_number(place: Place) {
    let database = place.open().await;
    for id in ["v1", "v2"] {
        let saved = database.save_version(&version("w1", id, "health")).await;
        saved.expect("it is stored");
    }
    let found = async |sought: &str, number: Option<u32>| {
        let card = database.find_version(sought, number).await;
        card.expect("it answers")
            .map(|card| (card.version_id.to_string(), card.number, card.slug))
    };
    let card = |id: &str, number: u32| Some((id.to_owned(), number, "health".to_owned()));
    assert_eq!(found("health", None).await, card("v2", 2));
    assert_eq!(found("w1", Some(1)).await, card("v1", 1));
    assert_eq!(found("health", Some(3)).await, None);
    assert_eq!(found("nobody", None).await, None);
}

async fn ended_runs_expire_by_age_and_by_number_and_are_forgotten_whole(place: Place) {
    let database = place.open().await;
    six_runs(&database).await;
    let expired = async |ended_before: Option<i64>, newest_of_workflow: Option<u32>| {
        let expired = Expired {
            ended_before: ended_before.map(Timestamp::from_micros),
            newest_of_workflow,
        };
        let runs = database.expired_runs(&expired, None, 10).await;
        let runs = runs.expect("it answers").into_iter();
        runs.map(|run| run.to_string()).collect::<Vec<_>>()
    };
    let old = Expired {
        ended_before: Some(Timestamp::from_micros(10)),
        newest_of_workflow: None,
    };
    let behind = database.expired_runs(&old, Some(&"r2".into()), 10).await;
    assert_eq!(behind, Ok(vec!["r4".into(), "r6".into()]));
    assert!(expired(None, None).await.is_empty());
    assert!(expired(Some(9), None).await.is_empty(), "they ended at 9");
    assert_eq!(expired(Some(10), None).await, ["r2", "r4", "r6"]);
    assert_eq!(
        expired(None, Some(1)).await,
        ["r2"],
        "r6 is of another workflow"
    );
    assert_eq!(database.forget_run(&"r2".into()).await, Ok(true));
    assert_eq!(database.forget_run(&"r2".into()).await, Ok(false));
    assert_eq!(
        database.forget_run(&"r1".into()).await,
        Ok(false),
        "it has not ended"
    );
    assert_eq!(database.load(&"r2".into()).await, Ok(None));
    assert_eq!(database.events(&"r2".into(), 0, 10).await, Ok(Vec::new()));
    assert!(
        database
            .load(&"r1".into())
            .await
            .is_ok_and(|run| run.is_some())
    );
}

async fn a_slug_wanted_by_many_at_once_is_given_to_one(place: Place) {
    let database = place.open().await;
    let tries = (0..10).map(|number| {
        let database = Arc::clone(&database);
        let new = version(&format!("w{number}"), &format!("v{number}"), "health");
        tokio::spawn(async move { database.save_version(&new).await })
    });
    let results = futures::future::join_all(tries).await;
    let results: Vec<_> = results.into_iter().map(|r| r.expect("no panic")).collect();
    let taken = Err(StoreError::SlugTaken("health".to_owned()));
    let count = |wanted: &Result<u32, StoreError>| results.iter().filter(|r| *r == wanted).count();
    assert_eq!((count(&Ok(1)), count(&taken)), (1, 9), "{results:?}");
}

async fn workflows_are_listed_by_name_and_found_by_slug_or_id(place: Place) {
    let database = place.open().await;
    assert_eq!(database.list_workflows().await, Ok(Vec::new()));
    // Listed by their bytes, whatever the language of the database.
    let names = ["B", "Z", "a b", "ab", "b", "\u{e4}", "\u{20ac}\u{0}"];
    for (at, name) in names.iter().enumerate().rev() {
        let mut new = version(&format!("w{at}"), &format!("v{at}"), &format!("s{at}"));
        new.definition.name = (*name).to_owned();
        database.save_version(&new).await.expect("it is stored");
    }
    let listed = database.list_workflows().await.expect("it answers");
    let listed: Vec<&str> = listed.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(listed, names);
    for (sought, found) in [
        ("s1", Some("w1")),
        ("w1", Some("w1")),
        ("S1", None),
        ("s1\0", None),
    ] {
        let row = database.workflow(sought).await.expect("it answers");
        assert_eq!(
            row.map(|row| row.id),
            found.map(WorkflowId::new),
            "{sought:?}"
        );
    }
}

/// Runs `r1` to `r6`: every second one has ended, every third one is of workflow `w3`.
async fn six_runs(database: &Database) {
    for number in 1..=6 {
        let mut run = start(&format!("r{number}"));
        if number % 2 == 0 {
            Arc::make_mut(&mut run.summary).status = RunStatus::Completed;
            Arc::make_mut(&mut run.summary).finished_at = Some(Timestamp::from_micros(9));
        }
        if number % 3 == 0 {
            Arc::make_mut(&mut run.summary).header.workflow_id = WorkflowId::new("w3");
        }
        database.commit(run).await.expect("it is stored");
    }
}

async fn runs_are_filtered_newest_first(place: Place) {
    let database = place.open().await;
    six_runs(&database).await;
    let all = RunFilter::default();
    let of_w3 = RunFilter {
        workflow_id: Some("w3".into()),
        ..all.clone()
    };
    let ended = |ended| RunFilter {
        ended: Some(ended),
        ..all.clone()
    };
    let running_w3 = RunFilter {
        status: Some(RunStatus::Running),
        ..of_w3.clone()
    };
    let everything_said = RunFilter {
        status: Some(RunStatus::Completed),
        ended: Some(true),
        ..of_w3.clone()
    };
    for (filter, limit, expected) in [
        (all.clone(), 10, &["r6", "r5", "r4", "r3", "r2", "r1"][..]),
        (all.clone(), 2, &["r6", "r5"]),
        (all.clone(), 0, &[]),
        (ended(true), 10, &["r6", "r4", "r2"]),
        (ended(false), 10, &["r5", "r3", "r1"]),
        (of_w3, 10, &["r6", "r3"]),
        (running_w3, 10, &["r3"]),
        (everything_said, 10, &["r6"]),
    ] {
        let runs = database
            .list_runs(&filter, limit)
            .await
            .expect("it answers");
        let ids: Vec<&str> = runs.iter().map(|run| run.header.run_id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
    let stored = database.run_summary(&"r3".into()).await;
    let mut expected = RunSummary::clone(&start("r3").summary);
    expected.header.workflow_id = WorkflowId::new("w3");
    assert_eq!(stored, Ok(Some(expected)), "every column comes back");
    assert_eq!(database.run_summary(&"r7".into()).await, Ok(None));
}

async fn a_run_is_listed_as_its_last_turn_left_it(place: Place) {
    let database = place.open().await;
    database.commit(start("r1")).await.expect("it is stored");
    let mut turn = progress(&start("r1"), 3);
    let summary = Arc::make_mut(&mut turn.summary);
    summary.percent = 40;
    summary.steps_total = 12;
    summary.steps_done = 5;
    summary.steps_failed = 1;
    summary.waiting_for_people = 2;
    summary.current = Some("Publish".to_owned());
    summary.reason = Some("step_failed".to_owned());
    summary.message = Some("It broke.".to_owned());
    let mut expected = RunSummary::clone(&turn.summary);
    database.commit(turn).await.expect("it is stored");
    let stored = database.run_summary(&"r1".into()).await;
    assert_eq!(stored, Ok(Some(expected.clone())));
    // Into another status, which is written in another way.
    let mut last = progress(&start("r1"), 1);
    last.expected_seq = 4;
    Arc::make_mut(&mut last.events)[0].seq = 5;
    expected.seq = 5;
    expected.status = RunStatus::Failed;
    expected.finished_at = Some(Timestamp::from_micros(9));
    last.summary = Arc::new(expected.clone());
    database.commit(last).await.expect("it is stored");
    let stored = database.run_summary(&"r1".into()).await;
    assert_eq!(stored, Ok(Some(expected)));
}

async fn files_are_kept_while_the_log_is_never_idle(place: Place) {
    let database = place.open().await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = (0..8).map(|writer| {
        let (database, stop) = (Arc::clone(&database), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut runs = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                runs += 1;
                let commit = start(&format!("r{writer}-{runs}"));
                database.commit(commit).await.expect("it is stored");
            }
            runs
        })
    });
    let writing: Vec<_> = writing.collect();
    for at in 0..100 {
        let file = NewArtifact {
            id: ArtifactId::new(format!("a{at}")),
            run_id: "r0-1".into(),
            step_id: "s".into(),
            name: format!("{at}.txt"),
            media_type: "text/plain".to_owned(),
            sha256: "0".repeat(64),
            content: b"text".to_vec(),
            created_at: Timestamp::from_micros(3),
        };
        let kept = database.keep_artifact(&file).await;
        assert!(kept.is_ok(), "file {at}: {kept:?}");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writing {
        assert!(writer.await.expect("no panic") > 0);
    }
}

async fn a_run_in_doubt_waits_for_more_than_its_gates(place: Place) {
    let database = place.open().await;
    for (run, waiting, gates) in [("r1", 1, 1), ("r2", 1, 0), ("r3", 2, 1), ("r4", 0, 0)] {
        let mut commit = start(run);
        Arc::make_mut(&mut commit.summary).waiting_for_people = waiting;
        commit.gates = (0..gates).map(|_| gate_of(run, run)).collect();
        database.commit(commit).await.expect("it is stored");
    }
    let in_doubt = RunFilter {
        in_doubt: true,
        ..RunFilter::default()
    };
    let runs = database.list_runs(&in_doubt, 10).await.expect("it answers");
    let ids: Vec<&str> = runs.iter().map(|run| run.header.run_id.as_str()).collect();
    assert_eq!(ids, ["r3", "r2"]);
    assert_eq!(database.waiting_for_people().await, Ok(4));
}

async fn runs_are_counted_by_state_and_by_who_waits(place: Place) {
    let database = place.open().await;
    assert_eq!(database.waiting_for_people().await, Ok(0));
    assert!(database.stats().await.expect("it answers").is_empty());
    six_runs(&database).await;
    let mut counts: Vec<(String, u32)> = database
        .stats()
        .await
        .expect("it answers")
        .into_iter()
        .map(|count| (count.status.as_str().to_owned(), count.runs))
        .collect();
    counts.sort();
    let expected = [("completed".to_owned(), 3), ("running".to_owned(), 3)];
    assert_eq!(counts, expected);
    database.ping().await.expect("it answers");
}

/// A first turn that opens a gate, asked at that moment.
fn asking(run: &str, gate_id: &str, at: i64) -> Commit {
    let mut opening = start(run);
    Arc::make_mut(&mut opening.events)[0].event = Event::GateOpened {
        step: StepPath::new("publish"),
        gate: GateId::new(gate_id),
        question: Question {
            title: format!("Publish {gate_id}?\0"),
            message: String::new(),
            shown: Vec::new(),
            action: None,
            approvers: None,
        },
        plan_hash: "h".to_owned(),
        deadline: None,
    };
    opening.gates = vec![GateRow {
        opened_at: Timestamp::from_micros(at),
        deadline: Some(Timestamp::from_micros(at + 1)),
        ..gate_of(run, gate_id)
    }];
    opening
}

async fn open_gates_come_oldest_first_with_their_questions(place: Place) {
    let database = place.open().await;
    for (run, gate_id, at) in [
        ("r1", "g1", 7),
        ("r2", "g2", 5),
        ("r3", "g3", 5),
        ("r4", "g4", 1),
    ] {
        let opening = asking(run, gate_id, at);
        database.commit(opening).await.expect("it is stored");
    }
    let closing = Commit {
        gates: vec![GateRow {
            state: GateState::Rejected,
            ..gate_of("r4", "g4")
        }],
        ..progress(&start("r4"), 1)
    };
    database.commit(closing).await.expect("it is stored");
    let ids = |run: Option<&'static str>, limit| {
        let database = Arc::clone(&database);
        async move {
            let run = run.map(RunId::new);
            let gates = database.open_gates(run.as_ref(), limit).await;
            let gates = gates.expect("it answers").into_iter();
            gates.map(|gate| gate.id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(None, 10).await, ["g2", "g3", "g1"]);
    assert_eq!(ids(None, 1).await, ["g2"]);
    assert_eq!(ids(Some("r1"), 10).await, ["g1"]);
    assert!(ids(Some("r4"), 10).await.is_empty());
    assert!(ids(Some("\0"), 10).await.is_empty());
    let gates = database.open_gates(Some(&"r1".into()), 1).await;
    let gate = gates.expect("it answers").remove(0);
    assert_eq!(gate.question.title, "Publish g1?\0");
    assert_eq!(gate.deadline, Some(Timestamp::from_micros(8)));
    assert_eq!(
        (gate.workflow_name.as_str(), gate.plan_hash.as_str()),
        ("Health", "h")
    );
}

async fn a_question_that_cannot_be_read_does_not_hide_the_others(place: Place) {
    let database = place.open().await;
    for (run, gate_id) in [("r1", "g1"), ("r2", "g2")] {
        let opening = asking(run, gate_id, 1);
        database.commit(opening).await.expect("it is stored");
    }
    spoil_event(&database, "r1", 1).await;
    let open = database.open_gates(None, 10).await.expect("it answers");
    let ids: Vec<&str> = open.iter().map(|gate| gate.id.as_str()).collect();
    assert_eq!(ids, ["g2"]);
    let unreadable = database.load(&"r1".into()).await;
    assert!(
        matches!(unreadable, Err(StoreError::Corrupt(_))),
        "{unreadable:?}"
    );
}

/// Makes an event unreadable, as a disk fault might.
async fn spoil_event(database: &Database, run_id: &str, seq: u32) {
    let sql = Sql::of("UPDATE run_events SET payload = '{' WHERE run_id = $1 AND seq = $2");
    let mut change = database.change().await.expect("it answers");
    let spoilt = change.run(sql.bind(run_id).bind(seq)).await;
    assert_eq!(spoilt.expect("it can be spoilt"), 1);
    change.commit().await.expect("it is stored");
}

async fn a_file_is_replaced_by_the_next_of_its_name(place: Place) {
    let database = place.open().await;
    let file = |id: &str, run: &str, content: &[u8]| NewArtifact {
        id: ArtifactId::new(id),
        run_id: RunId::new(run),
        step_id: StepPath::new("report"),
        name: "report.md\0".to_owned(),
        media_type: "text/markdown".to_owned(),
        sha256: "s".to_owned(),
        content: content.to_vec(),
        created_at: Timestamp::from_micros(3),
    };
    let bytes: Vec<u8> = (0..=255).collect();
    let a1 = Ok(ArtifactId::new("a1"));
    assert_eq!(database.keep_artifact(&file("a1", "r1", b"old")).await, a1);
    assert_eq!(database.keep_artifact(&file("a2", "r1", &bytes)).await, a1);
    let a3 = Ok(ArtifactId::new("a3"));
    assert_eq!(database.keep_artifact(&file("a3", "r2", b"")).await, a3);
    let cards = database
        .artifacts_of(&"r1".into())
        .await
        .expect("it answers");
    assert_eq!(cards.len(), 1);
    assert_eq!(
        (cards[0].bytes, cards[0].name.as_str()),
        (256, "report.md\0")
    );
    let kept = database.artifact(&"r1".into(), &"a1".into()).await;
    let kept = kept.expect("it answers").expect("it is there");
    assert_eq!((kept.content, &kept.card), (bytes, &cards[0]));
    let foreign = database.artifact(&"r2".into(), &"a1".into()).await;
    assert!(foreign.expect("it answers").is_none(), "of another run");
    let empty = database.artifact(&"r2".into(), &"a3".into()).await;
    let empty = empty.expect("it answers").expect("it is there");
    assert!(empty.content.is_empty());
}

async fn a_change_that_is_not_committed_leaves_nothing(place: Place) {
    let database = place.open().await;
    database.commit(start("r1")).await.expect("it is stored");
    let mut change = database.change().await.expect("it answers");
    let gone = change.run(Sql::of("DELETE FROM runs")).await;
    assert_eq!(gone.expect("it is done"), 1);
    drop(change);
    // A second one gets through: the first holds nothing any more.
    let change = database.change().await.expect("it answers");
    change.commit().await.expect("it is stored");
    assert_eq!(database.awake_runs().await, Ok(vec!["r1".into()]));
}

async fn a_database_that_was_closed_says_so(place: Place) {
    let database = place.open().await;
    database.close().await;
    let refused = [
        database.commit(start("r1")).await.err(),
        database.ping().await.err(),
        database.save_version(&version("w", "v", "s")).await.err(),
    ];
    for refusal in refused {
        assert!(
            matches!(refusal, Some(StoreError::Unavailable(_))),
            "{refusal:?}"
        );
    }
    drop(database);
    let database = place.open().await;
    assert_eq!(database.awake_runs().await, Ok(Vec::new()));
}

pub(super) fn version(workflow: &str, version: &str, slug: &str) -> NewVersion {
    NewVersion {
        workflow_id: WorkflowId::new(workflow),
        version_id: VersionId::new(version),
        slug: slug.to_owned(),
        is_template: true,
        built_in: false,
        made_from: None,
        follows: None,
        note: String::new(),
        definition: Workflow {
            name: "Health".to_owned(),
            tags: vec!["ops".to_owned(), "n\u{e4}chtlich".to_owned()],
            ..Workflow::default()
        },
        outline: Arc::new(Outline::new(Vec::new(), Vec::new())),
        hash: "h".to_owned(),
        created_by: "local".to_owned(),
        created_at: Timestamp::from_micros(5),
    }
}

fn gate_of(run: &str, id: &str) -> GateRow {
    GateRow {
        id: GateId::new(id),
        ..gate(run, GateState::Open, 1)
    }
}
