//! What the page of all workflows asks beside the list itself: how many there are, what they are tagged with, and how the
//! last run of each went.

use super::workflows::{save, three, version};
use super::{Place, on_both_databases, start};
use crate::engine::ids::{RunId, WorkflowId};
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::store::{Commit, NewVersion, Shelf, ShelfCounts, Store, WorkflowFilter};
use std::sync::Arc;

on_both_databases!(
    each_shelf_is_counted_for_whoever_looks,
    tags_are_counted_where_they_are_looked_for,
    the_last_run_of_each_workflow_is_found_at_once,
    a_template_of_ones_own_becomes_a_workflow_like_any_other,
);

fn by(actor: &str) -> WorkflowFilter {
    WorkflowFilter {
        actor: actor.to_owned(),
        ..WorkflowFilter::default()
    }
}

async fn each_shelf_is_counted_for_whoever_looks(place: Place) {
    let database = place.open().await;
    let counts = async |filter: &WorkflowFilter| {
        let counts = database.count_workflows(filter).await;
        counts.expect("it answers")
    };
    assert_eq!(counts(&by("local")).await, ShelfCounts::default());
    three(&database).await;
    let of_ann = NewVersion {
        created_by: "ann".to_owned(),
        ..version("anns", "anns1", "Of Ann")
    };
    save(&database, of_ann).await;
    // Whoever writes the next version has not made the workflow.
    save(&database, version("anns", "anns2", "Of Ann, changed")).await;
    save(&database, version("gone", "gone1", "Gone")).await;
    let gone = database
        .delete_workflow(&"gone".into(), Timestamp::from_micros(7))
        .await;
    assert_eq!(gone, Ok(true));
    let seen = |mine: u32, shared: u32| ShelfCounts {
        all: 4,
        mine,
        shared,
        templates: 1,
        deleted: 1,
    };
    assert_eq!(counts(&by("local")).await, seen(2, 1));
    assert_eq!(counts(&by("ann")).await, seen(1, 2));
    for (shelf, expected) in [
        (Shelf::Mine, &["anns"][..]),
        (Shelf::Shared, &["deploy", "zero\u{0}"]),
    ] {
        let filter = WorkflowFilter { shelf, ..by("ann") };
        let rows = database.find_workflows(&filter, 9).await;
        let rows = rows.expect("it answers").into_iter();
        let slugs: Vec<String> = rows.map(|row| row.slug).collect();
        assert_eq!(slugs, expected, "{shelf:?}");
    }
    let narrow = WorkflowFilter {
        shelf: Shelf::Mine,
        words: vec!["http".to_owned()],
        tag: Some("OPS".to_owned()),
        ..by("local")
    };
    let expected = ShelfCounts {
        all: 1,
        mine: 1,
        ..ShelfCounts::default()
    };
    assert_eq!(counts(&narrow).await, expected);
}

async fn tags_are_counted_where_they_are_looked_for(place: Place) {
    let database = place.open().await;
    for (id, tags) in [
        ("a", &["ops", "web"][..]),
        ("b", &["ops", "web"]),
        ("c", &["web"]),
        ("d", &[]),
    ] {
        let mut new = version(id, id, id);
        new.definition.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        new.is_template = id == "c";
        save(&database, new).await;
    }
    let tags = async |filter: WorkflowFilter| {
        let tags = database.tags_of_workflows(&filter).await;
        let tags = tags.expect("it answers").into_iter();
        tags.map(|(tags, count)| (tags.join(" "), count))
            .collect::<Vec<_>>()
    };
    let expected = [
        ("ops web".to_owned(), 2),
        ("web".to_owned(), 1),
        (String::new(), 1),
    ];
    assert_eq!(tags(by("local")).await, expected);
    let templates = WorkflowFilter {
        shelf: Shelf::Templates,
        ..by("local")
    };
    assert_eq!(tags(templates).await, [("web".to_owned(), 1)]);
    let tagged = WorkflowFilter {
        tag: Some("ops".to_owned()),
        ..by("local")
    };
    assert_eq!(tags(tagged).await, [("ops web".to_owned(), 2)]);
}

async fn the_last_run_of_each_workflow_is_found_at_once(place: Place) {
    let database = place.open().await;
    for id in ["w", "x", "idle"] {
        save(&database, version(id, &format!("{id}1"), id)).await;
    }
    for (run, workflow) in [("r1", "w"), ("r2", "x"), ("r3", "w")] {
        let commit = start(run);
        let summary = RunSummary {
            header: RunHeader {
                workflow_id: workflow.into(),
                ..commit.summary.header.clone()
            },
            ..RunSummary::clone(&commit.summary)
        };
        let commit = Commit {
            summary: Arc::new(summary),
            ..commit
        };
        database.commit(commit).await.expect("it is stored");
    }
    let last = async |workflows: &[&str]| {
        let ids: Vec<WorkflowId> = workflows.iter().map(|&id| id.into()).collect();
        let runs = database.last_runs(&ids).await;
        let runs = runs.expect("it answers").into_iter();
        let mut ids: Vec<RunId> = runs.map(|run| run.header.run_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(
        last(&["w", "x", "idle", "none"]).await,
        ["r2", "r3"].map(RunId::new)
    );
    assert_eq!(last(&["idle"]).await, []);
    assert_eq!(last(&[]).await, []);
}

async fn a_template_of_ones_own_becomes_a_workflow_like_any_other(place: Place) {
    let database = place.open().await;
    for (id, built_in) in [("own", false), ("shipped", true), ("gone", false)] {
        let new = NewVersion {
            is_template: true,
            built_in,
            ..version(id, id, id)
        };
        save(&database, new).await;
    }
    save(&database, version("plain", "plain", "Plain")).await;
    let now = Timestamp::from_micros(7);
    assert_eq!(
        database.delete_workflow(&"gone".into(), now).await,
        Ok(true)
    );
    for (id, was_one) in [
        ("own", true),
        ("own", false),
        ("shipped", false),
        ("gone", false),
        ("plain", false),
        ("none", false),
    ] {
        let done = database.withdraw_template(&id.into()).await;
        assert_eq!(done, Ok(was_one), "{id}");
    }
    let is_template = async |id: &str| {
        let row = database.workflow(id).await.expect("it answers");
        row.expect("it is there").is_template
    };
    assert!(!is_template("own").await);
    assert!(is_template("shipped").await && is_template("gone").await);
}
