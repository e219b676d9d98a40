//! Drafts: one a workflow, changed from a revision, published once.

use super::workflows::version;
use super::{Place, on_both_databases};
use crate::engine::ids::DraftId;
use crate::engine::time::Timestamp;
use crate::engine::workflow::Workflow;
use crate::store::{Database, DraftRow, NewVersion, Publication, PublishedDraft, StoreError};

on_both_databases!(
    a_draft_comes_back_as_it_was_kept,
    a_workflow_has_one_draft_at_a_time,
    a_change_from_an_outdated_revision_is_refused,
    drafts_are_listed_newest_first_and_deleted,
    a_published_draft_is_gone_and_leaves_a_note,
    what_cannot_be_published_stays_a_draft,
);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn row(id: &str, workflow: Option<&str>) -> DraftRow {
    DraftRow {
        id: DraftId::new(id),
        workflow_id: workflow.map(Into::into),
        based_on: workflow.map(|_| 1),
        made_from: Some("a template".into()),
        name: "Half".to_owned(),
        revision: 1,
        created_at: at(3),
        updated_at: at(4),
        updated_by: "local".to_owned(),
    }
}

fn half() -> Workflow {
    Workflow {
        name: "Half \u{0}\u{1a}".to_owned(),
        description: "broken".to_owned(),
        ..Workflow::default()
    }
}

async fn begin(database: &Database, id: &str, workflow: Option<&str>) -> bool {
    let made = database.make_draft(&row(id, workflow), &half()).await;
    made.expect("it is stored")
}

async fn with_workflow(place: &Place) -> std::sync::Arc<Database> {
    let database = place.open().await;
    let first = version("w", "v1", "W");
    database.save_version(&first).await.expect("it is stored");
    database
}

async fn a_draft_comes_back_as_it_was_kept(place: Place) {
    let database = with_workflow(&place).await;
    assert!(begin(&database, "d1", None).await);
    assert!(begin(&database, "d2", Some("w")).await);
    for (id, workflow) in [("d1", None), ("d2", Some("w"))] {
        let kept = database.draft(&id.into()).await;
        assert_eq!(kept, Ok(Some((row(id, workflow), half()))));
    }
    assert_eq!(database.draft(&"none".into()).await, Ok(None));
    assert_eq!(database.count_drafts().await, Ok(2));
}

async fn a_workflow_has_one_draft_at_a_time(place: Place) {
    let database = with_workflow(&place).await;
    assert!(begin(&database, "d1", Some("w")).await);
    assert!(!begin(&database, "d2", Some("w")).await);
    let of_w = database.draft_of(&"w".into()).await.expect("it answers");
    assert_eq!(of_w.map(|(row, _)| row.id), Some("d1".into()));
    assert_eq!(database.draft(&"d2".into()).await, Ok(None));
    assert_eq!(database.draft_of(&"x".into()).await, Ok(None));
}

async fn a_change_from_an_outdated_revision_is_refused(place: Place) {
    let database = with_workflow(&place).await;
    begin(&database, "d", None).await;
    let d = DraftId::new("d");
    let save = async |revision: u32, name: &str| {
        let document = Workflow {
            name: name.to_owned(),
            ..half()
        };
        let saving = database.save_draft(&d, revision, &document, "ada", at(8));
        saving.await
    };
    assert_eq!(save(1, "Second").await, Ok(()));
    assert_eq!(save(1, "Other tab").await, Err(StoreError::Stale));
    assert_eq!(save(3, "Ahead").await, Err(StoreError::Stale));
    let (kept, document) = database
        .draft(&d)
        .await
        .expect("it answers")
        .expect("there");
    assert_eq!(document.name, "Second");
    let expected = DraftRow {
        name: "Second".to_owned(),
        revision: 2,
        updated_at: at(8),
        updated_by: "ada".to_owned(),
        ..row("d", None)
    };
    assert_eq!(kept, expected);
}

async fn drafts_are_listed_newest_first_and_deleted(place: Place) {
    let database = with_workflow(&place).await;
    for id in ["d1", "d2", "d3"] {
        begin(&database, id, None).await;
    }
    let listed = async |before: Option<&str>, limit: u32| {
        let before = before.map(DraftId::new);
        let rows = database.list_drafts(before.as_ref(), limit).await;
        let rows = rows.expect("it answers").into_iter();
        rows.map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 2).await, ["d3", "d2"]);
    assert_eq!(listed(Some("d2"), 2).await, ["d1"]);
    assert_eq!(database.delete_draft(&"d2".into()).await, Ok(true));
    assert_eq!(database.delete_draft(&"d2".into()).await, Ok(false));
    assert_eq!(listed(None, 9).await, ["d3", "d1"]);
}

async fn a_published_draft_is_gone_and_leaves_a_note(place: Place) {
    let database = with_workflow(&place).await;
    begin(&database, "d1", Some("w")).await;
    let next = NewVersion {
        follows: Some(1),
        ..version("w", "v2", "W")
    };
    let publish = async |id: &str, publication: Publication<'_>| {
        database
            .publish_draft(&id.into(), 1, publication, at(9))
            .await
    };
    assert_eq!(publish("d1", Publication::Version(&next)).await, Ok(2));
    let known = |number: u32, is_new: bool| PublishedDraft {
        workflow_id: "w".into(),
        number,
        is_new,
    };
    let note = database.published_draft(&"d1".into()).await;
    assert_eq!(note, Ok(Some(known(2, true))));
    assert_eq!(database.draft(&"d1".into()).await, Ok(None));
    let again = publish("d1", Publication::Version(&next)).await;
    assert_eq!(again, Err(StoreError::Stale));
    let card = database.workflow("w").await.expect("it answers");
    assert_eq!(card.map(|row| row.version), Some(2));

    begin(&database, "d2", Some("w")).await;
    let w = "w".into();
    assert_eq!(publish("d2", Publication::Known(&w, 2)).await, Ok(2));
    let note = database.published_draft(&"d2".into()).await;
    assert_eq!(note, Ok(Some(known(2, false))));
    assert_eq!(database.published_draft(&"d3".into()).await, Ok(None));
}

async fn what_cannot_be_published_stays_a_draft(place: Place) {
    let database = with_workflow(&place).await;
    begin(&database, "d", None).await;
    let d = DraftId::new("d");
    let stays = async |revision: u32, new: &NewVersion, why: StoreError| {
        let publication = Publication::Version(new);
        let published = database.publish_draft(&d, revision, publication, at(9));
        assert_eq!(published.await, Err(why));
        let draft = database.draft(&d).await.expect("it answers");
        assert!(draft.is_some());
        assert_eq!(database.published_draft(&d).await, Ok(None));
    };
    let fresh = version("fresh", "f1", "Fresh");
    stays(2, &fresh, StoreError::Stale).await;
    assert_eq!(database.workflow("fresh").await, Ok(None));
    let taken = NewVersion {
        slug: "w".to_owned(),
        ..fresh
    };
    stays(1, &taken, StoreError::SlugTaken("w".to_owned())).await;
    let behind = NewVersion {
        follows: Some(7),
        ..version("w", "v8", "W")
    };
    stays(1, &behind, StoreError::Stale).await;
}
