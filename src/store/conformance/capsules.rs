//! Capsules: kept once, listed, let go; and the one key of a purpose.

use super::{Place, on_both_databases};
use crate::engine::ids::CapsuleId;
use crate::engine::state::RunStatus;
use crate::engine::summary::{RunHeader, RunSummary};
use crate::engine::time::Timestamp;
use crate::store::CapsuleRow;

on_both_databases!(
    a_capsule_comes_back_as_it_was_kept,
    the_first_opening_stays,
    capsules_are_listed_the_last_opened_first_and_forgotten,
    the_first_key_of_a_purpose_stays,
);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn row(id: &str, opened: i64) -> CapsuleRow {
    let header = RunHeader {
        run_id: "r".into(),
        workflow_id: "w".into(),
        version_id: "v".into(),
        workflow_slug: "w".to_owned(),
        workflow_name: "W \u{0}\u{1a} ü".to_owned(),
        version: 3,
        created_at: at(1),
    };
    let run = RunSummary {
        header,
        seq: 9,
        status: RunStatus::Failed,
        reason: Some("step_failed".to_owned()),
        message: None,
        percent: 50,
        steps_total: 2,
        steps_done: 1,
        steps_failed: 1,
        waiting_for_people: 0,
        current: None,
        started_by: "ann".to_owned(),
        started_at: Some(at(2)),
        finished_at: Some(at(3)),
    };
    CapsuleRow {
        id: CapsuleId::new(id),
        run,
        exported_at: at(4),
        exported_by: "ann".to_owned(),
        signed_with: "SHA256:a".to_owned(),
        bytes: 5_000_000,
        opened_at: at(opened),
        opened_by: "ben".to_owned(),
    }
}

async fn a_capsule_comes_back_as_it_was_kept(place: Place) {
    let database = place.open().await;
    let row = row("c", 7);
    let content = [0, 10, 255];
    let kept = database.keep_capsule(&row, &content).await;
    kept.expect("it is kept");
    let found = database.capsule(&row.id).await.expect("it is read");
    assert_eq!(found, Some((row, content.to_vec())));
    let none = database.capsule(&"d".into()).await.expect("it is read");
    assert_eq!(none, None);
}

async fn the_first_opening_stays(place: Place) {
    let database = place.open().await;
    assert_eq!(database.capsules_kept().await, Ok((0, 0)));
    for (opened, is_new) in [(7, true), (8, false)] {
        let kept = database.keep_capsule(&row("c", opened), b"same").await;
        assert_eq!(kept, Ok(is_new));
    }
    assert_eq!(database.capsules_kept().await, Ok((1, 5_000_000)));
    let listed = database.list_capsules(9).await.expect("they are listed");
    assert_eq!(listed, [row("c", 7)]);
}

async fn capsules_are_listed_the_last_opened_first_and_forgotten(place: Place) {
    let database = place.open().await;
    for (id, opened) in [("b", 7), ("c", 9), ("a", 8)] {
        let kept = database.keep_capsule(&row(id, opened), b"").await;
        kept.expect("it is kept");
    }
    let listed = async |limit| {
        let listed = database.list_capsules(limit).await;
        let ids = listed.expect("they are listed").into_iter();
        ids.map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(2).await, ["c", "a"]);
    assert_eq!(database.forget_capsule(&"c".into()).await, Ok(true));
    assert_eq!(database.forget_capsule(&"c".into()).await, Ok(false));
    assert_eq!(listed(9).await, ["a", "b"]);
}

async fn the_first_key_of_a_purpose_stays(place: Place) {
    let database = place.open().await;
    assert_eq!(database.signing_key("capsule").await, Ok(None));
    for key in [b"one", b"two"] {
        let kept = database.keep_signing_key("capsule", key, at(1)).await;
        kept.expect("it is kept");
    }
    let kept = database.keep_signing_key("other", b"three", at(1)).await;
    kept.expect("it is kept");
    let found = database.signing_key("capsule").await;
    assert_eq!(found, Ok(Some(b"one".to_vec())));
}
