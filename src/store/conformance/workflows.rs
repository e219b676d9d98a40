//! Workflows over their life: found by what is in them, versioned with notes, deleted and brought back.

use std::sync::Arc;

use super::{Place, on_both_databases, start};
use crate::engine::ids::{TriggerId, VersionId, WorkflowId};
use crate::engine::plan::Outline;
use crate::engine::state::RunStatus;
use crate::engine::time::Timestamp;
use crate::engine::trigger::{Source, Trigger, Webhook};
use crate::engine::workflow::{Body, Step, StepKind, Workflow};
use crate::store::sql::Sql;
use crate::store::{
    Database, NewVersion, Shelf, Store, StoreError, TriggerStore, WorkflowChange, WorkflowFilter,
};

on_both_databases!(
    a_version_follows_the_one_it_was_made_from_or_is_stale,
    versions_are_listed_newest_first_with_note_and_open_runs,
    workflows_are_found_by_what_is_in_them_a_page_at_a_time,
    what_an_earlier_release_stored_is_found_after_the_next_start,
    uses_of_a_template_are_counted,
    a_deleted_workflow_is_off_the_lists_and_comes_back_as_it_was,
    triggers_are_off_while_their_workflow_is_deleted,
    several_changes_are_stored_together_or_not_at_all,
);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(super) fn version(workflow: &str, version: &str, name: &str) -> NewVersion {
    NewVersion {
        workflow_id: WorkflowId::new(workflow),
        version_id: VersionId::new(version),
        slug: workflow.to_owned(),
        is_template: false,
        built_in: false,
        made_from: None,
        follows: None,
        note: format!("why {version}"),
        definition: Workflow {
            name: name.to_owned(),
            ..Workflow::default()
        },
        outline: Arc::new(Outline::new(Vec::new(), Vec::new())),
        hash: format!("hash of {version}"),
        created_by: "local".to_owned(),
        created_at: at(5),
    }
}

pub(super) async fn save(database: &Database, new: NewVersion) {
    database.save_version(&new).await.expect("it is stored");
}

async fn a_version_follows_the_one_it_was_made_from_or_is_stale(place: Place) {
    let database = place.open().await;
    let follows = |version_id: &str, number: u32| NewVersion {
        follows: Some(number),
        ..version("w", version_id, "W")
    };
    assert_eq!(database.save_version(&follows("v1", 0)).await, Ok(1));
    assert_eq!(database.save_version(&follows("v2", 1)).await, Ok(2));
    let stale = Err(StoreError::Stale);
    assert_eq!(database.save_version(&follows("v3", 1)).await, stale);
    assert_eq!(database.version_hash(&"v3".into()).await, Ok(None));
    database
        .delete_workflow(&"w".into(), at(9))
        .await
        .expect("it is stored");
    assert_eq!(database.save_version(&follows("v4", 2)).await, stale);
    database
        .undelete_workflow(&"w".into(), at(9))
        .await
        .expect("it is stored");
    let rivals = ["a", "b", "c", "d"].map(|id| {
        let (database, new) = (Arc::clone(&database), follows(id, 2));
        tokio::spawn(async move { database.save_version(&new).await })
    });
    let answers = futures::future::join_all(rivals).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Ok(3))))
        .count();
    assert_eq!(won, 1, "{answers:?}");
}

async fn versions_are_listed_newest_first_with_note_and_open_runs(place: Place) {
    let database = place.open().await;
    for id in ["v1", "v2", "v3"] {
        save(&database, version("w", id, "W")).await;
    }
    save(&database, version("other", "o1", "O")).await;
    for (run, version, ended) in [
        ("r1", "v1", false),
        ("r2", "v1", false),
        ("r3", "v1", true),
        ("r4", "v3", true),
    ] {
        let mut run = start(run);
        let summary = Arc::make_mut(&mut run.summary);
        summary.header.version_id = version.into();
        if ended {
            summary.status = RunStatus::Completed;
            summary.finished_at = Some(at(9));
        }
        database.commit(run).await.expect("it is stored");
    }
    let w = WorkflowId::new("w");
    let listed = async |before: Option<u32>, limit: u32| {
        let rows = database.versions_of(&w, before, limit).await;
        let rows = rows.expect("it answers").into_iter();
        rows.map(|row| (row.number, row.note, row.is_current, row.open_runs))
            .collect::<Vec<_>>()
    };
    let row =
        |number: u32, open_runs: u32| (number, format!("why v{number}"), number == 3, open_runs);
    assert_eq!(listed(None, 2).await, [row(3, 0), row(2, 0)]);
    assert_eq!(listed(Some(2), 2).await, [row(1, 2)]);
    let found = database.version(&w, 1).await.expect("it answers");
    let found = found.expect("it is there");
    assert_eq!(
        (found.id, found.hash, found.created_at),
        ("v1".into(), "hash of v1".to_owned(), at(5))
    );
    assert_eq!(database.version(&w, 4).await, Ok(None));
}

/// `deploy` and its two like; each step and tag that is looked for is in one of them.
pub(super) async fn three(database: &Database) {
    let call = |id: &str, tool: &str| Step {
        id: id.into(),
        name: Some(format!("The Step {id}")),
        tool: Some(tool.to_owned()),
        ..Step::default()
    };
    let mut deploy = version("deploy", "d1", "Deploy to M\u{dc}NCHEN");
    deploy.definition.tags = vec!["Ops".to_owned(), "50%_!".to_owned()];
    deploy.definition.steps = vec![call("roll", "http.request")];
    let mut survey = version("survey", "s1", "Survey");
    survey.is_template = true;
    survey.definition.description = "asks\n many   endpoints".to_owned();
    survey.definition.tags = vec!["oops".to_owned(), "a#ops".to_owned()];
    survey.definition.steps = vec![Step {
        id: "each".into(),
        kind: StepKind::Map,
        body: Some(Body {
            steps: vec![call("ask", "probe.http")],
            edges: Vec::new(),
        }),
        ..Step::default()
    }];
    let third = version("zero\u{0}", "z1", "Zero \u{0} one");
    for new in [deploy, survey, third] {
        save(database, new).await;
    }
}

async fn workflows_are_found_by_what_is_in_them_a_page_at_a_time(place: Place) {
    let database = place.open().await;
    three(&database).await;
    let found = async |filter: WorkflowFilter, limit: u32| {
        let rows = database.find_workflows(&filter, limit).await;
        let rows = rows.expect("it answers").into_iter();
        rows.map(|row| row.slug).collect::<Vec<_>>()
    };
    let words = |text: &str| WorkflowFilter {
        words: text.split(' ').map(str::to_owned).collect(),
        ..WorkflowFilter::default()
    };
    for (sought, expected) in [
        ("m\u{fc}nchen", &["deploy"][..]),
        ("HTTP", &["deploy", "survey"]),
        ("http survey", &["survey"]),
        ("probe.http", &["survey"]),
        ("STEP ask", &["survey"]),
        ("many endpoints", &["survey"]),
        ("50%_!", &["deploy"]),
        ("%", &["deploy"]),
        ("d_ploy", &[]),
        ("\u{0}", &["zero\u{0}"]),
        ("'; --", &[]),
    ] {
        assert_eq!(found(words(sought), 9).await, expected, "{sought:?}");
    }
    let tagged = |tag: &str| WorkflowFilter {
        tag: Some(tag.to_owned()),
        ..WorkflowFilter::default()
    };
    for (tag, expected) in [("ops", &["deploy"][..]), ("OOPS", &["survey"]), ("op", &[])] {
        assert_eq!(found(tagged(tag), 9).await, expected, "{tag}");
    }
    for (shelf, expected) in [
        (Shelf::All, &["deploy", "survey", "zero\u{0}"][..]),
        (Shelf::Mine, &["deploy", "zero\u{0}"]),
        (Shelf::Shared, &[]),
        (Shelf::Templates, &["survey"]),
        (Shelf::Deleted, &[]),
    ] {
        let filter = WorkflowFilter {
            shelf,
            actor: "local".to_owned(),
            ..WorkflowFilter::default()
        };
        assert_eq!(found(filter, 9).await, expected, "{shelf:?}");
    }
    save(&database, version("another", "a1", "Survey")).await;
    let mut seen = Vec::new();
    let mut filter = WorkflowFilter::default();
    while let Some(row) = database
        .find_workflows(&filter, 1)
        .await
        .expect("it answers")
        .pop()
    {
        filter.after = Some((row.name, row.id));
        seen.push(row.slug);
    }
    assert_eq!(seen, ["deploy", "another", "survey", "zero\u{0}"]);
}

async fn what_an_earlier_release_stored_is_found_after_the_next_start(place: Place) {
    let database = place.open().await;
    three(&database).await;
    let mut change = database.change().await.expect("it begins");
    change
        .run(Sql::of("UPDATE workflows SET search = NULL"))
        .await
        .expect("it is changed");
    change.commit().await.expect("it is stored");
    let filter = WorkflowFilter {
        words: vec!["probe.http".to_owned()],
        ..WorkflowFilter::default()
    };
    let found = async || {
        let rows = database.find_workflows(&filter, 9).await;
        rows.expect("it answers").len()
    };
    assert_eq!(found().await, 0);
    let mut change = database.change().await.expect("it begins");
    let spoilt = "UPDATE workflow_versions SET definition = '{' WHERE workflow_id = 'deploy'";
    change.run(Sql::of(spoilt)).await.expect("it is changed");
    change.commit().await.expect("it is stored");
    assert_eq!(database.index_workflows().await, Ok(3));
    assert_eq!(found().await, 1);
    assert_eq!(database.index_workflows().await, Ok(0));
}

async fn uses_of_a_template_are_counted(place: Place) {
    let database = place.open().await;
    save(&database, version("t", "t1", "T")).await;
    for id in ["a", "b"] {
        let made = NewVersion {
            made_from: Some("t".into()),
            ..version(id, id, id)
        };
        save(&database, made).await;
    }
    save(&database, version("a", "a2", "A")).await;
    let row = async |id: &str| {
        let row = database.workflow(id).await.expect("it answers");
        row.expect("it is there")
    };
    assert_eq!((row("t").await.uses, row("a").await.uses), (2, 0));
    assert_eq!(row("a").await.made_from, Some("t".into()), "kept over v2");
}

async fn a_deleted_workflow_is_off_the_lists_and_comes_back_as_it_was(place: Place) {
    let database = place.open().await;
    for id in ["w", "x"] {
        save(&database, version(id, &format!("{id}1"), id)).await;
    }
    let w = WorkflowId::new("w");
    let card = async |number: Option<u32>| {
        let card = database.find_version("w", number).await;
        card.expect("it answers").expect("it is there").deleted
    };
    assert!(!card(None).await && !card(Some(1)).await);
    let before = database.workflow("w").await.expect("it answers");
    assert_eq!(database.delete_workflow(&w, at(7)).await, Ok(true));
    assert_eq!(database.delete_workflow(&w, at(8)).await, Ok(false));
    assert!(card(None).await && card(Some(1)).await, "nothing outdated");
    let row = database.workflow("w").await.expect("it answers");
    assert_eq!(row.expect("it can be read").deleted_at, Some(at(7)));
    let listed = database.list_workflows().await.expect("it answers");
    assert_eq!(listed.len(), 1);
    let rival = NewVersion {
        slug: "w".to_owned(),
        ..version("w2", "w21", "W")
    };
    let taken = Err(StoreError::SlugTaken("w".to_owned()));
    assert_eq!(database.save_version(&rival).await, taken);
    assert_eq!(database.undelete_workflow(&w, at(9)).await, Ok(true));
    assert_eq!(database.undelete_workflow(&w, at(9)).await, Ok(false));
    assert_eq!(database.workflow("w").await, Ok(before));
    assert!(!card(None).await);
}

async fn triggers_are_off_while_their_workflow_is_deleted(place: Place) {
    let database = place.open().await;
    for id in ["w", "x"] {
        save(&database, version(id, &format!("{id}1"), id)).await;
    }
    let trigger = |id: &str, workflow: &str, enabled: bool| Trigger {
        id: TriggerId::new(id),
        workflow_id: workflow.into(),
        name: id.to_owned(),
        enabled,
        source: Source::Webhook(Webhook::default()),
        since: at(1),
        created_at: at(1),
    };
    for (id, workflow, enabled) in [("on", "w", true), ("off", "w", false), ("other", "x", true)] {
        let trigger = trigger(id, workflow, enabled);
        database.save_trigger(&trigger).await.expect("it is stored");
    }
    let enabled = async || {
        let rows = database.enabled_triggers().await.expect("it answers");
        let rows = rows.into_iter().map(|row| row.trigger);
        rows.map(|trigger| (trigger.id.to_string(), trigger.since))
            .collect::<Vec<_>>()
    };
    let w = WorkflowId::new("w");
    assert_eq!(database.delete_workflow(&w, at(7)).await, Ok(true));
    assert_eq!(enabled().await, [("other".to_owned(), at(1))]);
    assert_eq!(database.undelete_workflow(&w, at(9)).await, Ok(true));
    let back = [("on".to_owned(), at(9)), ("other".to_owned(), at(1))];
    assert_eq!(enabled().await, back, "what it missed is over");
}

async fn several_changes_are_stored_together_or_not_at_all(place: Place) {
    let database = place.open().await;
    save(&database, version("w", "w1", "W")).await;
    let w = WorkflowId::new("w");
    assert_eq!(database.delete_workflow(&w, at(7)).await, Ok(true));
    let changes = |follows: u32| {
        let next = NewVersion {
            follows: Some(follows),
            ..version("w", "w2", "W")
        };
        [
            WorkflowChange::Version(Box::new(version("new", "n1", "New"))),
            WorkflowChange::BringBack("w".into()),
            WorkflowChange::Version(Box::new(next)),
        ]
    };
    let stale = Err(StoreError::Stale);
    assert_eq!(database.change_workflows(&changes(5), at(8)).await, stale);
    assert_eq!(database.workflow("new").await, Ok(None));
    let row = database.workflow("w").await.expect("it answers");
    assert!(row.is_some_and(|row| row.deleted_at.is_some()));
    assert_eq!(database.change_workflows(&changes(1), at(8)).await, Ok(()));
    let row = database.workflow("w").await.expect("it answers");
    assert!(row.is_some_and(|row| row.deleted_at.is_none() && row.version == 2));
    assert!(
        database
            .workflow("new")
            .await
            .is_ok_and(|row| row.is_some())
    );
}
